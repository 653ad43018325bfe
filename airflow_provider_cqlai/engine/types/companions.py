"""Companion columns: what a file says about another column's cells, when they were written and when they expire.

Makes a companion's Arrow field and reads one back. Note: the field's metadata names the companion and its column: the
name in the file is for people, and a table may well have a column with that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa

WRITETIME = "writetime"
"""Microseconds since 1970 as Cassandra's WRITETIME tells them, any int64; null where the cell is null."""

EXPIRY = "expiry"
"""The moment at which the cell expires, in whole seconds; null where it never does, or is null."""

ARROW_TYPES: Mapping[str, Any] = MappingProxyType({WRITETIME: pa.int64(), EXPIRY: pa.timestamp("ms", tz="UTC")})

# Cassandra's own "no timestamp", which no cell has: the file tells no write time, and the import's own is taken.
NO_WRITETIME = -(2**63)

COMPANION_METADATA_KEY = b"cql_companion"
COMPANION_OF_METADATA_KEY = b"cql_companion_of"


@dataclass(frozen=True)
class Companion:
    """``kind`` is `WRITETIME` or `EXPIRY`; ``column`` the exact name of the column that it tells about."""

    kind: str
    column: str

    @property
    def name(self) -> str:
        """Of the column in the file: ``writetime(<column>)`` or ``expiry(<column>)``."""
        return companion_name(self.kind, self.column)

    @property
    def arrow_field(self) -> Any:
        """Nullable, with the metadata that `read_companion` reads."""
        metadata = {COMPANION_METADATA_KEY: self.kind.encode(), COMPANION_OF_METADATA_KEY: self.column.encode()}
        return pa.field(self.name, ARROW_TYPES[self.kind], metadata=metadata)


def companion_name(kind: str, column: str) -> str:
    """The name of a companion in the file: ``writetime(<column>)`` or ``expiry(<column>)``."""
    return f"{kind}({column})"


def read_companion(arrow_field: Any) -> Companion | None:
    """What ``arrow_field`` is the companion of, as its metadata says; None for an ordinary column."""
    metadata = arrow_field.metadata or {}
    kind, column = metadata.get(COMPANION_METADATA_KEY), metadata.get(COMPANION_OF_METADATA_KEY)
    if kind is None or column is None or kind.decode() not in ARROW_TYPES:
        return None
    return Companion(kind.decode(), column.decode())
