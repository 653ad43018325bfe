"""Publishing to a real S3-compatible server: uploads appear at the commit, and none stays behind."""

# ruff: noqa: PT012  (a publication fails when its context is left, too, so the whole of it is inside)

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.errors import (
    AccessDeniedError,
    OptionError,
    PublishError,
    StorageError,
    SupersededError,
)
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.storage.storage_location import locate
from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files
from tests.object_store import S3Server
from tests.unit.engine.files.publish.publications import (
    interrupt_object_storage_at,
    open_attempt,
    publish,
    read_generation,
    window_of,
    write,
)

BEFORE = {"day=1": "before", "day=2": "before"}
AFTER = {"day=2": "after", "day=3": "after"}
# More than one part of an upload.
LARGE = "x" * (9 * 1024 * 1024)


@pytest.fixture
def s3(s3_server: S3Server) -> Any:
    """A file system that caches listings, as those do that Airflow's tasks share."""
    options = s3_server.fsspec_options() | {"use_listings_cache": True}
    # The server answers a request about an aborted upload with an internal error, which is not worth another try.
    filesystem = fsspec.filesystem("s3", config_kwargs={"retries": {"max_attempts": 0}}, **options)
    filesystem.retries = 1
    return filesystem


@pytest.fixture
def uri(s3_server: S3Server) -> str:
    return f"{s3_server.uri}/exports/orders"


def _uploads(server: S3Server) -> list[str]:
    return [upload["Key"] for upload in server.client().list_multipart_uploads(Bucket=server.bucket).get("Uploads", ())]


def _assert_nothing_left_over(server: S3Server, uri: str, s3: Any, generation: dict[str, str]) -> None:
    assert read_generation(uri, s3) == generation
    listed = [name.removeprefix(f"{server.uri}/") for name in dataset_files(uri, filesystem=s3)]
    rest = sorted(set(server.keys()) - set(listed))
    others = [name for name in rest if not name.startswith("exports/orders/_cqlai/whole/0")]
    assert others == ["exports/orders/_common_metadata", "exports/orders/_cqlai/source.json"]
    assert len(rest) == 3
    assert _uploads(server) == []


def test_generations_replace_each_other(s3_server: S3Server, s3: Any, uri: str) -> None:
    for generation in (BEFORE, AFTER, {"day=7": LARGE}, {}):
        publish(uri, generation, filesystem=s3)
        _assert_nothing_left_over(s3_server, uri, s3, generation)


def test_files_have_their_names_of_the_specification_and_are_invisible_until_the_commit(
    s3_server: S3Server, s3: Any, uri: str
) -> None:
    with open_attempt(uri, filesystem=s3) as publication:
        written = write(publication, {"day=1": "small", "day=2": LARGE})
        assert not [key for key in s3_server.keys("") if key.endswith(".parquet")]
        assert len(_uploads(s3_server)) == 2
        publication.commit(written)
    assert [key for key in s3_server.keys("") if key.endswith(".parquet")] == [
        "exports/orders/day=1/part-00000.parquet",
        "exports/orders/day=2/part-00000.parquet",
    ]


def test_attempt_that_fails_leaves_no_object_and_no_upload(s3_server: S3Server, s3: Any, uri: str) -> None:
    with pytest.raises(ZeroDivisionError), open_attempt(uri, filesystem=s3) as publication:
        write(publication, {"day=1": "small", "day=2": LARGE})
        # One more that is not finished.
        publication.create_file("day=3").stream.write(LARGE.encode())
        raise ZeroDivisionError
    assert s3_server.keys() == []
    assert _uploads(s3_server) == []


def test_zombie_fails_when_its_uploads_are_gone(s3_server: S3Server, s3: Any, uri: str) -> None:
    with pytest.raises(SupersededError), open_attempt(uri, filesystem=s3) as earlier:
        written = write(earlier, BEFORE)
        publish(uri, AFTER, filesystem=s3)
        earlier.commit(written)
    _assert_nothing_left_over(s3_server, uri, s3, AFTER)


def test_zombie_fails_while_it_still_writes(s3_server: S3Server, s3: Any, uri: str) -> None:
    with pytest.raises(SupersededError), open_attempt(uri, filesystem=s3) as earlier:
        file = earlier.create_file("day=1")
        file.stream.write(LARGE.encode())
        publish(uri, AFTER, filesystem=s3)
        file.stream.write(LARGE.encode())
    _assert_nothing_left_over(s3_server, uri, s3, AFTER)


def test_other_run_keys_uploads_are_left_alone(s3_server: S3Server, s3: Any, uri: str) -> None:
    with open_attempt(uri, window=window_of(1), filesystem=s3) as first:
        written = write(first, {"day=1": "one"})
        publish(uri, {"day=2": "two"}, window=window_of(2), filesystem=s3)
        first.commit(written)
    assert read_generation(uri, s3) == {"day=1": "one", "day=2": "two"}


