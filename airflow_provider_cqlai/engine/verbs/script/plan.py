"""Plans what a script's statements do, in order, with every option checked: nothing has run by then.

The caller adds what the statements do not say: whose run it is, how their windows are resolved and their stores opened.
A CAPTURE ends the one before it, as in the specification's examples. Note: one that is still open at the end of the
script is refused, since nobody sits before a task who would type CAPTURE OFF, and a script that lacks it may have lost
more than that line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.errors import CqlaiError, OptionError
from airflow_provider_cqlai.engine.files.storage.storage_location import scheme_of
from airflow_provider_cqlai.engine.options.capture import CaptureOptions, names_window
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.options.values.checks import build_options
from airflow_provider_cqlai.engine.verbs.script.parse import (
    CaptureStatus,
    CopyFromStatement,
    CopyToStatement,
    CqlStatement,
    ParsedStatement,
    StartCapture,
    StopCapture,
    UseKeyspace,
    parse_script,
)

OptionsT = TypeVar("OptionsT")


def refuse_window(written: Mapping[str, str], is_needed: bool) -> TimeWindow | None:
    """The window of a script that no run executes: none, and a statement that needs one is an error."""
    if written or is_needed:
        raise OptionError(f"there is no run to resolve {', '.join(written) or 'its window'}", option="window")
    return None


@dataclass(frozen=True, kw_only=True)
class ScriptSurroundings:
    """What the statements of a script do not say themselves."""

    owner: str | None = None
    """Who publishes, see `PublishOptions.owner`."""

    resolve_window: Callable[[Mapping[str, Any], bool], TimeWindow | None] = refuse_window
    """From ``start``, ``end``, ``period``, ``anchor``, ``align`` and ``since`` as a statement has them, and whether it
    needs a window though it may have none of them."""

    open_storage: Callable[[str], tuple[str, AbstractFileSystem | None]] = lambda path: (path, None)
    """From a path as a statement has it: the path for the engine, and the file system that it lies in."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A statement that is ready to run."""

    statement: ParsedStatement


@dataclass(frozen=True, kw_only=True)
class ExportStep(Step):
    options: CopyToOptions
    filesystem: AbstractFileSystem | None


@dataclass(frozen=True, kw_only=True)
class ImportStep(Step):
    options: CopyFromOptions
    filesystem: AbstractFileSystem | None


@dataclass(frozen=True, kw_only=True)
class CaptureStep(Step):
    options: CaptureOptions
    filesystem: AbstractFileSystem | None
    inner: Sequence[Step]
    """What stands between CAPTURE and its end."""

    @property
    def has_queries(self) -> bool:
        return any(step.is_query for step in self.inner if isinstance(step, CqlStep))


@dataclass(frozen=True, kw_only=True)
class CqlStep(Step):
    """Plain CQL, USE included."""

    @property
    def is_query(self) -> bool:
        return isinstance(self.statement, CqlStatement) and self.statement.is_query


@dataclass(frozen=True, kw_only=True)
class StatusStep(Step):
    """CAPTURE alone."""


@contextmanager
def naming_statement(statement: ParsedStatement) -> Iterator[None]:
    """Errors name the line and the kind of the statement, also in ``line`` and ``statement`` of their details."""
    try:
        yield
    except CqlaiError as error:
        if "statement" in error.details:
            # It was named by a statement inside of this one.
            raise
        details = {**error.details, "line": statement.line, "statement": statement.kind}
        raise type(error)(f"line {statement.line}, {statement.kind}: {error.message}", **details) from error


def plan_script(text: str, surroundings: ScriptSurroundings) -> list[Step]:
    """The steps of ``text``.

    Raises:
        OptionError: a statement does not follow its grammar, has an option that is unknown or does not go together with
            another, or does not belong where it is. Details: ``line``, ``statement``, ``option``.
        TimeWindowError: a statement asks for a window that the run does not have.
    """
    planner = _Planner(surroundings)
    steps = list(planner.plan(parse_script(text)))
    if not steps:
        raise OptionError("the script has no statement", option="script")
    _check_counters_come_last(steps)
    return steps


