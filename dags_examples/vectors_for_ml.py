"""Embeddings out of Cassandra and into one NumPy matrix.

A ``vector<float, n>`` is a fixed-size list in Parquet. The task that reads is told by the exporting task's result where
the dataset is, and asks for the files of its current generation.

Needs the table ``embeddings`` in the keyspace of the connection ``cqlai_default``, which is Cassandra 5 or newer, and
the Variable ``lake``, a directory. To try it: trigger it, or ``airflow dags test vectors_for_ml``.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, task
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator

with DAG(
    dag_id="vectors_for_ml",
    tags=["cqlai", "export"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
):
    export = CassandraToParquetOperator(
        task_id="export_embeddings",
        table="embeddings",
        columns=["id", "embedding"],
        path="{{ var.value.lake }}/embeddings",
        # Floats of a model hardly repeat: a dictionary would only be in the way.
        dictionary=["id"],
    )

    @task
    def describe_matrix(exported: dict) -> dict:
        import numpy as np
        import pyarrow.dataset as ds

        from airflow_provider_cqlai.engine import dataset_files

        table = ds.dataset(dataset_files(exported["path"])).to_table()
        # Works as it is where no vector is null.
        matrix = np.stack(table["embedding"].to_numpy())
        return {"shape": list(matrix.shape), "type": str(matrix.dtype), "mean": float(matrix.mean())}

    describe_matrix(export.output)
