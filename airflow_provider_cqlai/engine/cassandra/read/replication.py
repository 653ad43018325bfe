"""Tells a consistency level that no attempt can reach from replicas that are merely down.

The server's "unavailable" and the keyspace's replication give an `OptionError`, or None where waiting may help. Note: a
keyspace that has no replicas in the local data centre fails LOCAL_QUORUM with "1 required, 0 alive", just as a node
that is down would.
"""

from __future__ import annotations

from cassandra import ConsistencyLevel, Unavailable
from cassandra.metadata import LocalStrategy, Metadata, NetworkTopologyStrategy, SimpleStrategy

from airflow_provider_cqlai.engine.errors import OptionError

_LOCAL_LEVELS = (ConsistencyLevel.LOCAL_ONE, ConsistencyLevel.LOCAL_QUORUM, ConsistencyLevel.LOCAL_SERIAL)


def find_unreachable_level(
    error: Exception, metadata: Metadata, keyspace: str, data_centre: str | None
) -> OptionError | None:
    """An error when ``error`` asks for more replicas than ``keyspace`` has; ``data_centre`` is the coordinator's."""
    if not isinstance(error, Unavailable) or keyspace not in metadata.keyspaces:
        return None
    strategy = metadata.keyspaces[keyspace].replication_strategy
    place = ""
    if isinstance(strategy, NetworkTopologyStrategy):
        factors = {name: factor.all_replicas for name, factor in strategy.dc_replication_factors_info.items()}
        replicas = sum(factors.values())
        if error.consistency in _LOCAL_LEVELS:
            if data_centre is None:
                return None
            replicas = factors.get(data_centre, 0)
            place = f" in data centre {data_centre!r}"
    elif isinstance(strategy, SimpleStrategy):
        replicas = strategy.replication_factor_info.all_replicas
    elif isinstance(strategy, LocalStrategy):
        replicas = 1
    else:
        return None
    if error.required_replicas is None or error.required_replicas <= replicas:
        return None
    level = ConsistencyLevel.value_to_name.get(error.consistency, error.consistency)
    other = ", or local_data_centre of the connection" if place else ""
    return OptionError(
        f"consistency_level={level!r} needs {error.required_replicas} of a row's replicas, and keyspace {keyspace!r}"
        f" has {replicas}{place} (its replication factor): change consistency_level{other}",
        option="consistency_level",
    )
