"""Captures one day in a process of its own, to be killed: ``python capture_day_process.py PORT TABLE ROOT DAY``.

Two queries, each of one half of the devices. Prints ``capturing`` when the capture begins and the row count when it is
published.
"""

import sys

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from tests.faults.events_table import DEVICES, day_window


def main(port: str, table: str, root: str, day: str) -> None:
    session = open_session(ConnectionSettings(hosts=("127.0.0.1",), port=int(port)))
    halves = range(DEVICES // 2), range(DEVICES // 2, DEVICES)
    queries = [
        f"SELECT * FROM {table} WHERE device IN ({', '.join(map(str, half))}) AND day = :window_start"
        for half in halves
    ]
    try:
        print("capturing", flush=True)
        result = capture(
            session,
            CaptureOptions(
                path=root,
                queries=queries,
                partition_by="event_id.date,event_id.hour",
                window=day_window(int(day)),
                row_group_size=200,
                page_size=500,
            ),
        )
        print(result.rows, flush=True)
    finally:
        close_session(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
