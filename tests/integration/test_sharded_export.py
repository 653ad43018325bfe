"""An export that several tasks share: every row once, nothing visible before the one commit, each step run again."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import (
    CqlaiError,
    EmptyResultError,
    OptionError,
    PublishError,
    SupersededError,
)
from airflow_provider_cqlai.engine.files.storage.local_storage import LocalStorage
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from airflow_provider_cqlai.engine.verbs.dataset_tools import check_dataset, dataset_windows
from tests.inserted_rows import insert_rows
from tests.integration.export_cases import options
from tests.integration.sharded_cases import Group, Root, local_root
from tests.object_store import S3Server

ROWS = 600


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    name = f"{keyspace}.events"
    session.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, kind text, body blob)")
    _fill(session, name, range(ROWS))
    return name


def _fill(session: Session, table: str, numbers: range) -> None:
    insert_rows(
        session,
        f"INSERT INTO {table} (id, kind, body) VALUES (?, ?, ?)",
        ((n, f"kind {n % 3}", bytes([n % 256]) * 50) for n in numbers),
    )


@pytest.fixture(
    params=["local", pytest.param("s3", marks=pytest.mark.slow), pytest.param("memory", marks=pytest.mark.slow)]
)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Root]:
    if request.param == "local":
        yield local_root(tmp_path)
    elif request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        yield Root(f"{server.uri}/data", lambda: fsspec.filesystem("s3", **server.fsspec_options()))
        assert server.client().list_multipart_uploads(Bucket=server.bucket).get("Uploads", []) == []
    else:
        yield Root("memory://sharded/data", lambda: fsspec.filesystem("memory"))
        fsspec.filesystem("memory").rm("/sharded", recursive=True)


@pytest.fixture
def group(session: Session, table: str, root: Root) -> Group:
    return Group(session, root, options(table, root.path))


def test_the_shards_of_a_group_are_the_table(group: Group) -> None:
    plan = group.plan()
    shards = group.export(plan)
    assert [shard.rows > 0 for shard in shards] == [True] * 4
    assert group.root.visible() == []
    result = group.publish(plan)
    assert result.rows == sum(shard.rows for shard in shards) == ROWS
    assert result.bytes == sum(shard.bytes for shard in shards)
    assert [file.path for file in result.files] == [f"part-{n:05d}.parquet" for n in range(4)]
    group.root.check(range(ROWS))


def test_shards_of_an_object_store(session: Session, table: str, s3_server: S3Server) -> None:
    root = Root(f"{s3_server.uri}/data", lambda: fsspec.filesystem("s3", **s3_server.fsspec_options()))
    group = Group(session, root, options(table, root.path))
    plan = group.plan()
    group.export(plan)
    assert root.visible() == []
    group.publish(plan)
    root.check(range(ROWS))
    group.export(plan, 2)
    group.publish(plan)
    root.check(range(ROWS))
    assert s3_server.client().list_multipart_uploads(Bucket=s3_server.bucket).get("Uploads", []) == []


def test_a_second_run_replaces_the_first(session: Session, group: Group) -> None:
    group.run()
    _fill(session, str(group.options.table), range(ROWS, ROWS + 10))
    assert group.run().rows == ROWS + 10
    group.root.check(range(ROWS + 10))


def test_a_plain_export_and_a_group_replace_each_other(session: Session, group: Group) -> None:
    copy_to(session, group.options, filesystem=group.root.open_filesystem())
    group.run()
    group.root.check(range(ROWS))
    copy_to(session, group.options, filesystem=group.root.open_filesystem())
    group.root.check(range(ROWS))


def test_a_shard_runs_again_before_the_commit(group: Group) -> None:
    plan = group.plan()
    group.export(plan)
    group.export(plan, 2)
    assert group.publish(plan).rows == ROWS
    group.root.check(range(ROWS))


def test_a_shard_that_runs_again_after_the_commit_takes_its_own_place(session: Session, group: Group) -> None:
    plan = group.plan()
    before = group.export(plan)
    first = group.publish(plan)
    _fill(session, str(group.options.table), range(ROWS, ROWS + 200))
    (again,) = group.export(plan, 1)
    assert group.root.keys(group.root.visible()).total() == ROWS, "visible before it is published"
    second = group.publish(plan)
    assert again.rows > before[1].rows
    assert second.rows == ROWS - before[1].rows + again.rows
    kept = {file.path for file in first.files} & {file.path for file in second.files}
    assert len(kept) == 3
    counts = group.root.keys()
    assert set(counts) >= set(range(ROWS))
    assert set(counts.values()) == {1}
    assert group.root.keys(group.root.visible()) == counts
    # And once more, all of them, over files of two attempts.
    group.export(plan)
    assert group.publish(plan).rows == ROWS + 200
    group.root.check(range(ROWS + 200))


def test_to_publish_again_changes_nothing(group: Group) -> None:
    plan = group.plan()
    group.export(plan)
    first = group.publish(plan)
    names = group.root.names()
    again = group.publish(plan)
    assert (again.rows, again.files) == (first.rows, first.files)
    assert group.root.names() == names


def test_a_missing_shard_publishes_nothing(group: Group) -> None:
    plan = group.plan()
    group.export(plan, 0, 3)
    with pytest.raises(PublishError, match=r"2 shards are missing of 4 \(1, 2\); nothing was published"):
        group.publish(plan)
    assert group.root.visible() == []
    group.export(plan, 1, 2)
    group.publish(plan)
    group.root.check(range(ROWS))


def test_a_failed_attempt_is_removed_and_the_generation_before_stands(group: Group) -> None:
    group.run()
    before = group.root.visible()
    plan = group.plan()
    group.export(plan, 0, 1)
    assert group.remove(plan)
    assert not group.remove(plan)
    assert group.root.visible() == before
    group.root.check(range(ROWS))
    with pytest.raises(PublishError, match=r"was removed after it had failed. Run the plan again"):
        group.export(plan, 2)
    with pytest.raises(PublishError, match=r"was removed after it had failed. Run the plan again"):
        group.publish(plan)
    group.run()
    group.root.check(range(ROWS))


def test_to_remove_after_the_commit_removes_nothing(group: Group) -> None:
    plan = group.plan()
    group.export(plan)
    group.publish(plan)
    assert not group.remove(plan)
    group.root.check(range(ROWS))
    # A single shard that comes to nothing later leaves what was published, and can be tried again.
    group.export(plan, 1)
    assert group.remove(plan)
    group.root.check(range(ROWS))
    with pytest.raises(PublishError, match=r"1 shard was exported anew \(1\), and what was staged then is not there"):
        group.publish(plan)
    group.export(plan, 1)
    assert group.publish(plan).rows == ROWS
    group.root.check(range(ROWS))


def test_who_starts_later_takes_over(session: Session, group: Group) -> None:
    plan = group.plan()
    group.export(plan, 0, 1)
    later = group.plan()
    with pytest.raises(PublishError, match=r"started later and took over. Run the plan again"):
        group.export(plan, 2)
    with pytest.raises(PublishError, match=r"started later and took over. Run the plan again"):
        group.publish(plan)
    group.export(later)
    assert group.publish(later).rows == ROWS
    group.root.check(range(ROWS))
    copy_to(session, group.options, filesystem=group.root.open_filesystem())
    with pytest.raises(PublishError, match=r"started later and took over. Run the plan again"):
        group.publish(later)
    group.root.check(range(ROWS))


@pytest.mark.parametrize("change", ["TRUNCATE {}", "ALTER TABLE {} DROP kind", "DROP"])
def test_a_table_that_changes_is_told_by_shards_and_by_the_publication(
    change: str, session: Session, table: str, tmp_path: Path
) -> None:
    group = Group(session, local_root(tmp_path), options(table, tmp_path / "data"))
    plan = group.plan()
    group.export(plan, 0, 1, 2)
    if change == "DROP":
        session.execute(f"DROP TABLE {table}")
        session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, kind text, body blob)")
    else:
        session.execute(change.format(table))
    with pytest.raises(PublishError, match=r"plan the export again, for all its shards: .*(was|no column)"):
        group.export(plan, 3)
    with pytest.raises(PublishError, match=r"shard is missing|no column"):
        group.publish(plan)
    assert group.root.visible() == []


def test_a_table_that_changes_before_the_publication(session: Session, table: str, tmp_path: Path) -> None:
    group = Group(session, local_root(tmp_path), options(table, tmp_path / "data"))
    plan = group.plan()
    group.export(plan)
    session.execute(f"TRUNCATE {table}")
    with pytest.raises(PublishError, match=r"plan the export again, for all its shards: .* was truncated"):
        group.publish(plan)
    assert group.root.visible() == []


def test_a_column_that_the_table_gains_meanwhile_waits_for_the_next_plan(
    session: Session, table: str, tmp_path: Path
) -> None:
    group = Group(session, local_root(tmp_path), options(table, tmp_path / "data"))
    plan = group.plan()
    group.export(plan, 0, 1)
    session.execute(f"ALTER TABLE {table} ADD late text")
    group.export(plan, 2, 3)
    assert list(group.publish(plan).columns) == ["id", "body", "kind"]
    assert list(group.run().columns) == ["id", "body", "kind", "late"]
    group.root.check(range(ROWS))


def test_hive_partitions_rolled_files_and_windows(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.rows"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, region text, body blob)")
    rows = [(n, f"region {n % 5}", os.urandom(2_000)) for n in range(2_000)]
    insert_rows(session, f"INSERT INTO {table} (id, region, body) VALUES (?, ?, ?)", rows, rows_a_request=2)
    values = {"partition_by": "region", "max_file_size": "50KB", "row_group_size": 50}
    group = Group(session, local_root(tmp_path), options(table, tmp_path / "data", **values), shards=3)
    result = group.run()
    assert result.rows == 2_000
    assert len(result.files) > 30
    assert set(result.files_by_hive_partition) == {f"region=region {n}" for n in range(5)}
    group.root.check(range(2_000))
    group.run()
    group.root.check(range(2_000))
    assert check_dataset(group.root.path).problems == ()
    (published,) = dataset_windows(group.root.path)
    assert (published.rows, published.shard_count) == (2_000, 1)


@pytest.mark.parametrize(("layout", "files"), [({}, 1), ({"partition_by": "kind"}, 0)])
def test_a_table_without_rows(
    layout: dict[str, Any], files: int, session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.nothing"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, kind text)")
    root = local_root(tmp_path)
    group = Group(session, root, options(table, root.path, **layout), shards=2)
    result = group.run()
    assert (result.rows, result.is_published, len(result.files)) == (0, True, files)
    assert len(root.visible()) == files
    group.run()
    assert len(root.visible()) == files
    root.check([])
    skipping = dataclasses.replace(group, options=dataclasses.replace(group.options, on_empty="skip"))
    plan = skipping.plan()
    skipping.export(plan)
    assert not skipping.publish(plan).is_published
    assert not skipping.publish(plan).is_published
    assert skipping.remove(plan)
    failing = dataclasses.replace(group, options=dataclasses.replace(group.options, on_empty="fail"))
    plan = failing.plan()
    failing.export(plan)
    with pytest.raises(EmptyResultError):
        failing.publish(plan)
    assert failing.remove(plan)
    root.check([])


def test_shards_by_the_size_of_the_table(session: Session, table: str, tmp_path: Path) -> None:
    group = Group(session, local_root(tmp_path), options(table, tmp_path / "data"), shards="auto")
    plan = group.plan()
    assert plan.shard_count == 1
    group.export(plan)
    group.publish(plan)
    group.root.check(range(ROWS))


def test_more_shards_than_rows(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.few"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)")
    insert_rows(session, f"INSERT INTO {table} (id) VALUES (?)", [(1,), (2,)])
    group = Group(session, local_root(tmp_path), options(table, tmp_path / "data"), shards=9)
    assert group.run().rows == 2
    group.root.check([1, 2])


def test_a_disk_that_workers_do_not_share_is_told(session: Session, table: str, tmp_path: Path) -> None:
    group = Group(session, local_root(tmp_path / "one"), options(table, tmp_path / "one" / "data"))
    plan = dataclasses.replace(group.plan(), path=str(tmp_path / "another" / "data"), host="planning-worker")
    with pytest.raises(PublishError, match=r"wrote there on planning-worker: a local path .* all workers share"):
        group.export(plan, 0)


@pytest.mark.parametrize(
    ("shards", "values", "message"),
    [
        (0, {}, "shards=0 must be 'auto' or a whole number from 1 to 256"),
        (257, {}, "shards=257 must be"),
        ("many", {}, "shards='many' must be"),
        (2, {"path": "/data/events.parquet"}, "is one file, and shards write several: give a directory"),
        (2, {"shard_count": 3}, "shard_index and shard_count are the group's own"),
    ],
)
def test_options_that_a_group_cannot_have(
    shards: Any, values: dict[str, Any], message: str, session: Session, table: str, tmp_path: Path
) -> None:
    asked = options(table, values.pop("path", tmp_path / "data"), **values)
    with pytest.raises(OptionError, match=message):
        Group(session, local_root(tmp_path), asked, shards=shards).plan()
    assert list(tmp_path.iterdir()) == []


def test_a_publication_that_dies_before_its_commit_is_gone_on_with(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_cqlai.engine.files.publish.attempt import Attempt

    group.run()
    plan = group.plan()
    group.export(plan)
    with monkeypatch.context() as patch:
        patch.setattr(Attempt, "commit", _die)
        with pytest.raises(KeyboardInterrupt):
            group.publish(plan)
    # A shard is exported anew: what was placed of its earlier try must go.
    group.export(plan, 2)
    assert group.publish(plan).rows == ROWS
    group.root.check(range(ROWS))


def test_a_publication_that_dies_after_its_commit_is_made_good(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_cqlai.engine.files.publish import dataset_publication

    group.run()
    plan = group.plan()
    group.export(plan)
    with monkeypatch.context() as patch:
        patch.setattr(dataset_publication, "remove_replaced_generation", _die)
        with pytest.raises(KeyboardInterrupt):
            group.publish(plan)
    assert group.publish(plan).rows == ROWS
    group.root.check(range(ROWS))


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_frozen_try_of_a_shard_counts_for_nothing(
    session: Session, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group(session, local_root(tmp_path), options(table, tmp_path / "data"))
    plan = group.plan()
    group.export(plan, 0, 2, 3)
    create = LocalStorage.create
    is_frozen = True

    def create_late(self: LocalStorage, path: str, content: bytes, *, through: str) -> None:
        nonlocal is_frozen
        if path.endswith(".done") and is_frozen:
            # Another worker runs the shard, from its beginning to its end, while this one is about to say that it did.
            is_frozen = False
            group.export(plan, 1)
        create(self, path, content, through=through)

    monkeypatch.setattr(LocalStorage, "create", create_late)
    with pytest.raises(SupersededError, match="a later try of shard 1"):
        group.export(plan, 1)
    assert group.publish(plan).rows == ROWS
    group.root.check(range(ROWS))


def test_an_incremental_log_is_published_once(session: Session, table: str, tmp_path: Path) -> None:
    end = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(minutes=1)
    window = TimeWindow(start=end - datetime.timedelta(days=1), end=end)
    root = local_root(tmp_path)
    log_options = options(
        table, root.path, window_by="writetime", window=window, allow_future_end=True, owner="dag/group/run"
    )
    group = Group(session, root, log_options)
    assert group.run().rows == ROWS
    # A run that is cleared as a whole has nothing left to do.
    assert group.run().rows == ROWS
    root.check(range(ROWS))
    other = dataclasses.replace(group, options=dataclasses.replace(log_options, owner="someone else"))
    with pytest.raises(CqlaiError, match="never replaced"):
        other.run()
