"""Says in our words what the driver logs about our clusters: one line for a lost host, no stack trace, no advice about
the driver's own parameters.

A filter hangs on the driver's loggers from the opening of our first session to the closing of the last. Loggers belong
to the whole process, so a record is first asked whose it is: what concerns hosts of another user's cluster passes as it
is, and so does every message that is not listed here. Note: the driver's own records stay, with their traces, at DEBUG.
"""

from __future__ import annotations

import copy
import logging
import re
import threading
import time
import weakref
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cassandra.cluster import Cluster
from cassandra.connection import EndPoint
from cassandra.pool import Host

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import describe_briefly

logger = logging.getLogger(__name__)

# A filter sees what is logged by its own logger only, not by those below it.
_LOGGER_NAMES = ("cassandra.cluster", "cassandra.connection", "cassandra.policies", "cassandra.pool")
# The driver tries a lost host again every 10 s at the latest: whoever was not heard of for longer is lost anew.
SAME_LOSS_SECONDS = 60.0
_IS_DRIVERS_OWN = "cqlai_is_drivers_own"


class _Topic(Enum):
    LOST = "a host does not answer"
    BACK = "a host answers again"
    PROTOCOL = "the servers speak an older protocol"
    NO_PASSWORD = "the servers ask for no password"
    TOLD_ELSEWHERE = "our own log or error says it"


@dataclass(frozen=True)
class _Message:
    """One of the driver's messages; ``host`` and ``reason`` are places among its arguments."""

    beginning: str
    topic: _Topic
    host: int | None = None
    reason: int | None = None


_MESSAGES = (
    _Message("Host %s has been marked down", _Topic.LOST, host=0),
    _Message("[control connection] Error connecting to %s", _Topic.LOST, host=0),
    _Message("Failed to create connection pool for new host %s", _Topic.LOST, host=0),
    _Message("Error attempting to reconnect to %s", _Topic.LOST, host=0, reason=2),
    _Message("Failed to create new connection to %s", _Topic.LOST, host=0, reason=1),
    _Message("Failed to add new connection to pool for host %s", _Topic.LOST, host=0, reason=1),
    _Message("Failed replacing connection to %s", _Topic.LOST, host=0),
    # The driver fills these three in itself.
    _Message("Failed reconnecting ", _Topic.LOST),
    _Message("Using datacenter ", _Topic.TOLD_ELSEWHERE),
    _Message("Failed to authenticate to ", _Topic.TOLD_ELSEWHERE),
    _Message("Failed sending heartbeat message on connection (%s) to %s", _Topic.LOST, host=1),
    _Message("Heartbeat failed for connection (%s) to %s", _Topic.LOST, host=1),
    _Message("Connection pools established for node %s", _Topic.BACK, host=0),
    _Message("Successful reconnection to %s", _Topic.TOLD_ELSEWHERE, host=0),
    _Message("Host %s may be up", _Topic.TOLD_ELSEWHERE, host=0),
    # What is not prepared there is prepared when it is first asked for.
    _Message("Error trying to prepare all statements on host %s", _Topic.TOLD_ELSEWHERE, host=0),
    _Message("Timed out trying to prepare all statements on host %s", _Topic.TOLD_ELSEWHERE, host=0),
    _Message("Control connection failed to connect", _Topic.TOLD_ELSEWHERE),
    _Message("Downgrading core protocol version", _Topic.PROTOCOL, host=2),
    _Message("An authentication challenge was not sent", _Topic.NO_PASSWORD),
)
_FILLED_IN_HOST = re.compile(r"(?:Failed reconnecting |Failed to authenticate to |\(via host ')(\S+?)(?:'|\. )")


