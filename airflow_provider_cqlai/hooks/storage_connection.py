"""Takes the Airflow connection out of a dataset's URI, and opens the file system that it names.

``s3://my_aws@bucket/key`` names the connection ``my_aws``, as in Airflow's ObjectStoragePath. Without one the engine
opens the URI itself, with credentials from the environment (``AWS_PROFILE`` and so on).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import read_path

if TYPE_CHECKING:
    import os

    from fsspec import AbstractFileSystem

    from airflow_provider_cqlai.airflow_compat import ObjectStoragePath

    AnyPath: TypeAlias = str | os.PathLike[str] | ObjectStoragePath

_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<authority>[^/]*)(?P<rest>.*)", re.DOTALL)
_TEMPLATE = re.compile(r"\{[{%]")
# Azure's own URIs write container@account.dfs.core.windows.net: what follows the @ has dots, and is not a container.
_AZURE_SCHEMES = frozenset({"abfs", "abfss", "adl", "az", "azure", "wasb", "wasbs"})


def split_connection(path: Any, storage_conn_id: str | None, option: str = "path") -> tuple[str, str | None]:
    """``path`` as a text without its connection, and the id of the connection, if any.

    Raises:
        OptionError: ``storage_conn_id`` for a local path, or beside another connection in the URI; a password in it; or
            a path that is not a text.
    """
    text = read_path(option, path)
    if text is not path and _TEMPLATE.search(text) and not _is_rendered(path):
        raise OptionError(
            f"{option}={path!r}: Airflow fills in templates of texts and ObjectStoragePath only", option=option
        )
    path = text
    match = _URI.fullmatch(path)
    if match is None or is_local(path):
        if storage_conn_id is not None:
            raise OptionError(
                f"storage_conn_id={storage_conn_id!r}: {option}={path!r} is local and needs no connection",
                option="storage_conn_id",
            )
        return path, None
    connection, _, container = match["authority"].rpartition("@")
    if not connection or (match["scheme"].lower() in _AZURE_SCHEMES and "." in container):
        return path, storage_conn_id
    # Not an id: the text may be a user and a password, and the hook that looks for a connection logs its id.
    if ":" in connection:
        raise OptionError(
            f"{option} has more than a connection id before {container!r}; credentials belong in an Airflow connection",
            option=option,
        )
    if storage_conn_id not in (None, connection):
        raise OptionError(
            f"{option} names the connection {connection!r} and storage_conn_id another one, {storage_conn_id!r}",
            option="storage_conn_id",
        )
    return f"{match['scheme']}://{container}{match['rest']}", connection


def resolve_path(path: Any, base_path: str | None, option: str = "path") -> Any:
    """``path``, below ``base_path`` or ``[cqlai] base_path`` of Airflow's configuration where it is relative.

    Raises:
        OptionError: it is relative, and there is neither.
    """
    text = read_path(option, path)
    if _URI.fullmatch(text) or text.startswith(("/", "~")):
        return path
    base = base_path or _configured_base_path()
    if not base:
        raise OptionError(
            f"{option}={text!r} is relative: write an absolute path, or set base_path, here or as [cqlai] base_path in"
            " Airflow's configuration. It would be in whatever directory the worker was started",
            option=option,
        )
    return f"{base.rstrip('/')}/{text}"


def _configured_base_path() -> str | None:
    from airflow_provider_cqlai.airflow_compat import conf

    configured: str | None = conf.get("cqlai", "base_path", fallback=None)
    return configured


def _is_rendered(path: Any) -> bool:
    from airflow_provider_cqlai.airflow_compat import ObjectStoragePath

    return isinstance(path, ObjectStoragePath)


def is_local(path: str) -> bool:
    """Whether ``path`` lies on this machine and needs no connection."""
    match = _URI.fullmatch(path)
    return match is None or match["scheme"].lower() in ("file", "local")


def open_filesystem(path: str, storage_conn_id: str | None) -> AbstractFileSystem | None:
    """The file system of ``path`` with the credentials of ``storage_conn_id``; None without a connection."""
    if storage_conn_id is None:
        return None
    from airflow_provider_cqlai.airflow_compat import ObjectStoragePath

    match = _URI.fullmatch(path)
    assert match is not None, "split_connection gives a connection for URIs only"
    try:
        return ObjectStoragePath(f"{match['scheme']}://{match['authority']}/", conn_id=storage_conn_id).fs
    except (ImportError, ValueError) as error:
        raise OptionError(
            f"path={path!r}: Airflow cannot open {match['scheme']} with the connection {storage_conn_id!r}: {error}",
            option="path",
        ) from error