def test_publication_by_another_process_is_seen_in_spite_of_cached_listings(
    s3_server: S3Server, s3: Any, uri: str
) -> None:
    publish(uri, BEFORE, filesystem=s3)
    assert s3.find(uri)
    publish(uri, AFTER, filesystem=fsspec.filesystem("s3", **s3_server.fsspec_options()))
    assert read_generation(uri, s3) == AFTER
    publish(uri, BEFORE, filesystem=s3)
    _assert_nothing_left_over(s3_server, uri, s3, BEFORE)


def test_object_that_another_process_has_written_is_seen_in_spite_of_cached_listings(
    s3_server: S3Server, s3: Any, uri: str
) -> None:
    storage, directory = locate(uri, StorageAccess(s3))
    s3.pipe_file(f"{uri}/one", b"1")
    # As a task that shares the object may have done: the listing is kept in it.
    s3.dircache.use_listings_cache = True
    s3.ls(uri)
    storage, directory = locate(uri, StorageAccess(s3))
    script = "import fsspec, sys; fsspec.filesystem('s3', **eval(sys.argv[1])).pipe_file(sys.argv[2], b'2')"
    subprocess.run([sys.executable, "-c", script, repr(s3_server.fsspec_options()), f"{uri}/two"], check=True)
    assert storage.read(f"{directory}/two") == b"2"
    assert storage.open_read(f"{directory}/two").read() == b"2"
    assert storage.exists(f"{directory}/two")
    assert storage.has_file(f"{directory}/two")
    assert storage.list_files(directory) == storage.list_names(directory) == ["one", "two"]
    assert storage.identify(f"{directory}/two").startswith("1 ")
    s3.ls(uri)
    assert not s3.dircache


