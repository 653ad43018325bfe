"""A server that ends connections instead of answering is told from one that does not answer at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from airflow_provider_cqlai.engine.cassandra.connect.session import open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.errors import ClusterUnavailableError


@pytest.fixture
def port_that_hangs_up() -> Iterator[int]:
    """Accepts, reads what it is asked and closes the connection, as a server that wants TLS does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            with client:
                client.recv(1024)

    thread = threading.Thread(target=hang_up)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_connection_that_the_server_ends_fails_as_such_and_not_by_its_timeout(port_that_hangs_up: int) -> None:
    settings = ConnectionSettings(hosts="127.0.0.1", port=port_that_hangs_up, connect_timeout_seconds=5)
    with pytest.raises(ClusterUnavailableError, match=r"the server hung up.*was closed") as caught:
        open_session(settings)
    assert "Timed out" not in str(caught.value)
