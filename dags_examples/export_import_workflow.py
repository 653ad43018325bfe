"""Export, import and check, start to end: a table to one compressed file, and the file into an archive table.

The task at the end counts both tables; ``verify`` on the import compares the cells, too.

Needs the table ``user_events`` in the keyspace of the connection ``cqlai_default`` (it creates ``user_events_archive``
itself), and the Variable ``lake``, a directory or a URL. To try it: trigger it, or
``airflow dags test export_import_workflow``.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, task
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from airflow_provider_cqlai.operators.parquet_to_cassandra import ParquetToCassandraOperator

with DAG(
    dag_id="export_import_workflow",
    tags=["cqlai", "export", "import"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
):

    @task
    def create_archive_table() -> None:
        from airflow_provider_cqlai.hooks.cqlai import CqlaiHook

        with CqlaiHook() as hook:
            hook.get_conn().execute(
                "CREATE TABLE IF NOT EXISTS user_events_archive (user_id uuid, event_time timestamp, event_type text,"
                " properties map<text, text>, vector list<float>, PRIMARY KEY (user_id, event_time))"
            )

    export = CassandraToParquetOperator(
        task_id="export_events",
        table="user_events",
        path="{{ var.value.lake }}/user_events.parquet",
        compression="zstd",
    )

    load = ParquetToCassandraOperator(
        task_id="import_events",
        table="user_events_archive",
        path="{{ ti.xcom_pull(task_ids='export_events')['path'] }}",
    )

    @task
    def compare_counts(exported: dict, imported: dict) -> dict:
        from airflow_provider_cqlai.hooks.cqlai import CqlaiHook

        with CqlaiHook() as hook:
            count = hook.get_conn().execute("SELECT COUNT(*) FROM user_events_archive").one()[0]
        if not count == exported["rows"] == imported["rows"]:
            raise ValueError(f"{exported['rows']} rows exported, {imported['rows']} imported, {count} are there")
        return {"rows": count}

    create_archive_table() >> export >> load
    compare_counts(export.output, load.output)
