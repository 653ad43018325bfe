"""Captures a table as text in a process of its own, to be killed: ``python capture_process.py PORT TABLE PATH``.

A path ending with ``.json`` is one file of JSON lines, any other a dataset of the format that it is called after.

Prints ``capturing`` when it begins and the row count when it is published.
"""

import sys

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture


def main(port: str, table: str, path: str) -> None:
    is_file = path.endswith(".json")
    options = CaptureOptions(
        path=path,
        format=None if is_file else path.rpartition("/")[2],
        partition_by=None if is_file else "event_id.hour",
        queries=[f"SELECT event_id, device, payload FROM {table}", f"SELECT event_id, name FROM {table}"],
        row_group_size=200,
        page_size=500,
    )
    session = open_session(ConnectionSettings(hosts=("127.0.0.1",), port=int(port)))
    try:
        print("capturing", flush=True)
        print(capture(session, options).rows, flush=True)
    finally:
        close_session(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
