"""Imports in a process of its own, to be killed: ``python resumed_import_process.py PORT TABLE PATH DIRECTORY``.

Its journal and rejected rows lie in ``DIRECTORY``, where the next try finds them. Prints ``importing`` when the import
begins, and the counts of its result as JSON when the cluster confirmed it.
"""

import json
import sys
from pathlib import Path

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.journal_files import FileJournalStore


def main(port: str, table: str, path: str, directory: str) -> None:
    session = open_session(ConnectionSettings(hosts=("127.0.0.1",), port=int(port)))
    try:
        print("importing", flush=True)
        options = CopyFromOptions(
            table=table,
            path=path,
            max_batch_bytes="2KB",
            rate_limit_rows_per_second=6_000,
            max_errors="1%",
            rejected_path=f"{directory}/rejected.parquet",
        )
        result = copy_from(session, options, journal_store=FileJournalStore(Path(directory) / "journal"))
        print(json.dumps(result.to_dict()), flush=True)
    finally:
        close_session(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
