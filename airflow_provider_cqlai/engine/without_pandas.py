"""Keeps pyarrow from importing pandas, which no verb needs.

pyarrow looks for pandas before it makes its first array, scalar or filter, since those may be of pandas' types. Where
it is installed that costs a second or more, several on a loaded machine, and 80 MB. Note: pyarrow looks once, and again
when `to_pandas` asks for it; so it is told as soon as somebody else imports pandas.
"""

from __future__ import annotations

import functools
import importlib.abc
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pyarrow as pa
import wrapt


class _HidePandas(importlib.abc.MetaPathFinder):
    """Finds no pandas, in the thread that made it."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "pandas" and threading.get_ident() == self._thread:
            raise ModuleNotFoundError("pandas is hidden for a moment", name=name)
        return None


@functools.cache
def leave_pandas_out() -> None:
    """From now on pyarrow leaves pandas alone until somebody imports it. Calling it again does nothing."""
    if "pandas" in sys.modules:
        return
    finder = _HidePandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(finder)
    wrapt.register_post_import_hook(_tell_pyarrow, "pandas")


def _tell_pyarrow(pandas: Any) -> None:
    # Makes it look again, without which it would take a Series for any sequence.
    pa.table({}).to_pandas()
