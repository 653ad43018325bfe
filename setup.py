"""Names a wheel without the native codec as what it is, for every platform; all else is in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel


class BdistWheel(bdist_wheel):
    """The extension is optional, so only its build tells whether the wheel has it."""

    def get_tag(self) -> tuple[str, str, str]:
        """Of the files that are about to be packed."""
        if any(Path(self.bdist_dir).rglob("_native.*.so")) or any(Path(self.bdist_dir).rglob("_native.pyd")):
            return super().get_tag()
        return "py3", "none", "any"


setup(cmdclass={"bdist_wheel": BdistWheel})
