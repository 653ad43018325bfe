"""Imports one file in a process of its own, to be killed: ``python import_process.py PORT TABLE PATH``.

Prints ``importing`` when the import begins and the row count when the cluster confirmed it.
"""

import sys

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from


def main(port: str, table: str, path: str) -> None:
    session = open_session(ConnectionSettings(hosts=("127.0.0.1",), port=int(port)))
    try:
        print("importing", flush=True)
        options = CopyFromOptions(table=table, path=path, max_batch_bytes="2KB", rate_limit_rows_per_second=20_000)
        print(copy_from(session, options).rows, flush=True)
    finally:
        close_session(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
