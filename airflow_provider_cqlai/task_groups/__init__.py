"""Task groups, each used like one operator: a table by several tasks, or all tables of a keyspace.

.. code-block:: python

    from airflow_provider_cqlai.task_groups import KeyspaceExport, ShardedExport

    ShardedExport("export_events", table="shop.events", path="s3://lake/events", time_column="event_id", period="1 day")
    KeyspaceExport("export_shop", keyspace="shop", path="s3://lake/{keyspace}/{table}", exclude="tmp_*")
"""

from airflow_provider_cqlai.task_groups.keyspace_export import KeyspaceExport
from airflow_provider_cqlai.task_groups.sharded_export import ShardedExport

__all__ = ["KeyspaceExport", "ShardedExport"]