class ClusterWatch:
    """What was said about one cluster; `open_watch` makes one, and the cluster's end ends it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = weakref.ref(cluster)
        self._lock = threading.Lock()
        self._is_opening = True
        self._held: list[str] = []
        self._lost: dict[str, float] = {}
        self._told: set[_Topic] = set()

    def is_about_us(self, host: Host | EndPoint | str | None) -> bool:
        """Whether ``host`` is one of this cluster's. A message that names none is taken for ours."""
        cluster = self._cluster()
        if cluster is None:
            return False
        if host is None:
            return True
        if isinstance(host, Host):
            # Each cluster has objects of its own for its hosts.
            return cluster.metadata.get_host(host.endpoint) is host
        return any(str(host) in (str(own.endpoint), own.address) for own in cluster.metadata.all_hosts())

    def finish_opening(self) -> None:
        """From here on lost hosts are told at once. Before, they wait: where no host answers, the error names each."""
        with self._lock:
            self._is_opening = False
            held, self._held = self._held, []
        for line in held:
            logger.warning("%s", line)

    def tell(self, message: _Message, record: logging.LogRecord, host: object) -> None:
        """Say in our words what ``record`` says, where it was not said already."""
        if message.topic is _Topic.LOST:
            self._tell_lost(str(host), _find_reason(message, record))
        elif message.topic is _Topic.BACK:
            with self._lock:
                was_lost = self._lost.pop(str(host), None) is not None
            if was_lost:
                logger.info("host %s is back", host)
        elif message.topic is _Topic.PROTOCOL and self._is_first(message.topic):
            logger.info(
                "the servers speak protocol version %s; protocol_version in the connection's extras spares the attempts"
                " at newer ones",
                _argument(record, 1),
            )
        elif message.topic is _Topic.NO_PASSWORD and self._is_first(message.topic):
            logger.info("the servers ask for no password: login and password of the connection were not checked")

    def _tell_lost(self, host: str, reason: str | None) -> None:
        line = (
            f"host {host} is lost{f' ({reason})' if reason else ''}: it is tried again every few seconds, and requests"
            " go to other hosts meanwhile or are repeated"
        )
        now = time.monotonic()
        with self._lock:
            is_known = now - self._lost.get(host, float("-inf")) < SAME_LOSS_SECONDS
            self._lost[host] = now
            if is_known:
                return
            if self._is_opening:
                self._held.append(line)
                return
        logger.warning("%s", line)

    def _is_first(self, topic: _Topic) -> bool:
        with self._lock:
            is_first = topic not in self._told
            self._told.add(topic)
            return is_first


class _DriverFilter(logging.Filter):
    """Takes out what a watch says in its own words."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO or hasattr(record, _IS_DRIVERS_OWN):
            return True
        text = str(record.msg)
        message = next((message for message in _MESSAGES if text.startswith(message.beginning)), None)
        if message is None:
            return True
        host = _find_host(message, record)
        # A copy: sessions are opened and closed in other threads.
        watch = next((watch for watch in list(_watches) if watch.is_about_us(host)), None)
        if watch is None:
            return True
        watch.tell(message, record, host)
        _keep_at_debug(record)
        return False


_filter = _DriverFilter()
_watches: list[ClusterWatch] = []
_watches_lock = threading.Lock()


def open_watch(cluster: Cluster) -> ClusterWatch:
    """Begin to say in our words what the driver logs about ``cluster``; `close_watch` ends it."""
    watch = ClusterWatch(cluster)
    with _watches_lock:
        _watches.append(watch)
        for name in _LOGGER_NAMES:
            logging.getLogger(name).addFilter(_filter)
    return watch


def close_watch(watch: ClusterWatch) -> None:
    """End ``watch``; with the last one the driver's loggers are as they were. Closing again does nothing."""
    with _watches_lock:
        if watch in _watches:
            _watches.remove(watch)
        if not _watches:
            for name in _LOGGER_NAMES:
                logging.getLogger(name).removeFilter(_filter)


def _find_host(message: _Message, record: logging.LogRecord) -> Any:
    if message.host is not None:
        return _argument(record, message.host)
    filled_in = _FILLED_IN_HOST.search(str(record.msg))
    return filled_in[1] if filled_in else None


def _find_reason(message: _Message, record: logging.LogRecord) -> str | None:
    error = record.exc_info[1] if record.exc_info else None
    if message.reason is not None:
        error = _argument(record, message.reason)
    return describe_briefly(error) if isinstance(error, BaseException) else None


def _argument(record: logging.LogRecord, place: int) -> Any:
    return record.args[place] if isinstance(record.args, tuple) and place < len(record.args) else None


def _keep_at_debug(record: logging.LogRecord) -> None:
    driver_logger = logging.getLogger(record.name)
    if driver_logger.isEnabledFor(logging.DEBUG):
        own = copy.copy(record)
        own.levelno, own.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
        setattr(own, _IS_DRIVERS_OWN, True)
        driver_logger.handle(own)
