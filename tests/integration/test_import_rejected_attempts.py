"""Attempts that put rejected rows to one place: the later one has all of its own, the earlier one ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import OptionError, SupersededError
from airflow_provider_cqlai.engine.importing.outcome import journal
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.integration.import_cases import import_files, rows_of, write_parquet
from tests.journal_files import FileJournalStore

FILES = 5
FILE_ROWS = 600
# Every tenth row of a file.
BAD_ROWS = FILES * FILE_ROWS // 10


class FreezingStore(FileJournalStore):
    """Calls ``meanwhile`` once, at the second text that is saved with finished row groups: as a process that is frozen
    there while others go on."""

    def __init__(self, path: Path, meanwhile: Callable[[], None]) -> None:
        super().__init__(path)
        self._meanwhile = meanwhile
        self._left = 2

    def save(self, text: str) -> None:
        super().save(text)
        self._left -= '"finished": {"0"' in text
        if not self._left:
            self._left = -1
            self._meanwhile()


@pytest.fixture
def files(session: Session, keyspace: str, tmp_path: Path) -> Path:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    session.execute(f"CREATE TABLE {keyspace}.other (k int PRIMARY KEY, v int)")
    for number in range(FILES):
        keys = range(number * FILE_ROWS, (number + 1) * FILE_ROWS)
        table = pa.table({"k": pa.array(keys, pa.int32()), "v": [2**40 if key % 10 == 0 else key for key in keys]})
        (tmp_path / "in").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet", row_group_size=FILE_ROWS // 3)
    return tmp_path / "in"


@pytest.fixture(autouse=True)
def _every_group_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_SAVE_SECONDS", 0.0)


def keys_in(path: Path) -> list[int]:
    return sorted(pq.read_table(path)["k"].to_pylist())


def test_frozen_first_try_and_its_retry(session: Session, keyspace: str, tmp_path: Path, files: Path) -> None:
    rejected_path = tmp_path / "r.parquet"
    options: dict[str, Any] = {"max_errors": BAD_ROWS, "rejected_path": rejected_path}
    values = CopyFromOptions(table=f"{keyspace}.t", path=str(files), **options)
    bad = list(range(0, FILES * FILE_ROWS, 10))

    def retry() -> None:
        result = copy_from(session, values, journal_store=FileJournalStore(tmp_path / "journal"))
        assert result.resumed_rows > 0
        assert result.rejected_rows == BAD_ROWS
        assert keys_in(rejected_path) == bad

    with pytest.raises(SupersededError, match=r"rejected_path is another attempt's by now.*r\.parquet"):
        copy_from(session, values, journal_store=FreezingStore(tmp_path / "journal", retry))
    assert keys_in(rejected_path) == bad
    assert not [path for path in tmp_path.iterdir() if "parts" in path.name]
    assert len(rows_of(session, keyspace, "t")) == FILES * FILE_ROWS - BAD_ROWS


def test_two_imports_at_once_do_not_mix_their_rows(
    session: Session, keyspace: str, tmp_path: Path, files: Path
) -> None:
    rejected_path = tmp_path / "r.parquet"
    options: dict[str, Any] = {"max_errors": BAD_ROWS, "rejected_path": rejected_path}
    other = write_parquet(tmp_path / "other.parquet", k=[1, 2], v=[1, 2**40])

    def meanwhile() -> None:
        import_files(session, keyspace, "other", other, **options)

    values = CopyFromOptions(table=f"{keyspace}.t", path=str(files), **options)
    with pytest.raises(SupersededError, match=r"\{run_id\}, \{table\} and \{window_start\}"):
        copy_from(session, values, journal_store=FreezingStore(tmp_path / "journal", meanwhile))
    assert keys_in(rejected_path) == [2]
    # The retry has lost what the first try had put aside, and reads those row groups again.
    copy_from(session, values, journal_store=FileJournalStore(tmp_path / "journal"))
    assert keys_in(rejected_path) == list(range(0, FILES * FILE_ROWS, 10))


def test_names_of_rejected_files_are_filled_in(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "a.parquet", k=[1, 2], v=[1, 2**40])
    result = import_files(
        session, keyspace, "t", path, max_errors=1, rejected_path=tmp_path / "{keyspace}.{table}" / "a{{1}}.parquet"
    )
    assert result.rejected_path == str(tmp_path / f"{keyspace}.t" / "a{1}.parquet")
    assert keys_in(Path(result.rejected_path)) == [2]
    for name, problem in (("{window_start}", "has no window"), ("{run_id}", "unknown placeholder"), ("{", "brace")):
        with pytest.raises(OptionError, match=f"rejected_path.*{problem}"):
            import_files(session, keyspace, "t", path, max_errors=1, rejected_path=tmp_path / f"{name}.parquet")


def test_parts_of_a_try_that_was_killed_are_taken_over(
    session: Session, keyspace: str, tmp_path: Path, files: Path
) -> None:
    rejected_path = tmp_path / "r.parquet"
    values = CopyFromOptions(table=f"{keyspace}.t", path=str(files), max_errors=BAD_ROWS, rejected_path=rejected_path)

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_from(session, values, journal_store=FreezingStore(tmp_path / "journal", die))
    parts = tmp_path / ".r.parquet.parts"
    assert len(list(parts.rglob("*.parquet"))) >= 2
    result = copy_from(session, values, journal_store=FileJournalStore(tmp_path / "journal"))
    assert result.resumed_rows > 0
    assert keys_in(rejected_path) == list(range(0, FILES * FILE_ROWS, 10))
    assert not parts.exists()
