"""A second try of an import on a real server: it goes on where the first ended, or starts over where it must."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import CounterOutcomeError, TooManyRejectedRowsError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.results import ImportResult
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.journal_files import FileJournalStore

GROUP_ROWS = 1000
# Of the last file, far from its begin: what comes before it has finished when an import reaches it.
BAD_ROW = 2500
FILES = 3
FILE_ROWS = 3 * GROUP_ROWS


class Import:
    """Three files of three row groups each. The last file has a value that no int column can hold."""

    def __init__(self, session: Session, table: str, directory: Path) -> None:
        self.session = session
        self.table = table
        self.store = FileJournalStore(directory / "journal")
        self.directory = directory / "files"
        self.directory.mkdir()
        self.rejected_path = directory / "rejected.parquet"
        for number in range(FILES):
            self.write_file(number, bad_rows=[BAD_ROW] if number == FILES - 1 else [])
        self.create_table()

    def write_file(self, number: int, *, bad_rows: list[int], value: int = 0) -> None:
        first = number * FILE_ROWS
        values = [2**40 if row in bad_rows else row % 10 + value for row in range(FILE_ROWS)]
        table = pa.table({"k": pa.array(range(first, first + FILE_ROWS), pa.int32()), "v": pa.array(values)})
        pq.write_table(table, self.directory / f"{number}.parquet", row_group_size=GROUP_ROWS)

    def create_table(self) -> None:
        self.session.execute(f"CREATE TABLE {self.table} (k int PRIMARY KEY, v int)")

    def run(self, **options: Any) -> ImportResult:
        values = {"table": self.table, "path": str(self.directory), **options}
        return copy_from(self.session, CopyFromOptions(**values), journal_store=self.store)

    def fail(self, **options: Any) -> None:
        """A first try that ends at the bad row."""
        with pytest.raises((ValueDoesNotFitError, TooManyRejectedRowsError)):
            self.run(**options)

    def write_times(self) -> dict[int, int]:
        return {row.k: row.w for row in self.session.execute(f"SELECT k, writetime(v) AS w FROM {self.table}")}


@pytest.fixture
def files(session: Session, keyspace: str, tmp_path: Path) -> Import:
    return Import(session, f"{keyspace}.t", tmp_path)


def budget(files: Import, rows: int) -> dict[str, Any]:
    """No part of what must be unchanged: a greater one lets a second try come to its end."""
    return {"max_errors": rows, "rejected_path": str(files.rejected_path)}


def test_finished_row_groups_are_not_read_again(files: Import) -> None:
    files.fail(**budget(files, 0))
    before = files.write_times()
    result = files.run(**budget(files, 1))
    after = files.write_times()
    assert (result.rows + result.resumed_rows, result.rejected_rows) == (FILES * FILE_ROWS - 1, 1)
    # The group with the bad row is the last one.
    assert result.resumed_rows == (FILES * 3 - 1) * GROUP_ROWS
    assert [file.rows_resumed for file in result.files] == [FILE_ROWS, FILE_ROWS, 2 * GROUP_ROWS]
    untouched = {key for key in before if before[key] == after[key]}
    assert untouched == set(range(result.resumed_rows))
    assert set(after) == set(range(FILES * FILE_ROWS)) - {2 * FILE_ROWS + BAD_ROW}
    assert files.store.load() is None


def test_an_import_after_one_that_succeeded_starts_over(files: Import) -> None:
    files.fail(**budget(files, 0))
    files.run(**budget(files, 1))
    assert files.run(**budget(files, 1)).resumed_rows == 0


def change_a_file(files: Import) -> None:
    files.write_file(0, bad_rows=[], value=1)


def create_the_table_anew(files: Import) -> None:
    files.session.execute(f"DROP TABLE {files.table}")
    files.create_table()


def truncate(files: Import) -> None:
    files.session.execute(f"TRUNCATE {files.table}", timeout=60)


def clear(files: Import) -> None:
    files.store = FileJournalStore(files.store.path, "cleared")


@pytest.mark.parametrize("change", [change_a_file, create_the_table_anew, truncate, clear])
def test_a_change_starts_over(files: Import, change: Callable[[Import], None]) -> None:
    files.fail(**budget(files, 0))
    change(files)
    result = files.run(**budget(files, 1))
    assert (result.resumed_rows, result.rows) == (0, FILES * FILE_ROWS - 1)
    assert set(files.write_times()) == set(range(FILES * FILE_ROWS)) - {2 * FILE_ROWS + BAD_ROW}


def test_a_column_that_was_added_is_written_for_every_row(files: Import) -> None:
    for number in range(FILES):
        path = files.directory / f"{number}.parquet"
        rows = pq.read_table(path)
        pq.write_table(rows.append_column("added", rows["k"]), path, row_group_size=GROUP_ROWS)
    files.fail(**budget(files, 0), on_extra_column="ignore")
    files.session.execute(f"ALTER TABLE {files.table} ADD added int")
    result = files.run(**budget(files, 1), on_extra_column="ignore")
    assert (result.resumed_rows, result.rows) == (0, FILES * FILE_ROWS - 1)
    counted = files.session.execute(f"SELECT count(*), count(added) FROM {files.table}", timeout=60).one()
    assert counted[0] == counted[1] == FILES * FILE_ROWS - 1


@pytest.mark.parametrize("options", [{"null_handling": "null"}, {"ttl": 1000}, {"max_rows": FILES * FILE_ROWS}])
def test_other_options_start_over(files: Import, options: dict[str, Any]) -> None:
    files.fail(**budget(files, 0))
    result = files.run(**budget(files, 1), **options)
    assert (result.resumed_rows, result.rows) == (0, FILES * FILE_ROWS - 1)


def test_skip_and_max_rows_stay_exact(files: Import) -> None:
    # From the middle of the second row group to the row after the bad one, which lies in the ninth.
    skipped, wanted = 1_500, 2 * FILE_ROWS + BAD_ROW + 2 - 1_500
    files.fail(**budget(files, 0), skip_rows=skipped, max_rows=wanted)
    result = files.run(**budget(files, 1), skip_rows=skipped, max_rows=wanted)
    assert result.resumed_rows == 8 * GROUP_ROWS - skipped
    assert result.rows + result.resumed_rows + result.rejected_rows == wanted
    assert result.skipped_rows == FILES * FILE_ROWS - wanted
    keys = set(range(skipped, skipped + wanted)) - {2 * FILE_ROWS + BAD_ROW}
    assert set(files.write_times()) == keys


def test_a_filter_goes_on_alone_and_starts_over_with_skip_rows(files: Import) -> None:
    where = [("k", ">=", 2_500)]
    files.fail(**budget(files, 0), where=where)
    result = files.run(**budget(files, 1), where=where)
    assert result.resumed_rows == 8 * GROUP_ROWS - 2_500
    assert result.skipped_rows == 2_500
    assert set(files.write_times()) == set(range(2_500, FILES * FILE_ROWS)) - {2 * FILE_ROWS + BAD_ROW}
    files.fail(**budget(files, 0), where=where, skip_rows=10)
    result = files.run(**budget(files, 1), where=where, skip_rows=10)
    assert (result.resumed_rows, result.rows) == (0, FILES * FILE_ROWS - 2_510 - 1)


def test_rejected_rows_of_finished_groups_are_in_the_file_once(files: Import) -> None:
    bad = {0: [5, 1_700], 1: [0], 2: [BAD_ROW]}
    for number, rows in bad.items():
        files.write_file(number, bad_rows=rows)
    # The fourth is one too many; a fifth try would find nothing to do.
    files.fail(**budget(files, 3))
    files.fail(**budget(files, 3))
    result = files.run(**budget(files, 4))
    rejected = pq.read_table(files.rejected_path).to_pylist()
    found = sorted((int(Path(row["rejected_file"]).stem), row["rejected_row"]) for row in rejected)
    assert found == [(number, row) for number, rows in bad.items() for row in rows]
    assert all(row["v"] == 2**40 for row in rejected)
    assert (result.rejected_rows, result.resumed_rows) == (4, 8 * GROUP_ROWS - 3)
    assert result.rows + result.resumed_rows + result.rejected_rows == FILES * FILE_ROWS
    assert [file.rows_rejected for file in result.files] == [2, 1, 1]
    assert set(files.write_times()) == set(range(FILES * FILE_ROWS)) - {
        number * FILE_ROWS + row for number, rows in bad.items() for row in rows
    }
    assert not [path for path in files.rejected_path.parent.iterdir() if "parts" in path.name]


def test_the_file_of_rejected_rows_can_be_imported_itself(files: Import) -> None:
    files.run(**budget(files, 1))
    files.session.execute(f"CREATE TABLE {files.table}_wide (k int PRIMARY KEY, v bigint)")
    options = CopyFromOptions(table=f"{files.table}_wide", path=str(files.rejected_path), on_extra_column="ignore")
    assert copy_from(files.session, options).rows == 1
    assert files.session.execute(f"SELECT k, v FROM {files.table}_wide").one() == (2 * FILE_ROWS + BAD_ROW, 2**40)


def test_rejected_rows_of_a_cleared_try_are_gone(files: Import) -> None:
    files.write_file(0, bad_rows=[5])
    files.fail(**budget(files, 1))
    files.write_file(0, bad_rows=[])
    clear(files)
    files.run(**budget(files, 1))
    assert [row["rejected_row"] for row in pq.read_table(files.rejected_path).to_pylist()] == [BAD_ROW]


def test_a_dry_run_leaves_the_journal_alone(files: Import) -> None:
    files.fail(**budget(files, 0))
    before = files.store.load()
    result = files.run(**budget(files, 1), dry_run=True)
    assert result.resumed_rows == 0
    assert files.store.load() == before


def test_the_journal_holds_no_value(files: Import) -> None:
    files.fail(**budget(files, 0))
    # The number of files with rejected rows, and whose they are, is not a value.
    saved = re.sub("rejected_(parts|attempt)", "", files.store.load() or "")
    assert not re.search(rf"{2**40}|rejected|/files/", saved)


def test_counters_refuse_a_second_try_and_count_when_cleared(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.counts"
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, hits counter)")
    path = str(tmp_path / "counts.parquet")
    pq.write_table(pa.table({"k": pa.array([1, 2], pa.int32()), "hits": [10, 20]}), path)
    store = FileJournalStore(tmp_path / "journal")
    options = CopyFromOptions(table=table, path=path, mode="counter_update")
    # As a try leaves it that was killed while it counted.
    store.save('{"owner": "first", "fingerprint": "", "finished": {}}')
    with pytest.raises(CounterOutcomeError, match="clear the task"):
        copy_from(session, options, journal_store=store)
    assert session.execute(f"SELECT * FROM {table}").one() is None
    copy_from(session, options, journal_store=FileJournalStore(store.path, "cleared"))
    assert {row.k: row.hits for row in session.execute(f"SELECT * FROM {table}")} == {1: 10, 2: 20}
