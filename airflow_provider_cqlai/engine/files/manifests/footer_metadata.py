"""What every file says in its footer about where it comes from, so that a file alone tells its source and window."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai import __version__
from airflow_provider_cqlai.engine.errors import PublishError
from airflow_provider_cqlai.engine.files.manifests.manifest import Source, window_to_json
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey, parse_run_key

_OURS = b"cqlai."
_SOURCE = "cqlai.source"
_RUN_KEY = "cqlai.run_key"
_WINDOW_START = "cqlai.window_start"
_WINDOW_END = "cqlai.window_end"
_PACKAGE_VERSION = "cqlai.package_version"
_OWNER = "cqlai.owner"
_CONSISTENCY_LEVEL = "cqlai.consistency_level"


@dataclass(frozen=True)
class Footer:
    """A published file's own account of itself."""

    source: Source
    run_key: RunKey
    owner: str | None
    rows: int


def describe_publication(source: Source, run_key: RunKey, consistency_level: str) -> dict[str, str]:
    """The key-value pairs of a publication's files."""
    described = {
        _PACKAGE_VERSION: __version__,
        _SOURCE: json.dumps(source.to_json(), ensure_ascii=False),
        _RUN_KEY: run_key.name,
        _CONSISTENCY_LEVEL: consistency_level,
    }
    window = window_to_json(run_key.window)
    if window is not None:
        described |= {_WINDOW_START: window["start"], _WINDOW_END: window["end"]}
    return described


def describe_owner(owner: str | None) -> dict[str, str]:
    """The pair that says who published a file that has no manifest."""
    return {} if owner is None else {_OWNER: owner}


def read_footer(file: Any, described_path: str) -> Footer:
    """What `describe_publication` put into the Parquet file.

    Raises:
        PublishError: no Parquet file, or none that this package published.
    """
    try:
        metadata = pq.read_metadata(file)
    except pa.ArrowInvalid as error:
        raise PublishError(
            f"delete the file or choose another path: {described_path} exists and is not a Parquet file, so it is not"
            " replaced"
        ) from error
    pairs = {key.decode(): value.decode() for key, value in (metadata.metadata or {}).items() if key.startswith(_OURS)}
    footer = read_description(pairs, metadata.num_rows)
    if footer is None:
        raise PublishError(
            f"delete the file or choose another path: {described_path} exists and was not written by this package, so"
            " it is not replaced"
        )
    return footer


def read_source(pairs: Mapping[bytes, bytes]) -> Source | None:
    """What the pairs of a footer say of the source; None where this package has not written them."""
    source = pairs.get(_SOURCE.encode())
    return None if source is None else Source.from_json(json.loads(source))


def read_description(pairs: Mapping[str, str], rows: int) -> Footer | None:
    """What `describe_publication` and `describe_owner` gave; None for other pairs."""
    source, run_key = pairs.get(_SOURCE), parse_run_key(pairs.get(_RUN_KEY, ""))
    if source is None or run_key is None:
        return None
    return Footer(source=Source.from_json(json.loads(source)), run_key=run_key, owner=pairs.get(_OWNER), rows=rows)
