"""Converted rows on their way to one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_cqlai.engine.cassandra.write.messages import WriteStatement


@dataclass(frozen=True)
class RoutedRows:
    """Converted rows for one statement."""

    statement: WriteStatement
    record_batch: Any
    """Has every column that the statement binds, perhaps others."""
    places: np.ndarray | None = None
    """Of each row in the source rows; None where they are the same."""
    counts_rows: bool = True
    """Whether this statement makes its rows count as written: one statement of each row does."""
