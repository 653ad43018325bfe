"""The tests' own S3 server can be reached every way that the tests describe it."""

from __future__ import annotations

import fsspec
import pytest

from tests.object_store import S3Server


def test_object_written_with_fsspec_is_listed_by_boto3(s3_server: S3Server) -> None:
    filesystem = fsspec.filesystem("s3", **s3_server.fsspec_options())
    filesystem.pipe(f"{s3_server.bucket}/a b/ü.txt", b"12")

    assert s3_server.keys() == ["a b/ü.txt"]


def test_environment_alone_is_enough(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    filesystem = fsspec.filesystem("s3", skip_instance_cache=True)
    filesystem.pipe(f"{s3_server.bucket}/key", b"12")

    assert s3_server.keys() == ["key"]
