"""``copy-to``, ``copy-from``, ``capture`` and ``script``: the engine's verbs, with every option by its own name.

A connection is Airflow's, or given by arguments, where Airflow need not be installed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.command_line.dataset import read_moment
from airflow_provider_cqlai.engine import (
    Cancellation,
    CaptureOptions,
    ConnectionSettings,
    CopyFromOptions,
    CopyToOptions,
    OptionError,
    ScriptSurroundings,
    TimeWindow,
    capture,
    close_session,
    copy_from,
    copy_to,
    open_session,
    run_script,
)
from airflow_provider_cqlai.engine.options.values.checks import build_options
from airflow_provider_cqlai.engine.options.values.texts import read_option_text

if TYPE_CHECKING:
    from cassandra.cluster import Session
    from fsspec import AbstractFileSystem

PASSWORD_VARIABLE = "CQLAI_PASSWORD"
# Options that the command line has places of their own for.
_ELSEWHERE = {
    "table": "it is the argument TABLE",
    "path": "it is the argument PATH",
    "queries": "they are given by --query",
    "window": "it is given by --start and --end",
}
_PAGES = {
    CopyToOptions: "cassandra_to_parquet.md",
    CopyFromOptions: "parquet_to_cassandra.md",
    CaptureOptions: "capture_queries.md",
}


def add_verbs(commands: Any) -> None:
    """Add the verbs to the sub-parsers ``commands``."""
    exporting = _add(commands, "copy-to", "export a table, or a slice of its time, as Parquet", _copy_to, CopyToOptions)
    exporting.add_argument("table", metavar="TABLE", help="keyspace.table")
    exporting.add_argument("path", metavar="PATH", help="a file or the root of a dataset, local or a URI")
    importing = _add(commands, "copy-from", "import Parquet files into a table", _copy_from, CopyFromOptions)
    importing.add_argument("table", metavar="TABLE", help="keyspace.table")
    importing.add_argument("path", metavar="PATH", nargs="+", help="files, directories, datasets or globs")
    capturing = _add(commands, "capture", "capture the results of SELECTs", _capture, CaptureOptions)
    capturing.add_argument("path", metavar="PATH", help="a file (.parquet, .csv, .json) or the root of a dataset")
    capturing.add_argument("--query", "-q", action="append", required=True, metavar="CQL", help="once for each SELECT")
    scripting = _add(commands, "script", "run COPY, CAPTURE and other statements of a file", _script, None)
    scripting.add_argument("script", metavar="FILE", help="of statements; - is standard input")


def _add(
    commands: Any, name: str, told: str, run: Callable[[argparse.Namespace], int], options_type: type | None
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=told, description=told)
    parser.set_defaults(run=run)
    source = parser.add_argument_group(
        "connection", f"Airflow's by id, or by host; the password is {PASSWORD_VARIABLE}"
    )
    source.add_argument("--conn-id", help="Airflow connection to Cassandra; default: cqlai_default")
    source.add_argument("--host", help="one or more nodes, with commas between them, instead of a connection")
    source.add_argument("--port", type=int, help=f"with --host; default: {ConnectionSettings.port}")
    source.add_argument("--username", help="with --host")
    source.add_argument("--keyspace", help="with --host: of tables that are named without one")
    parser.add_argument("--storage-conn-id", help="Airflow connection of the store; default: the environment's")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--quiet", action="store_true", help="only warnings and errors")
    if options_type is not None:
        page = _PAGES[options_type]
        parser.add_argument(
            "--option", "-o", action="append", default=[], metavar="NAME=VALUE",
            help=f"any option of docs/reference/{page}, such as partition_by=day; mappings as JSON",
        )  # fmt: skip
        parser.add_argument(
            "--start", type=read_moment, help="first moment of the slice, ISO 8601; UTC without an offset"
        )
        parser.add_argument("--end", type=read_moment, help="first moment after it")
    return parser


def _copy_to(given: argparse.Namespace) -> int:
    path, filesystem = _open_storage(given, given.path)
    options = build_options(
        CopyToOptions,
        {
            "table": given.table,
            "path": path,
            "window": _window(given.start, given.end),
            **_options(given, CopyToOptions),
        },
    )
    with _running(given) as (session, cancellation):
        result = copy_to(session, options, filesystem=filesystem, cancellation=cancellation)
    summary = f"{result.rows:,} rows, {len(result.files)} files, {result.bytes:,} bytes"
    if result.is_dry_run:
        summary = f"dry run, nothing is exported: route {result.route}, {result.query_count:,} queries"
    return _tell(given, result.to_dict(), summary)


def _copy_from(given: argparse.Namespace) -> int:
    opened = [_open_storage(given, path) for path in given.path]
    options = build_options(
        CopyFromOptions,
        {
            "table": given.table,
            "path": [path for path, _ in opened],
            "window": _window(given.start, given.end),
            **_options(given, CopyFromOptions),
        },
    )
    with _running(given) as (session, cancellation):
        result = copy_from(session, options, filesystem=opened[0][1], cancellation=cancellation)
    summary = f"{result.rows:,} rows, {result.rejected_rows:,} rejected"
    return _tell(given, result.to_dict(), f"dry run, nothing is written: {summary}" if options.dry_run else summary)


def _capture(given: argparse.Namespace) -> int:
    path, filesystem = _open_storage(given, given.path)
    options = build_options(
        CaptureOptions,
        {
            "queries": given.query,
            "path": path,
            "window": _window(given.start, given.end),
            **_options(given, CaptureOptions),
        },
    )
    with _running(given) as (session, cancellation):
        result = capture(session, options, filesystem=filesystem, cancellation=cancellation)
    return _tell(given, result.to_dict(), f"{result.rows:,} rows, {len(result.files)} files, {result.bytes:,} bytes")


def _script(given: argparse.Namespace) -> int:
    try:
        text = sys.stdin.read() if given.script == "-" else Path(given.script).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the script {given.script} cannot be read: {error}", option="script") from error
    surroundings = ScriptSurroundings(
        resolve_window=_resolve_window, open_storage=lambda path: _open_storage(given, path)
    )
    with _running(given) as (session, cancellation):
        result = run_script(session, text, surroundings=surroundings, cancellation=cancellation)
    return _tell(given, result.to_dict(), f"{len(result.statements)} statements")


def _options(given: argparse.Namespace, options_type: type) -> dict[str, Any]:
    """The ``NAME=VALUE`` that were given, as values for the fields of ``options_type``."""
    read: dict[str, Any] = {}
    for written in given.option:
        name, sign, text = written.partition("=")
        if not sign:
            raise OptionError(f"--option {written!r}: expected NAME=VALUE", option=name)
        if name in read:
            raise OptionError(f"--option {name} is given twice", option=name)
        if name in _ELSEWHERE:
            raise OptionError(f"--option {name}: {_ELSEWHERE[name]}", option=name)
        if name not in {item.name for item in dataclasses.fields(options_type)}:
            # Says which there are.
            build_options(options_type, {name: text})
        read[name] = read_option_text(name, text, options_type)
    return read


def _window(start: datetime.datetime | None, end: datetime.datetime | None) -> TimeWindow | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise OptionError("--start and --end are given together, or not at all", option="start")
    return TimeWindow(start=start, end=end)


def _resolve_window(written: Mapping[str, Any], is_needed: bool) -> TimeWindow | None:
    """Of a statement with START and END; what refers to a run of a DAG has none here."""
    others = sorted(
        name for name, value in written.items() if value is not None and name not in ("start", "end", "align")
    )
    if others:
        raise OptionError(f"{others[0].upper()} refers to the run of a DAG: give START and END", option=others[0])
    start, end = (read_moment(str(written[name])) if written.get(name) else None for name in ("start", "end"))
    window = _window(start, end)
    if window is None and is_needed:
        raise OptionError("there is no window: give START and END", option="start")
    return window


def _open_storage(given: argparse.Namespace, path: str) -> tuple[str, AbstractFileSystem | None]:
    if given.storage_conn_id is None and "@" not in path:
        return path, None
    from airflow_provider_cqlai.datasets import open_storage

    return open_storage(path, given.storage_conn_id)


@contextlib.contextmanager
def _running(given: argparse.Namespace) -> Iterator[tuple[Session, Cancellation]]:
    """A session, and what a signal cancels: before its commit point a verb then publishes nothing."""
    cancellation = Cancellation()
    with _open_session(given) as session, _cancelling(cancellation):
        yield session, cancellation


@contextlib.contextmanager
def _open_session(given: argparse.Namespace) -> Iterator[Session]:
    if given.host is None:
        for name in ("port", "username", "keyspace"):
            if getattr(given, name) is not None:
                raise OptionError(f"--{name} goes with --host; an Airflow connection has its own", option=name)
        from airflow_provider_cqlai.hooks.cqlai import CqlaiHook

        # Airflow, once it is imported, logs to standard output.
        _log_to_stderr(given)
        with CqlaiHook(given.conn_id or CqlaiHook.default_conn_name) as hook:
            yield hook.get_conn()
        return
    if given.conn_id is not None:
        raise OptionError("--conn-id and --host: give one of them", option="host")
    _log_to_stderr(given)
    session = open_session(
        ConnectionSettings(
            hosts=given.host,
            port=given.port or ConnectionSettings.port,
            username=given.username,
            password=os.environ.get(PASSWORD_VARIABLE) if given.username else None,
            keyspace=given.keyspace,
        )
    )
    try:
        yield session
    finally:
        close_session(session)


def _log_to_stderr(given: argparse.Namespace) -> None:
    level = logging.WARNING if given.quiet else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(message)s", force=True)


@contextlib.contextmanager
def _cancelling(cancellation: Cancellation) -> Iterator[None]:
    def cancel(number: int, _frame: object) -> None:
        cancellation.cancel()
        # A second one ends the process.
        signal.signal(number, signal.SIG_DFL)

    previous = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _tell(given: argparse.Namespace, result: Mapping[str, Any], summary: str) -> int:
    print(json.dumps(result, default=str, indent=1) if given.json else summary)
    return 0