class _Planner:
    def __init__(self, surroundings: ScriptSurroundings) -> None:
        self._surroundings = surroundings

    def plan(self, statements: Sequence[ParsedStatement]) -> Iterator[Step]:
        capture: StartCapture | None = None
        inner: list[ParsedStatement] = []
        for statement in statements:
            if capture is not None and isinstance(statement, StartCapture | StopCapture):
                yield self._plan_capture(capture, inner)
            if isinstance(statement, StartCapture):
                capture, inner = statement, []
            elif isinstance(statement, StopCapture):
                if capture is None:
                    with naming_statement(statement):
                        raise OptionError("CAPTURE OFF without a CAPTURE before it", option="script")
                capture = None
            elif capture is not None:
                inner.append(statement)
            else:
                yield self._plan_single(statement)
        if capture is not None:
            with naming_statement(capture):
                raise OptionError(
                    "it is still open at the end of the script: end it with CAPTURE OFF, which publishes it",
                    option="script",
                )

    def _plan_single(self, statement: ParsedStatement) -> Step:
        with naming_statement(statement):
            if isinstance(statement, CopyToStatement):
                return self._plan_export(statement)
            if isinstance(statement, CopyFromStatement):
                return self._plan_import(statement)
            if isinstance(statement, CaptureStatus):
                return StatusStep(statement=statement)
            return CqlStep(statement=statement)

    def _plan_export(self, statement: CopyToStatement) -> Step:
        written = statement.options
        tells_time = any(written.get(name) for name in ("time_column", "bucket_column"))
        tells_time = tells_time or str(written.get("window_by")).lower() == "writetime"
        options, filesystem = self._build(
            CopyToOptions, statement, is_window_needed=tells_time, owner=self._surroundings.owner
        )
        return ExportStep(statement=statement, options=options, filesystem=filesystem)

    def _plan_import(self, statement: CopyFromStatement) -> Step:
        options, filesystem = self._build(CopyFromOptions, statement, is_window_needed=_asks_for_window(statement))
        return ImportStep(statement=statement, options=options, filesystem=filesystem)

    def _plan_capture(self, capture: StartCapture, statements: Sequence[ParsedStatement]) -> Step:
        for statement in statements:
            if isinstance(statement, UseKeyspace):
                with naming_statement(statement):
                    raise OptionError(
                        "the keyspace cannot change while a capture is open: put USE before CAPTURE, or the keyspace"
                        " before the names of tables",
                        option="script",
                    )
        inner = [self._plan_single(statement) for statement in statements]
        queries = [step.statement.text for step in inner if isinstance(step, CqlStep) and step.is_query]
        with naming_statement(capture):
            options, filesystem = self._build(
                CaptureOptions,
                capture,
                is_window_needed=_asks_for_window(capture) or any(map(names_window, queries)),
                owner=self._surroundings.owner,
                queries=queries,
            )
            if not queries and options.on_empty == "fail":
                raise OptionError("no query follows, and ON_EMPTY='fail'", option="on_empty")
        _check_paths_differ(options, inner)
        return CaptureStep(statement=capture, options=options, filesystem=filesystem, inner=inner)

    def _build(
        self,
        options_type: type[OptionsT],
        statement: CopyToStatement | CopyFromStatement | StartCapture,
        *,
        is_window_needed: bool,
        **others: Any,
    ) -> tuple[OptionsT, AbstractFileSystem | None]:
        path, filesystem = self._surroundings.open_storage(statement.options["path"])
        # A relative one begins where that of the statement does.
        beside = {
            name: self._surroundings.open_storage(value)[0]
            for name in ("rejected_path", "partition_base_path")
            if (value := statement.options.get(name)) is not None and scheme_of(value) is None
        }
        window = self._surroundings.resolve_window(statement.window, is_window_needed)
        values = {**statement.options, **others, **beside, "path": path, "window": window}
        return build_options(options_type, values), filesystem


def _asks_for_window(statement: CopyFromStatement | StartCapture) -> bool:
    """As the operators are asked: ``anchor`` and ``align`` only say how one would be resolved."""
    return any(name not in ("anchor", "align") for name in statement.window)


def _check_paths_differ(capture: CaptureOptions, inner: Sequence[Step]) -> None:
    """What is published inside of a capture would find the capture's own attempt at its path, in every try."""
    for step in inner:
        if isinstance(step, ExportStep) and str(step.options.path).rstrip("/") == str(capture.path).rstrip("/"):
            with naming_statement(step.statement):
                raise OptionError(
                    f"path={step.options.path!r} is that of the CAPTURE around it: take another, or put this statement"
                    " after CAPTURE OFF",
                    option="path",
                )


def _check_counters_come_last(steps: Sequence[Step]) -> None:
    """A task whose later statement fails is tried from its beginning, and would count the same rows twice."""
    inner = [each for step in steps if isinstance(step, CaptureStep) for each in step.inner]
    for step in [*steps[:-1], *inner]:
        if isinstance(step, ImportStep) and step.options.mode == "counter_update" and not step.options.dry_run:
            with naming_statement(step.statement):
                raise OptionError(
                    "MODE='counter_update' must be the last statement of its script: when one after it failed, a"
                    " retry of the task would count its rows again",
                    option="mode",
                )
