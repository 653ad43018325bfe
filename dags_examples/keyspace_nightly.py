"""Each night, all tables of a keyspace, a dataset each: the day of those that tell a time, the others as a whole.

``plan`` finds the tables, the mapped ``export`` tasks write and publish one each (a large one is shared by several),
and ``publish`` sums up and fails where a table is missing, by name. Each table's dataset is an asset under the alias
``keyspace_nightly.export_shop``. Two tables at a time are what the cluster is to bear.

Needs the keyspace that the Variable ``keyspace`` names, through the connection ``cqlai_default``, and the Variable
``lake``, a URL or a directory that all workers share. To try it: ``airflow dags test keyspace_nightly 2024-01-05``.
"""

import datetime

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG
from airflow_provider_cqlai.task_groups import KeyspaceExport

with DAG(
    dag_id="keyspace_nightly",
    tags=["cqlai", "export"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering", "retries": 2, "retry_delay": datetime.timedelta(minutes=1)},
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
):
    KeyspaceExport(
        "export_shop",
        keyspace="{{ var.value.keyspace }}",
        path="{{ var.value.lake }}/nightly/{keyspace}/{table}",
        exclude=["tmp_*"],
        # Of each table the column of its key that tells a time; what has none is exported as a whole.
        time_column="auto",
        period="1 day",
        max_active_tis_per_dagrun=2,
    )
