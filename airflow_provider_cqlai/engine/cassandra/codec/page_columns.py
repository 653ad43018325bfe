"""Are a page's columns those that the decoder was opened for?

``SELECT`` of named columns still changes their types in mid-paging where the table is altered, and bytes of one type
read as another are silent nonsense. So every page's own metadata is compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.errors import TableChangedError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType


class PageColumns:
    """The columns of one result, as the prepared statement's metadata has them."""

    def __init__(self, driver_columns: Sequence[tuple[str, type]], table: str) -> None:
        self._expected = _describe(driver_columns)
        self._checked: object = None
        self._table = table

    def check(self, page: RawPage) -> None:
        """Raise unless ``page`` has just these columns.

        Raises:
            TableChangedError: names what differs.
        """
        # Pages that the server sent the same columns with share them.
        if page.columns is self._checked:
            return
        found = _describe(page.columns)
        if found != self._expected:
            raise TableChangedError(
                f"{self._table} was altered while it was read: a page has {_difference(self._expected, found)}"
            )
        self._checked = page.columns


def _describe(columns: Sequence[tuple[str, type]]) -> list[tuple[str, CqlType]]:
    return [(name, CqlType.from_driver_type(driver_type)) for name, driver_type in columns]


def _difference(expected: list[tuple[str, CqlType]], found: list[tuple[str, CqlType]]) -> str:
    changed = [f"{name} {cql_type}" for name, cql_type in found if (name, cql_type) not in expected]
    return f"columns {', '.join(changed)}" if changed else f"{len(found)} columns instead of {len(expected)}"
