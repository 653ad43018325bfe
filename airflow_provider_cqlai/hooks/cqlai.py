"""`CqlaiHook`: the id of an Airflow Connection in, a connected Cassandra session out.

Nothing is looked up or opened before it is needed, so a hook costs nothing at DAG-parse time; the driver is imported
with the first session.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.errors import CqlaiError, OptionError
from airflow_provider_cqlai.engine.options.checks import build_options
from airflow_provider_cqlai.hooks.connection_fields import CONNECTION_TYPE

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from airflow_provider_cqlai.engine.cassandra.connect.session import ConnectionSettings, Session
    from airflow_provider_cqlai.engine.verbs.capture.run import Capture


class CqlaiHook(BaseHook):
    """A session to Cassandra, opened by the first `get_conn` and closed by `close`, or at the end of ``with``::

        with CqlaiHook("my_cassandra") as hook:
            rows = hook.get_conn().execute("SELECT * FROM shop.orders LIMIT 10")

    :param cassandra_conn_id: a Connection of type ``cqlai``, or one made for the official provider's ``cassandra``.

    Errors are the engine's own: `ConnectionSettingsError`, `AccessDeniedError`, `ClusterUnavailableError`.
    """

    conn_name_attr = "cassandra_conn_id"
    default_conn_name = "cqlai_default"
    conn_type = CONNECTION_TYPE
    hook_name = "Cassandra (cqlai)"

    def __init__(self, cassandra_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cassandra_conn_id = cassandra_conn_id
        self._session: Session | None = None
        self._lock = threading.Lock()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's extras on Airflow 2.11; later ones read them from the provider's metadata."""
        from airflow_provider_cqlai.hooks.connection_form import form_widgets_2

        return form_widgets_2()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The form's standard fields on Airflow 2.11."""
        from airflow_provider_cqlai.hooks.connection_form import ui_field_behaviour_2

        return ui_field_behaviour_2()

    @property
    def settings(self) -> ConnectionSettings:
        """What the Connection says, read anew each time: a rotated password counts from the next session on."""
        from airflow_provider_cqlai.hooks.connection_reading import read_connection

        return read_connection(self.get_connection(self.cassandra_conn_id))

    def get_conn(self) -> Session:
        """The hook's session; the same one until `close`, then a new one."""
        from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session

        with self._lock:
            if self._session is not None and self._session.is_shutdown:
                # Shut down behind the hook's back, which may have left its cluster's threads running.
                close_session(self._session)
                self._session = None
            if self._session is None:
                self._session = open_session(self.settings)
            return self._session

    def close(self) -> None:
        """Close the session, where one is open. The hook can be used again."""
        from airflow_provider_cqlai.engine.cassandra.connect.session import close_session

        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            close_session(session)

    def capture(
        self, path: str | os.PathLike[str], *, filesystem: AbstractFileSystem | None = None, **options: Any
    ) -> Capture:
        """A capture that takes its queries one by one, and publishes at the end of ``with``::

            with hook.capture("/tmp/users.parquet") as capture:
                capture.execute("SELECT * FROM users WHERE country = 'US'")
                capture.execute("SELECT * FROM users WHERE country = :country", {"country": "UK"})

        :param path: a file or the root of a dataset, as every other option explained in `CaptureOptions`.
        :param filesystem: where ``path`` lies; None takes the environment's credentials.
        """
        from airflow_provider_cqlai.engine.options.capture import CaptureOptions
        from airflow_provider_cqlai.engine.verbs.capture.run import Capture

        for name in ("queries", "parameters"):
            if name in options:
                raise OptionError(f"{name} are given to the capture's execute, one query at a time", option=name)
        built = build_options(CaptureOptions, {**options, "path": path})
        return Capture(self.get_conn(), built, filesystem=filesystem)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def test_connection(self) -> tuple[bool, str]:
        """What Airflow's test button shows: whether a query was answered, and by what, or what failed and why."""
        try:
            return True, describe_connection(self.settings)
        except (CqlaiError, AirflowNotFoundException) as error:
            return False, f"{type(error).__name__}: {error}"


def describe_connection(settings: ConnectionSettings) -> str:
    """One sentence about the cluster that answers, for Airflow's test button; raises what `open_session` raises."""
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
