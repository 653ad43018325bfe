"""Fixtures that every test can use: real servers, each started when the first test asks for it.

``CQLAI_TEST_CASSANDRA=HOST:PORT`` names a running Cassandra to use instead of starting one; which one is started
otherwise, `tests/cassandra_versions.py` tells.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.keyspaces import drop_keyspaces, make_keyspace
from tests.object_store import S3Server, open_s3_server

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress
    from tests.shared_resources import SharedResources

# Airflow writes its configuration where this points as soon as it is imported: never into the developer's own.
_AIRFLOW_HOME = tempfile.mkdtemp(prefix="cqlai-airflow-home-")
atexit.register(shutil.rmtree, _AIRFLOW_HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _AIRFLOW_HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
# 2.11 warns at import that its default here is old, and warnings are errors.
os.environ["AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY"] = "True"
# Nor does a test see the developer's AWS account.
os.environ.pop("AWS_PROFILE", None)
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# How many random examples a test has that does not say so; `make test-full` takes the second.
settings.register_profile("quick", max_examples=40)
settings.register_profile("full", max_examples=200)
settings.load_profile("quick")

pytest_plugins = [
    "tests.cassandra_versions",
    "tests.codecs",
    "tests.durations",
    "tests.parallel",
    "tests.shared_resources",
]


def pytest_report_header(config: pytest.Config) -> str:
    """What decides how far the results of a run reach: codec, Cassandra, Airflow, pyarrow."""
    from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name
    from tests.cassandra_versions import server_under_test

    codecs = "both codecs" if config.getoption("both_codecs") else f"codec {codec_name()}"
    return f"{codecs}, {server_under_test()}, Airflow {version('apache-airflow')}, pyarrow {version('pyarrow')}"


_SMALL_HEAP = "512M"


@pytest.fixture(scope="session")
def cassandra() -> Iterator[ServerAddress]:
    """A Cassandra without authentication for this process of the run.

    One for each, though a start takes 12 CPU seconds: each connection reads the names of all that is there.
    """
    from tests.cassandra_versions import running_server, start_server

    if (running := running_server()) is None:
        # All tables stay.
        with start_server(heap="1G", is_short_lived=True, has_many_tables=True) as started:
            yield started.address
        return
    yield running
    with running.connect() as session:
        drop_keyspaces(session)


@pytest.fixture(scope="session")
def cassandra_with_auth(shared_resources: SharedResources) -> ServerAddress:
    """A server that asks for a password; ``username`` and ``password`` are the superuser's."""
    return _start(shared_resources, has_password_authentication=True, heap=_SMALL_HEAP)


@pytest.fixture(scope="session")
def cassandra_with_tls(shared_resources: SharedResources) -> ServerAddress:
    """A server that speaks TLS only, to clients that show a certificate of ``certificates.authority``."""
    return _start(shared_resources, has_tls=True, requires_client_certificates=True, heap=_SMALL_HEAP)


def _start(resources: SharedResources, **options: Any) -> ServerAddress:
    from tests.cassandra_versions import skip_without_java

    skip_without_java()
    address: ServerAddress = resources.get(
        "tests.cassandra_versions:start_shared_server", is_short_lived=True, has_many_tables=True, **options
    )
    return address


@pytest.fixture(scope="session")
def session(cassandra: ServerAddress) -> Iterator[Session]:
    """A plain driver session, not the provider's."""
    with cassandra.connect() as connected:
        yield connected


@pytest.fixture
def keyspace(session: Session) -> str:
    """A fresh keyspace."""
    return make_keyspace(session)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of an S3-compatible server."""
    with open_s3_server() as endpoint_url:
        yield endpoint_url


_bucket_numbers = itertools.count(1)


@pytest.fixture
def s3_server(s3_endpoint: str) -> S3Server:
    """The S3-compatible server with a fresh bucket."""
    server = S3Server(endpoint_url=s3_endpoint, bucket=f"bucket-{next(_bucket_numbers)}")
    server.make_bucket()
    return server
