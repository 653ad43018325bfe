"""Several processes of one sharded export at once, frozen and woken at the worst moments: no hole, no row twice.

Each is a thread that waits at one call, as a worker does that Airflow takes for dead.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import CqlaiError, PublishError, SupersededError
from airflow_provider_cqlai.engine.files.publish import dataset_publication, sharded_publication
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt
from airflow_provider_cqlai.engine.files.publish.dataset_publication import DatasetPublication
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.verbs.dataset_tools import check_dataset
from airflow_provider_cqlai.engine.verbs.table_export import TableExport
from tests.faults.events_table import day_window
from tests.inserted_rows import insert_rows
from tests.integration.export_cases import options
from tests.integration.sharded_cases import Group, Root, local_root
from tests.object_store import S3Server

ROWS = 300
MORE = 450


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TABLE {keyspace}.events (id int PRIMARY KEY, body blob)")
    fill(session, f"{keyspace}.events", range(ROWS))
    return f"{keyspace}.events"


def fill(session: Session, table: str, numbers: range, body: bytes = b"x" * 60) -> None:
    insert_rows(session, f"INSERT INTO {table} (id, body) VALUES (?, ?)", ((number, body) for number in numbers))


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def group(request: pytest.FixtureRequest, session: Session, table: str, tmp_path: Path) -> Group:
    root = local_root(tmp_path)
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        root = Root(f"{server.uri}/data", lambda: fsspec.filesystem("s3", **server.fsspec_options()))
    # A shard has several files, so that a later try of it has names that the earlier one had not.
    return Group(session, root, options(table, root.path, max_file_size=2_000, row_group_size=20, chunk_size=20))


class Frozen:
    """A call that waits, in one thread only, until it is woken."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._thread: threading.Thread | None = None
        self._is_reached = threading.Event()
        self._is_woken = threading.Event()
        self.error: BaseException | None = None

    def __call__(self, *arguments: Any, **others: Any) -> Any:
        if threading.current_thread() is self._thread:
            self._is_reached.set()
            assert self._is_woken.wait(60)
        return self._function(*arguments, **others)

    def start(self, work: Callable[[], Any]) -> None:
        """Run ``work`` until it reaches the call."""

        def run() -> None:
            try:
                work()
            except CqlaiError as error:
                self.error = error

        self._thread = threading.Thread(target=run)
        self._thread.start()
        assert self._is_reached.wait(60)

    def wake(self) -> None:
        """Let it go on, to its end."""
        self._is_woken.set()
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextmanager
def frozen(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> Iterator[Frozen]:
    made = Frozen(getattr(owner, name))
    with monkeypatch.context() as patch:
        # A plain function, which becomes a method.
        patch.setattr(owner, name, lambda *arguments, **others: made(*arguments, **others))  # noqa: PLW0108
        yield made


@contextmanager
def just_before_the_commit(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> Iterator[None]:
    """``work`` once, when a publication of this thread has placed its files."""
    build = DatasetPublication._build_manifest
    is_done = False

    def build_later(self: DatasetPublication, *arguments: Any) -> Any:
        nonlocal is_done
        if not is_done and threading.current_thread() is threading.main_thread():
            is_done = True
            work()
        return build(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(DatasetPublication, "_build_manifest", build_later)
        yield


@pytest.mark.parametrize(
    ("owner", "call"),
    [
        (sharded_publication.AttemptFiles, "take"),
        (Attempt, "write_intent"),
        (DatasetPublication, "_find_replaced"),
    ],
)
def test_a_frozen_publication_takes_nothing_from_its_successor(
    owner: Any, call: str, group: Group, session: Session, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = group.plan()
    group.export(plan)
    fill(session, table, range(ROWS, MORE))
    with frozen(monkeypatch, owner, call) as first:
        first.start(lambda: group.publish(plan))
        # The shard is cleared, and its second try has more files than the first had.
        group.export(plan, 1)
        with just_before_the_commit(monkeypatch, first.wake):
            published = group.publish(plan)
    assert first.error is not None
    counts = group.root.keys()
    assert counts.total() == published.rows
    assert set(counts.values()) == {1}
    assert group.root.keys(group.root.visible()) == counts
    assert check_dataset(group.root.path, filesystem=group.root.open_filesystem()).problems == ()
    group.run()
    group.root.check(range(MORE))


def test_what_a_frozen_and_a_killed_publication_placed_goes_with_their_attempt(
    group: Group, session: Session, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    plan = group.plan()
    group.export(plan)
    fill(session, table, range(ROWS, MORE))
    with frozen(monkeypatch, Attempt, "write_intent") as first:
        first.start(lambda: group.publish(plan))
        group.export(plan, 1)
        with just_before_the_commit(monkeypatch, die), pytest.raises(KeyboardInterrupt):
            group.publish(plan)
        first.wake()
    assert group.remove(plan)
    assert group.root.visible() == []
    group.run()
    group.root.check(range(MORE))


def test_two_publications_at_once_are_one(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = group.plan()
    group.export(plan)
    with frozen(monkeypatch, Attempt, "commit") as first:
        first.start(lambda: group.publish(plan))
        assert group.publish(plan).rows == ROWS
        first.wake()
    assert isinstance(first.error, SupersededError)
    assert "another process of the same attempt has published it" in str(first.error)
    group.root.check(range(ROWS))


def test_a_publication_whose_number_an_overlapping_one_took_leaves_nothing(
    session: Session, keyspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = f"{keyspace}.days"
    session.execute(f"CREATE TABLE {table} (id int, at timestamp, PRIMARY KEY (id, at))")
    day = day_window(0)
    hours = [(day.end - day.start) / 24 * hour + day.start for hour in range(24)]
    rows = [(number, hours[number % 24]) for number in range(240)]
    insert_rows(session, f"INSERT INTO {table} (id, at) VALUES (?, ?)", rows)
    root = local_root(tmp_path)

    def of_window(window: TimeWindow, **values: Any) -> Group:
        return Group(session, root, options(table, root.path, time_column="at", window=window, **values))

    outer, inner = of_window(day, on_overlap="replace"), of_window(TimeWindow(start=hours[6], end=hours[12]))
    plan, inner_plan = outer.plan(), inner.plan()
    outer.export(plan)
    inner.export(inner_plan)
    with (
        just_before_the_commit(monkeypatch, lambda: inner.publish(inner_plan)),
        pytest.raises(SupersededError),
    ):
        outer.publish(plan)
    expected = Counter(number for number, moment in rows if hours[6] <= moment < hours[12])
    assert root.keys() == expected
    assert root.keys(root.visible()) == expected
    outer.remove(plan)
    root.check(expected.elements())
    outer.run()
    root.check(number for number, _ in rows)


@pytest.mark.parametrize("way", ["removed", "while publishing", "another plan", "unfinished"])
def test_a_shard_that_ran_again_is_not_published_as_it_was_before(
    way: str, group: Group, session: Session, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = group.plan()
    group.export(plan)
    group.publish(plan)
    fill(session, table, range(ROWS), b"new")
    if way == "removed":
        group.export(plan, 1)
        group.remove(plan)
    elif way == "while publishing":
        group.export(plan, 2)
        with just_before_the_commit(monkeypatch, lambda: group.export(plan, 1)):
            group.publish(plan)
    elif way == "another plan":
        group.export(plan, 1)
        tries = dict(group.tries)
        other = group.plan()
        group.export(other, 0)
        group.remove(other)
        group.tries.update(tries)
    else:
        monkeypatch.setattr(TableExport, "write", _die)
        with pytest.raises(KeyboardInterrupt):
            group.export(plan, 1)
        monkeypatch.undo()
    with pytest.raises(PublishError, match=r"exported anew \(1\)|missing of 4 \(1\)"):
        group.publish(plan)
    group.export(plan, 1)
    assert group.publish(plan).rows == ROWS
    group.root.check(range(ROWS))


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_the_end_of_the_group_makes_a_killed_publication_good(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    group.run()
    plan = group.plan()
    group.export(plan)
    monkeypatch.setattr(dataset_publication, "remove_replaced_generation", _die)
    with pytest.raises(KeyboardInterrupt):
        group.publish(plan)
    monkeypatch.undo()
    group.remove(plan)
    group.root.check(range(ROWS))
