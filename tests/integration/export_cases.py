"""What tests of exports share: the options of an export, the files that it wrote."""

from pathlib import Path
from typing import Any

from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions


def options(table: str, path: Path | str, **values: Any) -> CopyToOptions:
    """Of an export of ``table`` to ``path``."""
    return CopyToOptions(**{"table": table, "path": str(path), **values})


def data_files(root: Path) -> list[Path]:
    """The Parquet files of a dataset."""
    return sorted(root.glob("**/*.parquet"))
