"""The path as written by the user -> the path of this run: ``{window_start}`` and ``{window_end}`` are filled in.

Where it leads is checked before anything is read: a name in it may be too long. Moments are in UTC. Filling happens
after the window is resolved, which is after Airflow renders Jinja.
"""

from __future__ import annotations

import string

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.manifests.run_key import short_form
from airflow_provider_cqlai.engine.files.storage.storage import Storage
from airflow_provider_cqlai.engine.options.window import TimeWindow

_KNOWN = ("window_start", "window_end")
_HINT = "a brace that is part of the name is written twice"


def fill_path(path: str, window: TimeWindow | None) -> str:
    """``path`` with its placeholders filled in: ``"/data/events-{window_start:%Y-%m-%d}.parquet"``.

    A format is one of ``strftime``; without a format a moment reads ``20240101T000000Z``. A brace that is part of the
    name is written twice.

    Raises:
        OptionError: an unknown placeholder, one that is not closed, or one without a window.
    """
    filled: list[str] = []
    try:
        pieces = list(string.Formatter().parse(path))
    except ValueError as error:
        raise OptionError(f"path={path!r}: {error}; {_HINT}", option="path") from error
    for literal, name, moment_format, conversion in pieces:
        filled.append(literal)
        if name is None:
            continue
        if name not in _KNOWN or conversion or "{" in (moment_format or ""):
            raise OptionError(
                f"path={path!r}: unknown placeholder {{{name}}}; known are {{window_start}} and {{window_end}},"
                f" each with a strftime format if wanted: {{window_start:%Y-%m-%d}}; {_HINT}",
                option="path",
            )
        if window is None:
            raise OptionError(f"path={path!r} names {{{name}}}, but this run has no window", option="path")
        moment = window.start if name == "window_start" else window.end
        filled.append(moment.strftime(moment_format) if moment_format else short_form(moment))
    return "".join(filled)


def check_location(storage: Storage, location: str, *, longest_prefix_and_suffix: int = 0) -> None:
    """Raise unless a result can have the path ``location``.

    Args:
        storage: where it lies.
        location: the storage's own path.
        longest_prefix_and_suffix: bytes that its last name gains while the file is written.

    Raises:
        OptionError: it is the root of the storage, or a name in it is longer than the storage takes.
    """
    *directories, name = location.split("/")
    if not name:
        raise OptionError(
            f"path: {storage.describe(location)} is the root of the storage: name a directory or a file below it",
            option="path",
        )
    limit = storage.max_name_bytes
    if limit is None:
        return
    for part, allowed in [*((part, limit) for part in directories), (name, limit - longest_prefix_and_suffix)]:
        byte_count = len(part.encode(errors="surrogateescape"))
        if byte_count > allowed:
            raise OptionError(
                f"path: the name {part!r} has {byte_count} bytes, at most {allowed} can be taken"
                + (" of a file that has a longer name while it is written" if allowed < limit else ""),
                option="path",
            )
