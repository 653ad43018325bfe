"""The daily DAG of the examples, once for each order in which its buttons are pressed; paused until a test does."""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from tests.dags.button_orders import ORDERS

for order in ORDERS:
    with DAG(
        dag_id=order.dag_id,
        schedule="@daily",
        start_date=(pendulum.yesterday("UTC") if order.has_two_nights else pendulum.datetime(2024, 1, 1, tz="UTC")),
        catchup=order.has_two_nights,
        max_active_runs=1,
        is_paused_upon_creation=True,
    ):
        # Without retries: a run that another one broke has failed.
        CassandraToParquetOperator(
            task_id="export",
            table="recent_events",
            path="{{ var.value.lake }}/{{ dag.dag_id }}",
            time_column="event_id",
            period="1 day",
            partition_by=["event_id.year", "event_id.month", "event_id.day"],
            outlets=[Asset(f"{order.dag_id}_dataset")],
        )
