"""One step of a sharded export in a process of its own, to be killed:
``python sharded_process.py PORT TABLE ROOT STEP [PLAN [SHARD]]``.

Prints ``working`` when the step begins and, when it has ended, the plan as JSON or the row count.
"""

import json
import sys

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.sharded_export import (
    ShardedExportPlan,
    export_shard,
    plan_sharded_export,
    publish_sharded_export,
)
from tests.faults.events_table import day_window

SHARDS = 3


def main(port: str, table: str, root: str, step: str, plan_text: str = "", shard: str = "0") -> None:
    options = CopyToOptions(
        table=table,
        path=root,
        partition_by="event_id.date,event_id.hour",
        time_column="event_id",
        window=day_window(1),
        row_group_size=200,
    )
    session = open_session(ConnectionSettings(hosts=("127.0.0.1",), port=int(port)))
    try:
        print("working", flush=True)
        if step == "plan":
            print(json.dumps(plan_sharded_export(session, options, shards=SHARDS).to_dict()), flush=True)
            return
        plan = ShardedExportPlan.from_dict(json.loads(plan_text))
        if step == "export":
            print(export_shard(session, options, plan, int(shard)).rows, flush=True)
        else:
            print(publish_sharded_export(session, options, plan).rows, flush=True)
    finally:
        close_session(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
