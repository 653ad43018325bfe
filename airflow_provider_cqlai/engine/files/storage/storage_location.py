"""Finds the storage that a user's path lies in, and the path there.

A path is a local one, a ``file://`` URI or any URI that fsspec knows; the caller may give a file system that it opened
with credentials of its own (Airflow's ObjectStoragePath has one). Note: ``s3://conn_id@bucket/key`` names an Airflow
connection, which only such a file system can serve.
"""

from __future__ import annotations

import os
import re
from functools import partial

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.storage.local_storage import LocalStorage
from airflow_provider_cqlai.engine.files.storage.object_storage import ObjectStorage
from airflow_provider_cqlai.engine.files.storage.storage import Storage
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess

_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<rest>.*)", re.DOTALL)
# The form without a host: one slash after the colon.
_SHORT_FILE_URI = re.compile(r"\A(?:file|local):/", re.IGNORECASE)
_LOCAL_SCHEMES = frozenset({"file", "local"})
# Azure writes container@account where others have nothing or an Airflow connection.
_AZURE_ACCOUNT = re.compile(r"[^/@]+@[^/@]+\.[^/]*")
_SCHEME_ALIASES = {"azure": "az"}


def locate(path: str, access: StorageAccess) -> tuple[Storage, str]:
    """The storage of ``path`` and its path there, without a trailing slash.

    Raises:
        OptionError: a scheme that fsspec does not know or lacks the library for, or a connection without a file system.
    """
    filesystem = access.filesystem
    match = _URI.fullmatch(path)
    scheme = scheme_of(path) or "file"
    rest = match["rest"] if match else path
    if isinstance(filesystem, LocalFileSystem) or (filesystem is None and scheme in _LOCAL_SCHEMES):
        return LocalStorage(), os.path.abspath(os.path.expanduser(_local_path(path)))
    if filesystem is not None:
        uri = f"{scheme}://{_without_connection(rest)}" if match else path
        return ObjectStorage(filesystem, access), str(filesystem._strip_protocol(uri)).rstrip("/")
    if _without_connection(rest) != rest:
        raise OptionError(
            f"path={path!r} names an Airflow connection before the @: give the file system that it opens, too",
            option="path",
        )
    return _resolve(f"{scheme}://{rest}", access)


def scheme_of(path: str) -> str | None:
    """The scheme of a URI as fsspec knows it; None for a path."""
    match = _URI.fullmatch(path)
    if match is None:
        return None
    scheme = match["scheme"].lower()
    return _SCHEME_ALIASES.get(scheme, scheme)


def connection_of(path: str) -> str:
    """The Airflow connection before the bucket of a URI; empty where there is none."""
    match = _URI.fullmatch(path)
    return _split_connection(match["rest"])[0] if match else ""


def _resolve(uri: str, access: StorageAccess) -> tuple[Storage, str]:
    try:
        is_s3 = uri.startswith(("s3://", "s3a://"))
        credentials = {"profile": access.aws_profile} if access.aws_profile is not None and is_s3 else {}
        filesystem, path = access.run("open", uri, partial(url_to_fs, uri, **credentials))
    except (ImportError, ValueError) as error:
        raise OptionError(f"path={uri!r}: {error}", option="path") from error
    return ObjectStorage(filesystem, access), str(path).rstrip("/")


def _local_path(path: str) -> str:
    """The path that a ``file:`` URI names (RFC 8089), or ``path`` itself."""
    match = _URI.fullmatch(path)
    if match is None:
        return _SHORT_FILE_URI.sub("/", path)
    rest = _without_connection(match["rest"])
    host, slash, location = rest.partition("/")
    if host not in ("", "localhost"):
        # As a relative path it would lie below the worker's current directory, whichever that is.
        raise OptionError(
            f"path={path!r} names the host {host!r}: a local path follows three slashes, {match['scheme']}:///{rest}",
            option="path",
        )
    return slash + location


def _without_connection(rest: str) -> str:
    return _split_connection(rest)[1]


def _split_connection(rest: str) -> tuple[str, str]:
    authority, slash, key = rest.partition("/")
    if "@" not in authority or _AZURE_ACCOUNT.fullmatch(authority):
        return "", rest
    connection, _, bucket = authority.rpartition("@")
    return connection, bucket + slash + key
