"""Which Cassandra the tests run on, and the marker of those that need a newer one.

``CQLAI_TEST_CASSANDRA_VERSION`` (5.0, 4.1 or 4.0) and ``CQLAI_TEST_STORAGE_COMPATIBILITY`` (NONE, or CASSANDRA_4 as
Cassandra 5.0 ships) choose what the fixtures start. A server that is running already, ``CQLAI_TEST_CASSANDRA``, is
asked what it is. `tests/conftest.py` gives the hook to pytest.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dev.local_cassandra import LocalCassandra, ServerOptions
    from dev.server_address import ServerAddress

RUNNING_SERVER = "CQLAI_TEST_CASSANDRA"
_VERSION = "CQLAI_TEST_CASSANDRA_VERSION"
_STORAGE_COMPATIBILITY = "CQLAI_TEST_STORAGE_COMPATIBILITY"

NEEDS_VECTORS = pytest.mark.needs_cassandra("5.0", "the vector type")
NEEDS_SAI = pytest.mark.needs_cassandra("5.0", "an SAI index")
NEEDS_ELEMENT_TIMES = pytest.mark.needs_cassandra("5.0", "write time and TTL of a value of several cells")


@dataclass(frozen=True)
class ServerUnderTest:
    """What all servers of a run are."""

    version: str
    storage_compatibility_mode: str
    """``NONE`` before 5.0, which has no such setting."""

    def __str__(self) -> str:
        mode = self.storage_compatibility_mode
        return f"Cassandra {self.version}" + (f" with storage_compatibility_mode {mode}" if mode != "NONE" else "")

    def is_at_least(self, version: str) -> bool:
        """By its version alone."""
        return _numbers(self.version) >= _numbers(version)


def has_vectors() -> bool:
    """For tables that are made with a vector where there can be one."""
    return server_under_test().is_at_least("5.0")


def several_cells(cql_type: str) -> str:
    """A collection or user-defined type of which the server tells write times: before 5.0 it has to be frozen."""
    return cql_type if server_under_test().is_at_least("5.0") else f"frozen<{cql_type}>"


@functools.cache
def server_under_test() -> ServerUnderTest:
    """From the environment, or from the running server that it names."""
    running = running_server()
    if running is not None:
        return _ask(running)
    return ServerUnderTest(os.environ.get(_VERSION, "5.0"), os.environ.get(_STORAGE_COMPATIBILITY, "NONE"))


def running_server() -> ServerAddress | None:
    """The server that ``CQLAI_TEST_CASSANDRA`` names."""
    from dev.server_address import ServerAddress

    host, _, port = os.environ.get(RUNNING_SERVER, "").rpartition(":")
    return ServerAddress(host=host, port=int(port), hosts=(host,)) if port else None


def skip_without_java() -> None:
    """Skips on a machine without a Java that runs the version under test."""
    from dev.java_runtime import JavaMissingError, find_java

    try:
        find_java(server_under_test().version)
    except JavaMissingError as error:
        pytest.skip(str(error))


@contextmanager
def start_server(directory: Path | None = None, **options: Any) -> Iterator[LocalCassandra]:
    """A server of the version under test; the test is skipped on a machine without a Java that runs it."""
    from dev.local_cassandra import start_cassandra

    skip_without_java()
    with start_cassandra(server_options(**options), directory=directory) as started:
        yield started


@contextmanager
def start_shared_server(**options: Any) -> Iterator[ServerAddress]:
    """For `tests/shared_resources.py`, which a process asks that has looked for Java."""
    from dev.local_cassandra import start_cassandra

    with start_cassandra(server_options(**options)) as started:
        yield started.address


def server_options(**options: Any) -> ServerOptions:
    """Of the version under test."""
    from dev.local_cassandra import ServerOptions

    tested = server_under_test()
    mode = tested.storage_compatibility_mode
    return ServerOptions(version=tested.version, storage_compatibility_mode=mode, **options)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what is marked ``needs_cassandra("5.0", "what for")`` on an older server.

    With ``storage_compatibility="NONE"`` 5.0 is not enough in the mode in which it writes as 4.x does. Tests of what an
    older server is not asked for are marked ``needs_older_cassandra("5.0", "what")``.
    """
    for marker in item.iter_markers("needs_cassandra"):
        _skip_unless(*marker.args, **marker.kwargs)
    for marker in item.iter_markers("needs_older_cassandra"):
        _skip_from(*marker.args)


def _skip_unless(version: str, what_for: str, *, storage_compatibility: str | None = None) -> None:
    tested = server_under_test()
    is_there = storage_compatibility in (None, tested.storage_compatibility_mode)
    if not (tested.is_at_least(version) and is_there):
        mode = f" with storage_compatibility_mode {storage_compatibility}" if storage_compatibility else ""
        pytest.skip(f"{what_for}: needs Cassandra {version}{mode}, and this is {tested}")


def _skip_from(version: str, what_for: str) -> None:
    tested = server_under_test()
    if tested.is_at_least(version):
        pytest.skip(f"{what_for}: only before Cassandra {version}, and this is {tested}")


def _ask(address: ServerAddress) -> ServerUnderTest:
    with address.connect() as session:
        release = session.execute("SELECT release_version FROM system.local").one().release_version
        version = ".".join(release.split(".")[:2])
        mode = None
        if _numbers(version) >= (5, 0):
            query = "SELECT value FROM system_views.settings WHERE name = 'storage_compatibility_mode'"
            mode = session.execute(query).one()
        return ServerUnderTest(version, mode.value if mode is not None else "NONE")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
