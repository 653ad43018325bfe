"""``python -m airflow_provider_cqlai``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_cqlai.__main__ import main
from tests.unit.engine.files.publish.publications import publish, read_generation, window_of


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    for day in (1, 2, 4):
        publish(tmp_path, {f"day={day}": "text"}, window=window_of(day), owner="dag/task/run/-1")
    return str(tmp_path)


def test_list_tells_each_window(dataset: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "list", dataset]) == 0
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["window", "rows", "files", "bytes", "published", "owner"]
    assert first.startswith("2024-01-01T00:00:00Z to 2024-01-02T00:00:00Z     4      1      4  20")
    assert first.endswith("dag/task/run/-1")


def test_list_as_json(dataset: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "list", "--json", dataset]) == 0
    windows = json.loads(capsys.readouterr().out)
    assert [window["rows"] for window in windows] == [4, 4, 4]
    assert windows[2]["window"] == {"start": "2024-01-04T00:00:00Z", "end": "2024-01-05T00:00:00Z"}


def test_check_tells_gaps_and_fails_for_problems_only(dataset: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "check", dataset]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "no window covers 2024-01-03T00:00:00Z to 2024-01-04T00:00:00Z",
        "3 windows, 12 rows, 0 problems, 1 gaps",
    ]
    next(Path(dataset).glob("day=1/*")).unlink()
    assert main(["dataset", "check", dataset]) == 1
    assert "missing, with 4 rows" in capsys.readouterr().out


def test_drop_removes_the_windows_that_it_tells(dataset: str, capsys: pytest.CaptureFixture[str]) -> None:
    drop = ["dataset", "drop", "--start", "2024-01-02", "--end", "2024-01-03T00:00:00Z", dataset]
    assert main([*drop, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("would be dropped:")
    assert len(read_generation(dataset)) == 3
    assert main(drop) == 0
    assert "2024-01-02T00:00:00Z to 2024-01-03T00:00:00Z" in capsys.readouterr().out
    assert sorted(read_generation(dataset)) == ["day=1", "day=4"]
    assert main(drop) == 1
    assert "PublishError" in capsys.readouterr().err


def test_connection_beside_a_local_path_is_an_error(dataset: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "list", "--conn-id", "aws_default", dataset]) == 1
    assert "is local and needs no connection" in capsys.readouterr().err
