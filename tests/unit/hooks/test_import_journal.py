"""Whose journal a task instance goes on from, and what becomes of a Variable that Airflow does not give or take."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import OptionError, StorageError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.hooks import import_journal
from airflow_provider_cqlai.hooks.import_journal import VariableJournalStore
from airflow_provider_cqlai.operators.parquet_to_cassandra import ParquetToCassandraOperator


def context(*, clear_number: int = 0, **instance: Any) -> dict[str, Any]:
    facts = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1, "try_number": 1, "max_tries": 3, **instance}
    return {"ti": SimpleNamespace(**facts), "dag_run": SimpleNamespace(clear_number=clear_number)}


def store(*, is_counting: bool = False, **facts: Any) -> VariableJournalStore:
    return VariableJournalStore(context(**facts), is_counting=is_counting)


def test_a_retry_has_the_owner_of_the_try_before() -> None:
    assert store(try_number=1).owner == store(try_number=2).owner
    assert store(try_number=1).key == store(try_number=2).key


@pytest.mark.parametrize("cleared", [{"max_tries": 4}, {"clear_number": 1}])
def test_a_cleared_task_has_another_owner_and_the_same_variable(cleared: dict[str, int]) -> None:
    assert store(**cleared).owner != store().owner
    assert store(**cleared).key == store().key


def test_counters_are_not_counted_again_because_another_task_was_cleared() -> None:
    assert store(is_counting=True, clear_number=1).owner == store(is_counting=True).owner
    assert store(is_counting=True, max_tries=4).owner != store(is_counting=True).owner


@pytest.mark.parametrize("other", [{"dag_id": "e"}, {"task_id": "u"}, {"run_id": "s"}, {"map_index": 0}])
def test_every_task_instance_has_a_variable_of_its_own(other: dict[str, Any]) -> None:
    assert store(**other).key != store().key


def test_a_variable_that_is_there_but_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    one = store()
    listed: list[str] = []
    unreadable = SimpleNamespace(get=lambda key, default: default, keys=lambda prefix: listed)
    monkeypatch.setattr(import_journal, "Variable", unreadable)
    assert one.load() is None
    listed.append(one.key)
    with pytest.raises(StorageError, match="cannot be read"):
        one.load()


class OldVariables:
    """Variables as they are before Airflow 3.3, whose names nobody can list; the next ``failures`` reads fail."""

    def __init__(self, failures: int, **kept: str) -> None:
        self.failures = failures
        self.kept = kept

    def get(self, key: str, default: str | None) -> str | None:
        self.failures -= 1
        return default if self.failures >= 0 else self.kept.get(key, default)

    def set(self, key: str, value: str, description: str) -> None:
        self.kept[key] = value

    def delete(self, key: str) -> None:
        del self.kept[key]


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_counters_do_not_begin_because_the_journal_could_not_be_read(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = store(is_counting=True)
    variables = OldVariables(failures, **{one.key: "an earlier try"})
    monkeypatch.setattr(import_journal, "Variable", variables)
    with pytest.raises(StorageError, match="cannot be read"):
        one.load()
    variables.failures = 0
    assert one.load() == "an earlier try"
    assert list(variables.kept) == [one.key]


def test_counters_without_a_journal_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = OldVariables(0)
    monkeypatch.setattr(import_journal, "Variable", variables)
    assert store(is_counting=True).load() is None
    assert not variables.kept


def open_journal(*, mode: str = "upsert", **arguments: Any) -> VariableJournalStore | None:
    task = ParquetToCassandraOperator(task_id="t", table="ks.t", path="/data", mode=mode, **arguments)
    options = CopyFromOptions(table="ks.t", path="/data", mode=mode)
    return task._open_journal(context(), options)  # type: ignore[arg-type]


def test_resume_is_on_by_default_and_off_on_request() -> None:
    assert open_journal() is not None
    assert open_journal(resume="False") is None
    with pytest.raises(OptionError, match="resume='no'"):
        open_journal(resume="no")


def test_counters_are_guarded_even_without_resume() -> None:
    assert open_journal(mode="counter_update", resume=False) is not None