@pytest.mark.parametrize("count", [1, pytest.param(8, marks=pytest.mark.fault_full)])
def test_the_later_of_two_attempts_wins_at_sampled_steps(
    s3_server: S3Server, s3: Any, uri: str, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    for step in sorted(random.Random(3).sample(range(1, 60), count)):
        publish(uri, BEFORE, filesystem=s3)
        with interrupt_object_storage_at(step, lambda: publish(uri, AFTER, filesystem=s3) and None, monkeypatch):
            try:
                publish(uri, BEFORE, filesystem=s3)
            except SupersededError:
                expected = [AFTER]
            else:
                expected = [AFTER, BEFORE]
        generation = read_generation(uri, s3)
        assert generation in expected
        _assert_nothing_left_over(s3_server, uri, s3, generation)


_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.unit.engine.files.publish.publications", "pyarrow.parquet"])


def _publish_until_killed(step: int, uri: str, options: dict[str, Any]) -> None:
    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as monkeypatch, interrupt_object_storage_at(step, kill, monkeypatch):
        publish(uri, {"day=2": "after", "day=3": LARGE}, filesystem=fsspec.filesystem("s3", **options))


# From step 28 on files are finished, completed and committed.
@pytest.mark.parametrize("steps", [(34,), pytest.param((5, 20, *range(28, 50, 3)), marks=pytest.mark.fault_full)])
def test_kill_at_sampled_steps_leaves_one_complete_generation_and_a_retry_cleans_up(
    s3_server: S3Server, s3: Any, uri: str, steps: tuple[int, ...]
) -> None:
    with_uploads = 0
    for step in steps:
        publish(uri, BEFORE, filesystem=s3)
        process = _context.Process(target=_publish_until_killed, args=(step, uri, s3_server.fsspec_options()))
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        with_uploads += bool(_uploads(s3_server))
        assert read_generation(uri, s3) in (BEFORE, {"day=2": "after", "day=3": LARGE})
        publish(uri, AFTER, filesystem=s3)
        _assert_nothing_left_over(s3_server, uri, s3, AFTER)
    assert with_uploads


# --- a single file


def _publish_file(uri: str, name: str, s3: Any = None) -> None:
    with open_attempt(uri, source=Source(table="shop.orders"), is_hive=False, filesystem=s3) as publication:
        publication.commit(_write_file(publication, name))


def _write_file(publication: Any, name: str) -> list[WrittenFile]:
    table = pa.table({"name": [name]}).replace_schema_metadata(publication.footer_metadata)
    file = publication.create_file("")
    pq.write_table(table, file.stream)
    return [WrittenFile(file, rows=1, bytes=file.finish())]


def _read_file(server: S3Server, key: str) -> list[str]:
    body = server.client().get_object(Bucket=server.bucket, Key=key)["Body"].read()
    names: list[str] = pq.read_table(pa.BufferReader(body)).column("name").to_pylist()
    return names


def test_single_file_is_replaced_and_nothing_stays_beside_it(s3_server: S3Server, s3: Any) -> None:
    for name in ("first", "second"):
        _publish_file(f"{s3_server.uri}/exports/orders.parquet", name, s3)
        assert s3_server.keys() == ["exports/orders.parquet"]
        assert _read_file(s3_server, "exports/orders.parquet") == [name]
    assert _uploads(s3_server) == []


def test_single_files_of_a_bucket_lie_at_its_top(s3_server: S3Server, s3: Any) -> None:
    _publish_file(f"{s3_server.uri}/orders.parquet", "first", s3)
    assert s3_server.keys() == ["orders.parquet"]


def test_dataset_lies_at_the_top_of_a_bucket(s3_server: S3Server, s3: Any) -> None:
    publish(f"{s3_server.uri}/", BEFORE, filesystem=s3)
    publish(f"{s3_server.uri}/", AFTER, filesystem=s3)
    assert read_generation(s3_server.uri, s3) == AFTER
    assert len(s3_server.keys()) == 5


def test_single_file_of_a_zombie_is_not_published(s3_server: S3Server, s3: Any) -> None:
    uri = f"{s3_server.uri}/exports/orders.parquet"
    arguments = {"source": Source(table="shop.orders"), "is_hive": False, "filesystem": s3}
    with pytest.raises(SupersededError), open_attempt(uri, **arguments) as earlier:
        written = _write_file(earlier, "earlier")
        _publish_file(uri, "later", s3)
        earlier.commit(written)
    assert _read_file(s3_server, "exports/orders.parquet") == ["later"]
    assert s3_server.keys() == ["exports/orders.parquet"]
    assert _uploads(s3_server) == []


def test_stale_upload_of_a_single_file_is_aborted(s3_server: S3Server, s3: Any) -> None:
    client = s3_server.client()
    client.create_multipart_upload(Bucket=s3_server.bucket, Key="exports/orders.parquet")
    client.create_multipart_upload(Bucket=s3_server.bucket, Key="exports/others.parquet")
    _publish_file(f"{s3_server.uri}/exports/orders.parquet", "first", s3)
    assert _uploads(s3_server) == ["exports/others.parquet"]


# --- credentials and errors


@pytest.fixture
def aws_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from s3fs import S3FileSystem

    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    yield
    S3FileSystem.clear_instance_cache()


@pytest.mark.usefixtures("aws_environment")
def test_credentials_come_from_the_environment(s3_server: S3Server, uri: str) -> None:
    publish(uri, BEFORE)
    assert len(dataset_files(uri)) == 2
    assert len(s3_server.keys("exports/orders/day=")) == 2


def test_credentials_come_from_an_aws_profile(
    s3_server: S3Server, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from s3fs import S3FileSystem

    (tmp_path / "credentials").write_text(
        f"[exports]\naws_access_key_id={s3_server.access_key}\naws_secret_access_key={s3_server.secret_key}\n"
    )
    (tmp_path / "config").write_text(
        f"[profile exports]\nregion={s3_server.region}\nendpoint_url={s3_server.endpoint_url}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "exports")
    S3FileSystem.clear_instance_cache()
    publish(uri, BEFORE)
    assert len(dataset_files(uri)) == 2
    S3FileSystem.clear_instance_cache()


def test_credentials_come_from_an_airflow_connection(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3_server.airflow_connection())
    sdk_io = pytest.importorskip("airflow.sdk.io")
    path = f"s3://aws_default@{s3_server.bucket}/exports/orders"
    filesystem = sdk_io.ObjectStoragePath(path).fs
    publish(path, BEFORE, filesystem=filesystem)
    assert read_generation(path, filesystem) == BEFORE
    assert len(s3_server.keys("exports/orders/day=")) == 2


def test_connection_in_the_path_without_its_file_system_is_an_error() -> None:
    with pytest.raises(OptionError, match="connection"):
        publish("s3://aws_default@bucket/exports", BEFORE)


def test_missing_bucket_is_terminal(s3_server: S3Server, s3: Any) -> None:
    with pytest.raises(PublishError, match="does not exist"):
        publish("s3://no-such-bucket/exports", BEFORE, filesystem=s3)
    with pytest.raises(PublishError, match="does not exist"):
        _publish_file("s3://no-such-bucket/orders.parquet", "a", s3)


def test_missing_credentials_are_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AccessDeniedError):
        publish("s3://bucket/exports", BEFORE)
    S3FileSystem.clear_instance_cache()


def test_server_that_does_not_answer_is_retryable() -> None:
    options = {
        "key": "a",
        "secret": "b",
        "client_kwargs": {"endpoint_url": "http://127.0.0.1:9", "region_name": "us-east-1"},
        "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1},
        "skip_instance_cache": True,
    }
    filesystem = fsspec.filesystem("s3", **options)
    filesystem.retries = 1
    with pytest.raises(StorageError):
        publish("s3://bucket/exports", BEFORE, filesystem=filesystem)


def test_store_that_ignores_the_condition_is_refused(
    s3_server: S3Server, s3: Any, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_s3 = type(s3)._call_s3

    async def without_condition(self: Any, method: str, *arguments: Any, **keywords: Any) -> Any:
        keywords.pop("IfNoneMatch", None)
        return await call_s3(self, method, *arguments, **keywords)

    monkeypatch.setattr(type(s3), "_call_s3", without_condition)
    with pytest.raises(OptionError, match="only if it is absent"):
        publish(uri, BEFORE, filesystem=s3)
    assert s3_server.keys() == []
