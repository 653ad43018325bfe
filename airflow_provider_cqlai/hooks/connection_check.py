"""`ConnectionSettings` in, one sentence about the cluster that answered out: what Airflow's test button shows."""

from __future__ import annotations

from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings


def describe_connection(settings: ConnectionSettings) -> str:
    """Open a session, ask the cluster about itself and close; raises what `open_session` raises."""
    from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name
    from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
    from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session

    session = open_session(settings)
    try:
        # A query, not only the driver's metadata: the session's own connections must work too.
        local = session.execute("SELECT cluster_name, release_version FROM system.local").one()
        data_centres = sorted({host.datacenter for host in session.cluster.metadata.all_hosts() if host.datacenter})
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, "reading system.local") from error
    finally:
        close_session(session)
    return (
        f"Connected to cluster {local.cluster_name!r}: Cassandra {local.release_version},"
        f" data centres {', '.join(data_centres)}, {codec_name()} codec"
    )
