"""What an import's path may be called."""

from __future__ import annotations

import pytest

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions


@pytest.mark.parametrize("path", ["/d/a.csv", "s3://b/a.JSON.gz", "/d/*.jsonl", ["/d/a.parquet", "/d/b.csv"]])
def test_text_files_are_refused_by_their_names(path: str | list[str]) -> None:
    with pytest.raises(OptionError, match="imports read Parquet, not text") as raised:
        CopyFromOptions(table="k.t", path=path)
    assert raised.value.details["option"] == "path"


@pytest.mark.parametrize("path", ["/d/a.parquet", "/d/a.csv/", "/d/*", "/d/{window_start:%Y.csv}", "/d/a.csv.d"])
def test_other_names_say_nothing(path: str) -> None:
    assert CopyFromOptions(table="k.t", path=path).path == (path,)
