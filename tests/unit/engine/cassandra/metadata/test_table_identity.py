"""When is a table another one: the comparison alone, without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableIdentity

TABLE = TableIdentity("first", {"a": 0, "b": 1_000}, {"k": "int", "v": "text"}, {"v": 2020})


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (TABLE, None),
        (replace(TABLE, table_id=None), "was dropped"),
        (replace(TABLE, table_id="second"), "was dropped and created again"),
        (replace(TABLE, truncated={"a": 1_700_000_000_000, "b": 1_000}), "was truncated at 2023-11-14T22:13:20.000"),
        # Some nodes are down now, others were before.
        (replace(TABLE, truncated={"b": 1_000, "c": 5_000}), None),
        (replace(TABLE, columns={**TABLE.columns, "added": "int"}), None),
        (replace(TABLE, columns={"k": "int"}), "was altered, column v is no longer there"),
        (replace(TABLE, columns={"k": "bigint", "v": "text"}), "was altered, column k is bigint now"),
        (replace(TABLE, columns={"k": "int"}, dropped={"v": 2021}), "was altered, column v dropped"),
        (replace(TABLE, dropped={"v": 2021}), "was altered, column v dropped and added again"),
    ],
)
def test_what_became_of_a_table_is_told(later: TableIdentity, told: str | None) -> None:
    change = TABLE.describe_change(later)
    assert change == told if told is None else change is not None and change.startswith(told)
    assert TableIdentity.from_json(later.to_json()) == later


def test_only_columns_that_are_used_count() -> None:
    later = replace(TABLE, columns={"k": "int"}, dropped={"v": 2021})
    assert TABLE.describe_change(later, ["k"]) is None
    assert TABLE.describe_change(later, ["k", "v"]) is not None
