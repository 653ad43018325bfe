"""What an import case imports: ``python -m benchmarks.import_preparation HOST PORT TABLE FOLDER``.

Prints a JSON list: the path of a file with the rows of the table, and the name of an empty table of its definition.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from benchmarks.target import connect


def prepare(session: Session, table: str, folder: Path) -> tuple[str, str]:
    """The file with the table's rows, and an empty table of the same definition."""
    path = str(folder / "rows.parquet")
    copy_to(session, CopyToOptions(table=table, path=path))
    keyspace, _, name = table.partition(".")
    empty = f"{name}_imported"
    create = session.cluster.metadata.keyspaces[keyspace].tables[name].as_cql_query()
    session.execute(f"DROP TABLE IF EXISTS {keyspace}.{empty}", timeout=120)
    session.execute(create.replace(f"{keyspace}.{name}", f"{keyspace}.{empty}", 1), timeout=120)
    return path, f"{keyspace}.{empty}"


def main(host: str, port: str, table: str, folder: str) -> None:
    session = connect(host, int(port))
    try:
        print(json.dumps(prepare(session, table, Path(folder))))
    finally:
        close_session(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
