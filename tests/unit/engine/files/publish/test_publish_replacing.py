"""Who may replace what: other sources, owners, windows that overlap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import (
    OutputExistsError,
    SourceMismatchError,
    WindowOverlapError,
)
from tests.unit.engine.files.publish.publications import (
    ARROW_SCHEMA,
    ONE,
    SOURCE,
    TWO,
    assert_nothing_left_over,
    open_attempt,
    publish,
    read_generation,
    tree,
    window_of,
)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"table": "shop.other"}, "table"),
        ({"columns": ("a", "b")}, "columns"),
        ({"where": "x = 1"}, "where"),
        ({"partition_by": ()}, "partition_by"),
        ({"types": {"id": "uuid"}}, "types"),
        ({"time": "writetime"}, "time"),
    ],
)
def test_another_source_is_refused_and_told_apart(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    publish(tmp_path, ONE, window=window_of(1))
    before = tree(tmp_path)
    with pytest.raises(SourceMismatchError, match=told):
        publish(tmp_path, ONE, window=window_of(2), source=replace(SOURCE, **change))
    assert tree(tmp_path) == before


def test_star_stays_star_when_the_table_gains_a_column(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    publish(tmp_path, TWO, arrow_schema=ARROW_SCHEMA.append(pa.field("added", pa.int64())))
    assert read_generation(tmp_path) == TWO


def test_if_exists_error_refuses_another_owner_but_not_the_same(tmp_path: Path) -> None:
    publish(tmp_path, ONE, if_exists="error", owner="first")
    publish(tmp_path, TWO, if_exists="error", owner="first")
    with pytest.raises(OutputExistsError, match="first"):
        publish(tmp_path, ONE, if_exists="error", owner="second")
    with pytest.raises(OutputExistsError):
        publish(tmp_path, ONE, if_exists="error")
    assert read_generation(tmp_path) == TWO
    publish(tmp_path, ONE, if_exists="replace", owner="second")
    assert read_generation(tmp_path) == ONE


def test_if_exists_error_refuses_a_nameless_caller_even_its_own(tmp_path: Path) -> None:
    publish(tmp_path, ONE, if_exists="error")
    with pytest.raises(OutputExistsError):
        publish(tmp_path, ONE, if_exists="error")


def test_log_is_never_replaced_and_its_owner_learns_what_it_published(tmp_path: Path) -> None:
    first = publish(tmp_path, ONE, window=window_of(1), is_log=True, owner="run")
    before = tree(tmp_path)
    with open_attempt(tmp_path, window=window_of(1), is_log=True, owner="run") as publication:
        assert publication.already_published == first
    with pytest.raises(OutputExistsError):
        publish(tmp_path, TWO, window=window_of(1), is_log=True, owner="another run")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("there", "new"),
    [
        ({"window": window_of(1, days=2)}, {"window": window_of(2, days=2)}),
        ({"window": window_of(1, days=7)}, {"window": window_of(2)}),
        ({"window": window_of(2)}, {"window": window_of(1, days=7)}),
        ({}, {"window": window_of(1)}),
        ({"window": window_of(1)}, {}),
        ({"shard_index": 0, "shard_count": 2}, {"shard_index": 1, "shard_count": 4}),
        ({}, {"shard_index": 1, "shard_count": 4}),
        ({"shard_index": 1, "shard_count": 4}, {}),
        ({"window": window_of(2)}, {"window": window_of(1, days=7), "shard_index": 0, "shard_count": 2}),
    ],
)
def test_overlap_is_refused(tmp_path: Path, there: dict[str, Any], new: dict[str, Any]) -> None:
    publish(tmp_path, ONE, **there)
    before = tree(tmp_path)
    with pytest.raises(WindowOverlapError):
        publish(tmp_path, TWO, **new)
    assert tree(tmp_path) == before


def test_windows_that_touch_do_not_overlap(tmp_path: Path) -> None:
    publish(tmp_path, {"day=1": "x"}, window=window_of(1))
    publish(tmp_path, {"day=2": "x"}, window=window_of(2))
    assert read_generation(tmp_path) == {"day=1": "x", "day=2": "x"}


def test_shards_of_one_window_are_published_side_by_side(tmp_path: Path) -> None:
    for index in range(3):
        publish(tmp_path, {"day=1": str(index)}, window=window_of(1), shard_index=index, shard_count=3)
    assert read_generation(tmp_path) == {"day=1": "012"}
    publish(tmp_path, {"day=1": "B"}, window=window_of(1), shard_index=1, shard_count=3)
    assert sorted(read_generation(tmp_path)["day=1"]) == ["0", "2", "B"]
    assert_nothing_left_over(tmp_path)


@pytest.mark.parametrize("larger", [{"window": window_of(1, days=31)}, {}], ids=["month", "whole"])
def test_larger_window_replaces_smaller_ones_when_asked(tmp_path: Path, larger: dict[str, Any]) -> None:
    publish(tmp_path, {"day=1": "day"}, window=window_of(1))
    publish(tmp_path, {"day=2": "day"}, window=window_of(2), shard_index=0, shard_count=2)
    publish(tmp_path, {"day=1": "all"}, on_overlap="replace", **larger)
    assert read_generation(tmp_path) == {"day=1": "all"}
    assert_nothing_left_over(tmp_path)
    publish(tmp_path, {"day=4": "again"}, **larger)
    assert read_generation(tmp_path) == {"day=4": "again"}
    with pytest.raises(WindowOverlapError):
        publish(tmp_path, {"day=1": "day"}, window=window_of(1))
    assert_nothing_left_over(tmp_path)


def test_on_overlap_replace_does_not_replace_what_reaches_beyond(tmp_path: Path) -> None:
    publish(tmp_path, ONE, window=window_of(1, days=2))
    with pytest.raises(WindowOverlapError):
        publish(tmp_path, TWO, window=window_of(2, days=2), on_overlap="replace")


def test_log_windows_are_not_replaced_by_a_larger_one(tmp_path: Path) -> None:
    publish(tmp_path, ONE, window=window_of(1), is_log=True)
    with pytest.raises(WindowOverlapError, match="never replaces"):
        publish(tmp_path, TWO, window=window_of(1, days=7), is_log=True, on_overlap="replace")
