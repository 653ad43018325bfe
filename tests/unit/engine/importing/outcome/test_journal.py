"""What a later try may leave out, without a server: the journal's own rules."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableIdentity
from airflow_provider_cqlai.engine.errors import CounterOutcomeError, StorageError
from airflow_provider_cqlai.engine.importing.outcome.journal import ImportJournal
from airflow_provider_cqlai.engine.importing.row_types import RowCounts, RowGroup
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from tests.journal_files import FileJournalStore

TEN_ROWS = RowCounts(read=10)
TABLE = TableIdentity("an id", {"a node": 0}, {"k": "int"})


class UnchangedFile:
    identity = "size and time"

    def __str__(self) -> str:
        return "/data/file"


def journal(store: FileJournalStore, **options: Any) -> ImportJournal:
    """Of an import of two files with three row groups each."""
    file = SimpleNamespace(file=UnchangedFile(), row_group_rows=[10, 10, 10])
    values = CopyFromOptions(table="ks.t", path="/data", **options)
    plan: Any = SimpleNamespace(options=values, files=[file, file], columns=())
    return ImportJournal(store, plan, TABLE)


def finish(one: ImportJournal, *places: tuple[int, int]) -> None:
    for place in places:
        one.finish(RowGroup(*place), TEN_ROWS)
    one.save()


def test_only_row_groups_before_the_first_unfinished_one_are_left_out(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    first = journal(store)
    assert first.begin() == {}
    # A row of the group between may have the primary key of a row in one of these: it must not be written after it.
    finish(first, (0, 0), (0, 2), (1, 0))
    assert journal(store).begin() == {RowGroup(0, 0): TEN_ROWS}


def test_a_second_retry_goes_on_from_the_first(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    first = journal(store)
    first.begin()
    finish(first, (0, 0), (0, 1))
    second = journal(store)
    second.begin()
    finish(second, (0, 2), (1, 0))
    assert list(journal(store).begin()) == [RowGroup(0, 0), RowGroup(0, 1), RowGroup(0, 2), RowGroup(1, 0)]


def test_options_that_change_only_the_pace_do_not_start_over(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    first = journal(store)
    first.begin()
    finish(first, (0, 0))
    assert journal(store, max_batch_bytes="1KB", rate_limit_rows_per_second=5).begin() == {RowGroup(0, 0): TEN_ROWS}
    assert journal(store, null_handling="null").begin() == {}


def test_counters_are_known_to_have_begun_before_the_first_counts(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    journal(store, mode="counter_update").begin()
    with pytest.raises(CounterOutcomeError, match="clear the task"):
        journal(store, mode="counter_update").begin()
    journal(FileJournalStore(store.path, "cleared"), mode="counter_update").begin()


def test_no_value_of_a_row_is_kept(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    first = journal(store, where=[("name", "=", "somebody")])
    first.begin()
    finish(first, (0, 0))
    assert "somebody" not in (store.load() or "")


def test_rows_that_were_not_written_are_told_from_those_that_were(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    first = journal(store)
    first.begin()
    counts = RowCounts(read=10, not_applied=1, unknown=2, expired=3)
    first.finish(RowGroup(0, 0), counts)
    first.finish(RowGroup(0, 1), TEN_ROWS)
    first.save()
    assert journal(store).begin() == {RowGroup(0, 0): counts, RowGroup(0, 1): TEN_ROWS}


def test_the_stored_text_is_one_that_every_version_reads(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    first = journal(store)
    first.begin()
    stored = json.loads(store.load() or "")
    # As a version stored it that was replaced while the task was running.
    content: dict[str, Any] = {
        "owner": store.owner,
        "fingerprint": stored["fingerprint"],
        "table": TABLE.to_json(),
        "finished": {"0": [[0, 10], [1, 9], [2, 10]], "1": [[0, 10]]},
        "not_written": {"0": [[0, 1, 2, 3]], "1": [[0, 0, 0, 10]]},
        "rejected_parts": 0,
    }
    store.save(json.dumps(content))
    one = journal(store)
    assert one.begin() == {
        RowGroup(0, 0): RowCounts(read=10, not_applied=1, unknown=2, expired=3),
        RowGroup(0, 1): RowCounts(read=9),
        RowGroup(0, 2): TEN_ROWS,
        RowGroup(1, 0): RowCounts(read=10, expired=10),
    }
    assert json.loads(store.load() or "") == content
    # Of what this version counts, it stores the same.
    counts = RowCounts(read=8, written=5, not_applied=1, rejected=2, skipped=2)
    one.finish(RowGroup(1, 1), counts)
    one.finish(RowGroup(1, 2), RowCounts(read=10, written=9, rejected=1))
    one.save()
    content["finished"]["1"] += [[1, 8], [2, 10]]
    content["not_written"]["1"] += [[1, 1, 0, 0]]
    assert json.loads(store.load() or "") == content


def test_a_journal_that_does_not_tell_what_was_written_starts_over(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    first = journal(store)
    first.begin()
    finish(first, (0, 0))
    older = json.loads(store.load() or "")
    del older["not_written"]
    store.save(json.dumps(older))
    assert journal(store).begin() == {}


class LostStore(FileJournalStore):
    def save(self, text: str) -> None:
        raise StorageError("no answer")

    def clear(self) -> None:
        raise StorageError("no answer")


def test_a_store_that_fails_midway_does_not_end_the_import(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StorageError):
        # Before the first row nothing is lost by trying again, and counters must not begin unnoticed.
        journal(LostStore(tmp_path / "journal")).begin()
    one = journal(LostStore(tmp_path / "journal"))
    finish(one, (0, 0))
    one.complete()
    assert "a retry reads more again" in caplog.text
    assert "it may be deleted" in caplog.text


def test_rejected_rows_that_are_gone_start_over(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    first = journal(store)
    first.begin()
    first.finish(RowGroup(0, 0), TEN_ROWS)
    first.save("one", rejected_parts=2)
    assert journal(store).begin({"one": 1, "two": 2}.__getitem__) == {}
    first.note_parts("two", 2)
    second = journal(store)
    assert second.begin({"one": 1, "two": 2}.__getitem__) == {RowGroup(0, 0): TEN_ROWS}
    assert second.rejected_attempt == "two"


def test_rejected_rows_of_an_older_version_start_over(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    first = journal(store)
    first.begin()
    first.finish(RowGroup(0, 0), TEN_ROWS)
    first.save("one", rejected_parts=2)
    content = json.loads(store.load() or "")
    del content["rejected_attempt"]
    store.save(json.dumps(content))
    assert journal(store).begin(lambda attempt: 2) == {}


def test_a_row_group_that_is_settled_after_the_end_brings_nothing_back(tmp_path: Path) -> None:
    store = FileJournalStore(tmp_path / "journal")
    counting = journal(store, mode="counter_update")
    counting.begin()
    counting.complete()
    counting.finish(RowGroup(0, 0), TEN_ROWS)
    counting.save()
    # A journal of counters that is there refuses the next try.
    assert store.load() is None
