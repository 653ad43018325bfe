"""An S3-compatible server for tests (moto's) and every way to describe it to a client.

Endpoint, bucket and credentials are the same as fsspec options, as environment variables and as an Airflow connection.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock


@dataclass(frozen=True)
class S3Server:
    """Where the store is; the keys are ones that moto accepts."""

    endpoint_url: str
    bucket: str
    access_key: str = "test-access-key"
    secret_key: str = "test-secret-key"
    region: str = "us-east-1"

    @property
    def uri(self) -> str:
        """``s3://bucket``."""
        return f"s3://{self.bucket}"

    def fsspec_options(self) -> dict[str, Any]:
        """Keyword arguments of ``fsspec.filesystem("s3", ...)``; nothing is cached between calls."""
        return {
            "key": self.access_key,
            "secret": self.secret_key,
            "client_kwargs": {"endpoint_url": self.endpoint_url, "region_name": self.region},
            "use_listings_cache": False,
            "skip_instance_cache": True,
        }

    def environment(self) -> dict[str, str]:
        """What ``aiobotocore`` and ``boto3`` read where nothing else is given."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
        }

    def aws_profile(self, directory: Path) -> dict[str, str]:
        """The environment of somebody whose profile ``lake``, in a file in ``directory``, has all of that."""
        file = directory / "aws-config"
        file.write_text(
            f"[profile lake]\nregion = {self.region}\nendpoint_url = {self.endpoint_url}\n"
            f"aws_access_key_id = {self.access_key}\naws_secret_access_key = {self.secret_key}\n"
        )
        return {"AWS_CONFIG_FILE": str(file), "AWS_PROFILE": "lake"}

    def airflow_connection(self) -> str:
        """The value of ``AIRFLOW_CONN_...`` for an ``aws`` connection."""
        extra = {"endpoint_url": self.endpoint_url, "region_name": self.region}
        connection = {"conn_type": "aws", "login": self.access_key, "password": self.secret_key, "extra": extra}
        return json.dumps(connection)

    def client(self) -> Any:
        """A boto3 client, to look at the bucket with other eyes than the provider's."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
        )

    def make_bucket(self) -> None:
        self.client().create_bucket(Bucket=self.bucket)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys of all objects, sorted."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))


@contextmanager
def _models_are_read_once() -> Iterator[None]:
    """Each file system makes a session, which reads megabytes of JSON about AWS: a quarter of a second of CPU."""
    from botocore.loaders import JSONFileLoader

    read = functools.cache(functools.partial(JSONFileLoader.load_file, JSONFileLoader()))
    with mock.patch.object(JSONFileLoader, "load_file", lambda self, path: read(path)):
        yield


@contextmanager
def open_s3_server() -> Iterator[str]:
    """Runs the server in a thread of this process; gives its URL."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with _models_are_read_once():
            yield f"http://{host}:{port}"
    finally:
        server.stop()
