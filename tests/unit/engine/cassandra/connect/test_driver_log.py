"""The driver's messages about our clusters become one line in our words; those about others' pass as they are."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra.connection import DefaultEndPoint
from cassandra.metadata import Metadata
from cassandra.policies import SimpleConvictionPolicy
from cassandra.pool import Host

from airflow_provider_cqlai.engine.cassandra.connect import driver_log
from airflow_provider_cqlai.engine.cassandra.connect.driver_log import ClusterWatch, close_watch, open_watch
from airflow_provider_cqlai.engine.cassandra.connect.session import open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.errors import ClusterUnavailableError

cluster_log, pool_log = logging.getLogger("cassandra.cluster"), logging.getLogger("cassandra.pool")
REFUSED = OSError(111, "Tried connecting to [('10.0.0.1', 9042)]. Last error: Connection refused")


class _Cluster(SimpleNamespace):
    """What a watch asks of a cluster; a plain namespace takes no weak references."""


def make_cluster() -> tuple[_Cluster, Host]:
    host = Host(DefaultEndPoint("10.0.0.1", 9042), SimpleConvictionPolicy)
    cluster = _Cluster(metadata=Metadata())
    cluster.metadata.add_or_return_host(host)
    return cluster, host


@pytest.fixture
def cluster() -> _Cluster:
    return make_cluster()[0]


@pytest.fixture
def host(cluster: _Cluster) -> Host:
    found: Host = cluster.metadata.all_hosts()[0]
    return found


@pytest.fixture
def watch(cluster: _Cluster, caplog: pytest.LogCaptureFixture) -> Iterator[ClusterWatch]:
    caplog.set_level(logging.INFO)
    opened = open_watch(cluster)
    yield opened
    close_watch(opened)


def log_loss(host: Host) -> None:
    """What the driver says when a node is killed."""
    cluster_log.warning("Host %s has been marked down", host)
    cluster_log.warning("Failed to create connection pool for new host %s:", host, exc_info=REFUSED)
    for delay in (0.5, 1.0, 2.0):
        pool_log.warning(
            "Error attempting to reconnect to %s, scheduling retry in %s seconds: %s", host, delay, REFUSED
        )
    pool_log.warning(f"Failed reconnecting {host.endpoint}. Retrying.")
    logging.getLogger("cassandra.connection").warning("Heartbeat failed for connection (%s) to %s", 1, host.endpoint)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    return [(record.name, record.levelno, record.getMessage()) for record in caplog.records]


def test_a_lost_host_is_one_line_without_a_trace(
    watch: ClusterWatch, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    watch.finish_opening()
    log_loss(host)
    [(name, level, line)] = lines(caplog)
    assert (name, level) == (driver_log.__name__, logging.WARNING)
    assert line.startswith("host 10.0.0.1:9042 is lost: it is tried again every few seconds")
    assert "Traceback" not in caplog.text


def test_the_line_tells_the_reason_where_it_is_known(
    watch: ClusterWatch, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    watch.finish_opening()
    cluster_log.warning("[control connection] Error connecting to %s:", host, exc_info=REFUSED)
    [(_, _, line)] = lines(caplog)
    assert line.startswith("host 10.0.0.1:9042 is lost (ConnectionRefusedError: Connection refused): ")


def test_a_host_that_is_back_is_one_line_and_may_be_lost_again(
    watch: ClusterWatch, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    watch.finish_opening()
    for _ in range(2):
        log_loss(host)
        pool_log.info("Successful reconnection to %s, marking node up if it isn't already", host)
        cluster_log.info("Host %s may be up; will prepare queries and open connection pool", host)
        for _ in range(2):
            cluster_log.info("Connection pools established for node %s", host)
    said = [line.partition(" it is")[0] for _, _, line in lines(caplog)]
    assert said == ["host 10.0.0.1:9042 is lost:", "host 10.0.0.1:9042 is back"] * 2


def test_a_host_that_was_silent_for_long_is_lost_anew(
    watch: ClusterWatch, host: Host, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.finish_opening()
    moments = iter([100.0, 100.0 + driver_log.SAME_LOSS_SECONDS + 1])
    monkeypatch.setattr(driver_log.time, "monotonic", lambda: next(moments))
    for _ in range(2):
        cluster_log.warning("Host %s has been marked down", host)
    assert len(lines(caplog)) == 2


def test_while_a_session_is_opened_lost_hosts_wait_for_its_success(
    watch: ClusterWatch, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    cluster_log.warning("[control connection] Error connecting to %s:", host, exc_info=REFUSED)
    assert lines(caplog) == []
    watch.finish_opening()
    assert len(lines(caplog)) == 1


def test_where_no_host_answers_the_error_alone_speaks(
    watch: ClusterWatch, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    cluster_log.warning("[control connection] Error connecting to %s:", host, exc_info=REFUSED)
    cluster_log.error("Control connection failed to connect, shutting down Cluster:", exc_info=REFUSED)
    close_watch(watch)
    assert lines(caplog) == []


@pytest.mark.parametrize(
    ("logger_name", "message", "said"),
    [
        (
            "cassandra.policies",
            "Using datacenter 'dc1' for DCAwareRoundRobinPolicy (via host '10.0.0.1:9042'); if incorrect, please"
            " specify a local_dc to the constructor, or limit contact points to local cluster nodes",
            [],
        ),
        (
            "cassandra.connection",
            "Failed to authenticate to 10.0.0.1. If you are trying to connect to a DSE cluster, consider using"
            " TransitionalModePlainTextAuthProvider if DSE authentication is configured with transitional mode",
            [],
        ),
        (
            "cassandra.connection",
            "An authentication challenge was not sent, this is suspicious because the driver expects authentication",
            ["the servers ask for no password: login and password of the connection were not checked"],
        ),
    ],
)
def test_advice_about_the_drivers_own_parameters_is_not_given(
    watch: ClusterWatch,
    host: Host,
    caplog: pytest.LogCaptureFixture,
    logger_name: str,
    message: str,
    said: list[str],
) -> None:
    for _ in range(2):
        logging.getLogger(logger_name).warning(message)
    assert [line for _, _, line in lines(caplog)] == said


def test_an_older_protocol_is_told_with_our_option(
    watch: ClusterWatch, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        cluster_log.warning(
            "Downgrading core protocol version from %d to %d for %s. To avoid this, it is best practice to explicitly"
            " set Cluster(protocol_version)",
            5,
            4,
            host.endpoint,
        )
    [(_, level, line)] = lines(caplog)
    assert level == logging.INFO
    assert line.startswith("the servers speak protocol version 4; protocol_version in the connection's extras")


def test_the_drivers_own_records_stay_at_debug_with_their_traces(
    watch: ClusterWatch, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    watch.finish_opening()
    cluster_log.warning("Failed to create connection pool for new host %s:", host, exc_info=REFUSED)
    [own] = [record for record in caplog.records if record.name == "cassandra.cluster"]
    assert (own.levelno, own.levelname) == (logging.DEBUG, "DEBUG")
    assert own.exc_info is not None
    assert len(caplog.records) == 2


def test_messages_about_another_cluster_pass_as_they_are(watch: ClusterWatch, caplog: pytest.LogCaptureFixture) -> None:
    watch.finish_opening()
    # Of the same address: somebody else's cluster has an object of its own for the host.
    _, others_host = make_cluster()
    cluster_log.warning("Host %s has been marked down", others_host)
    assert lines(caplog) == [("cassandra.cluster", logging.WARNING, "Host 10.0.0.1:9042 has been marked down")]


@pytest.mark.parametrize("arguments", [(), ("10.0.0.1:9042",)])
def test_messages_that_are_not_known_pass_as_they_are(
    watch: ClusterWatch, host: Host, caplog: pytest.LogCaptureFixture, arguments: tuple[Any, ...]
) -> None:
    text = "Unexpected failure while marking node up" + ": %s" * len(arguments)
    cluster_log.error(text, *arguments)
    assert lines(caplog) == [("cassandra.cluster", logging.ERROR, text % arguments)]


def test_a_port_that_nobody_listens_to_leaves_the_log_empty(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ClusterUnavailableError, match=f"127.0.0.1:{port}: ConnectionRefusedError: Connection refused"):
        open_session(ConnectionSettings(hosts="127.0.0.1", port=port))
    assert lines(caplog) == []
    assert cluster_log.filters == []


def test_with_the_last_watch_the_drivers_loggers_are_as_before(cluster: _Cluster) -> None:
    before = list(cluster_log.filters)
    first, second = open_watch(cluster), open_watch(cluster)
    assert cluster_log.filters != before
    close_watch(first)
    assert cluster_log.filters != before
    close_watch(second)
    close_watch(second)
    assert cluster_log.filters == before
