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
import uuid
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.cassandra_versions import RUNNING_SERVER, pytest_runtest_setup, running_server, start_server
from tests.object_store import S3Server, open_s3_server
from tests.parallel import pytest_collection_modifyitems, pytest_xdist_auto_num_workers, pytest_xdist_make_scheduler

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress

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

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_runtest_setup",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
]

_SMALL_HEAP = "512M"
# Dropping a keyspace makes the server write twenty files and costs five times what creating it with its table does. All
# of a run would fill the server's heap and slow down every connection, which reads the schema.
_KEPT_KEYSPACES = 300


@pytest.fixture(scope="module", params=["python", "native"])
def codec(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both row codecs in turn; fixtures that read with it must ask for it as well."""
    from airflow_provider_cqlai.engine.cassandra.codec.decoder import CODEC_VARIABLE, has_native_codec

    if request.param == "native" and not has_native_codec():
        pytest.skip("the native codec is not built: no cargo here")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(CODEC_VARIABLE, request.param)
        yield request.param


@pytest.fixture(scope="session")
def cassandra() -> Iterator[ServerAddress]:
    """One Cassandra without authentication for the whole run."""
    running = running_server()
    if running is not None:
        yield running
        return
    with start_server(is_short_lived=True) as started:
        yield started.address


@pytest.fixture(scope="session")
def cassandra_with_auth() -> Iterator[ServerAddress]:
    """A server that asks for a password; ``username`` and ``password`` are the superuser's."""
    with start_server(has_password_authentication=True, heap=_SMALL_HEAP, is_short_lived=True) as started:
        yield started.address


@pytest.fixture(scope="session")
def cassandra_with_tls() -> Iterator[ServerAddress]:
    """A server that speaks TLS only, to clients that show a certificate of ``certificates.authority``."""
    with start_server(
        has_tls=True, requires_client_certificates=True, heap=_SMALL_HEAP, is_short_lived=True
    ) as started:
        yield started.address


@pytest.fixture(scope="session")
def session(cassandra: ServerAddress) -> Iterator[Session]:
    """A plain driver session, not the provider's."""
    with cassandra.connect() as connected:
        yield connected


@pytest.fixture(scope="session")
def used_keyspaces() -> deque[str]:
    """Keyspaces of tests that are over, oldest first."""
    return deque()


@pytest.fixture
def keyspace(session: Session, used_keyspaces: deque[str]) -> Iterator[str]:
    """A fresh keyspace; it is gone with the server, or earlier where many were used."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    yield name
    used_keyspaces.append(name)
    if len(used_keyspaces) > _KEPT_KEYSPACES or RUNNING_SERVER in os.environ:
        session.execute(f"DROP KEYSPACE IF EXISTS {used_keyspaces.popleft()}")


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
