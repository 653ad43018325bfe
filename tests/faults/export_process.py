"""Exports one window in a process of its own, to be killed: ``python export_process.py PORT TABLE ROOT DAY``.

Prints ``exporting`` when the export begins and the row count when it is published.
"""

import sys

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.faults.events_table import day_window


def main(port: str, table: str, root: str, day: str) -> None:
    session = open_session(ConnectionSettings(hosts=("127.0.0.1",), port=int(port)))
    try:
        print("exporting", flush=True)
        result = copy_to(
            session,
            CopyToOptions(
                table=table,
                path=root,
                partition_by="event_id.date,event_id.hour",
                time_column="event_id",
                window=day_window(int(day)),
                row_group_size=200,
            ),
        )
        print(result.rows, flush=True)
    finally:
        close_session(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
