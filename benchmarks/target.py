"""What a case exports, where from and where to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.cassandra.connect.session import Session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings


def connect(host: str, port: int) -> Session:
    """A session of a case."""
    # Over loopback compression only costs; whether it is there would depend on the packages installed.
    return open_session(ConnectionSettings(hosts=(host,), port=port, compression="none"))


@dataclass(frozen=True)
class Target:
    """One table of a running server and an empty folder; ``options`` go to `CopyToOptions`."""

    host: str
    port: int
    table: str
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)

    def rows_in_parquet(self) -> int:
        """Rows that the footers of the written files tell of."""
        return sum(pq.ParquetFile(file).metadata.num_rows for file in self.folder.rglob("*.parquet"))
