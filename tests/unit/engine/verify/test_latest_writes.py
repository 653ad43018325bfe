"""The latest of several writes to a cell, and when nobody but Cassandra can tell it."""

from __future__ import annotations

import pytest

from airflow_provider_cqlai.engine.types.companions import NO_WRITETIME
from airflow_provider_cqlai.engine.verify.latest_writes import LatestWrite, LatestWrites

KEY = (b"k",)
FOUND, OTHER, THIRD = b"found", b"other", b"third"


def weigh(*writes: tuple[int, bytes], is_merged: bool = False, is_list: bool = False) -> LatestWrite:
    latest = LatestWrites()
    for writetime, form in writes:
        latest.add(KEY, "v", LatestWrite(writetime, form, form == FOUND), is_merged=is_merged, is_list=is_list)
    [write] = latest.find(KEY, ("v", "w"))
    return write


@pytest.mark.parametrize(
    ("writes", "form"),
    [
        ([(1, FOUND)], FOUND),
        ([(2, FOUND), (1, OTHER)], FOUND),
        ([(1, FOUND), (2, OTHER), (-3, THIRD)], OTHER),
        ([(NO_WRITETIME, FOUND), (NO_WRITETIME, OTHER)], OTHER),
        # A tie that a later write ends.
        ([(1, FOUND), (1, OTHER), (2, THIRD)], THIRD),
        ([(2, THIRD), (1, FOUND), (1, OTHER)], THIRD),
    ],
)
def test_the_greatest_write_time_is_the_latest(writes: list[tuple[int, bytes]], form: bytes) -> None:
    latest = weigh(*writes)
    assert (latest.form, latest.is_undecided) == (form, False)


def test_writes_of_one_time_are_decided_where_all_or_none_are_in_the_table() -> None:
    assert weigh((1, FOUND), (1, OTHER)).is_undecided
    assert weigh((1, OTHER), (1, FOUND), (1, OTHER)).is_undecided
    assert not weigh((1, FOUND), (1, FOUND)).is_undecided
    assert not weigh((1, OTHER), (1, THIRD)).is_undecided
    # Both of them could be one that neither is.
    assert weigh((1, OTHER), (1, THIRD), is_merged=True).is_undecided
    assert not weigh((1, OTHER), (1, OTHER), is_merged=True).is_undecided
    assert weigh((1, OTHER), (1, OTHER), is_merged=True, is_list=True).is_undecided


def test_the_time_of_the_import_beside_others_is_unknown() -> None:
    assert weigh((NO_WRITETIME, FOUND), (1, OTHER)).is_undecided
    assert weigh((5, OTHER), (NO_WRITETIME, FOUND), (6, OTHER)).is_undecided
