"""Task groups, each used like one operator: a table exported by several tasks.

.. code-block:: python

    from airflow_provider_cqlai.task_groups import ShardedExport

    ShardedExport("export_events", table="shop.events", path="s3://lake/events", time_column="event_id", shards="auto")
"""

from airflow_provider_cqlai.task_groups.sharded_export import ShardedExport

__all__ = ["ShardedExport"]
