"""A script: COPY, CAPTURE, USE and plain CQL, one after the other (the specification's own statements).

Reads top to bottom as it happens: plan all, open a session, run each, report. Nothing runs before every statement was
parsed and its options were checked. What ran stays done when a later statement fails: a script is not a transaction,
and running it again begins with its first statement.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_own_session
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.journal_store import JournalStore
from airflow_provider_cqlai.engine.progress import count_of
from airflow_provider_cqlai.engine.results import CaptureResult, CopyResult, ImportResult
from airflow_provider_cqlai.engine.verbs.capture.query import CaptureQuery
from airflow_provider_cqlai.engine.verbs.capture.run import Capture
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from airflow_provider_cqlai.engine.verbs.script.parse import CopyFromStatement, UseKeyspace
from airflow_provider_cqlai.engine.verbs.script.plain_statement import execute_statement
from airflow_provider_cqlai.engine.verbs.script.plan import (
    CaptureStep,
    CqlStep,
    ExportStep,
    ImportStep,
    ScriptSurroundings,
    StatusStep,
    Step,
    naming_statement,
    plan_script,
)
from airflow_provider_cqlai.engine.verbs.script.result import CqlResult, ScriptResult, StatementResult

logger = logging.getLogger(__name__)

_DEFAULT_SURROUNDINGS = ScriptSurroundings()


def run_script(
    session: Session,
    text: str,
    *,
    surroundings: ScriptSurroundings = _DEFAULT_SURROUNDINGS,
    open_journal: Callable[[int, CopyFromOptions], JournalStore | None] | None = None,
    cancellation: Cancellation | None = None,
) -> ScriptResult:
    """Run the statements of ``text``.

    Args:
        session: connected; the engine opens a session of its own, so that USE changes no other's keyspace.
        text: the script; the last statement needs no semicolon.
        surroundings: what the statements do not say; every field is explained there.
        open_journal: gives the journal of an import, from the number of the import within the script.
        cancellation: raised from elsewhere, ends the script; what was done before stays.

    Raises:
        CqlaiError: as the statement's own verb raises it, with its line in front. Details: ``line``, ``statement``.
    """
    steps = plan_script(text, surroundings)
    runner = _ScriptRunner(open_journal, cancellation or Cancellation())
    with open_own_session(session, session.keyspace) as own_session:
        own_session.default_fetch_size = session.default_fetch_size
        runner.run_all(own_session, steps)
    result = ScriptResult(statements=tuple(runner.results), elapsed_seconds=time.monotonic() - runner.started)
    logger.info("the script is done: %s in %.1f s", count_of(len(steps), "statement"), result.elapsed_seconds)
    return result


class _ScriptRunner:
    def __init__(
        self, open_journal: Callable[[int, CopyFromOptions], JournalStore | None] | None, cancellation: Cancellation
    ) -> None:
        self._open_journal = open_journal
        self._cancellation = cancellation
        self._import_count = 0
        self._has_written = False
        self._results: list[StatementResult] = []
        self.started = time.monotonic()

    @property
    def results(self) -> list[StatementResult]:
        # A capture is done after the statements inside of it.
        return sorted(self._results, key=lambda result: result.line)

    def run_all(self, session: Session, steps: Sequence[Step]) -> None:
        for number, step in enumerate(steps, 1):
            self._cancellation.raise_if_cancelled()
            logger.info("line %d: %s, %d of %d", step.statement.line, step.statement.kind, number, len(steps))
            with naming_statement(step.statement):
                if isinstance(step, CaptureStep):
                    self._run_capture(session, step)
                else:
                    self._run_single(session, step)

    def _run_single(self, session: Session, step: Step, capture: Capture | None = None) -> None:
        if isinstance(step, ExportStep):
            exported = copy_to(session, step.options, filesystem=step.filesystem, cancellation=self._cancellation)
            self._record(step, exported)
        elif isinstance(step, ImportStep):
            self._record(step, self._import(session, step))
        elif isinstance(step, CqlStep):
            self._run_cql(session, step)
        elif isinstance(step, StatusStep):
            status = capture.status() if capture is not None else "nothing is being captured"
            logger.info("line %d: %s", step.statement.line, status)

    def _import(self, session: Session, step: ImportStep) -> ImportResult:
        if isinstance(step.statement, CopyFromStatement):
            for note in step.statement.notes:
                logger.info("line %d: %s", step.statement.line, note)
        self._import_count += 1
        # A retry runs the statements before this one again: what they write over rows of an earlier try must be written
        # over by all rows of this one. Counters keep their journal, which refuses a second try.
        is_journaled = not self._has_written or step.options.mode == "counter_update"
        journal = None
        if self._open_journal is not None and is_journaled:
            journal = self._open_journal(self._import_count, step.options)
        self._has_written = True
        return copy_from(
            session,
            step.options,
            filesystem=step.filesystem,
            journal_store=journal,
            cancellation=self._cancellation,
        )

    def _run_cql(self, session: Session, step: CqlStep) -> None:
        self._has_written |= not step.is_query and not isinstance(step.statement, UseKeyspace)
        outcome = execute_statement(session, step.statement.text, self._cancellation)
        line = step.statement.line
        if outcome.is_applied is False:
            logger.warning("line %d: %s was not applied: its condition did not hold", line, step.statement.kind)
        if outcome.count is not None:
            logger.info("line %d: %s counted", line, count_of(outcome.count, "row"))
        elif step.is_query and outcome.rows is not None:
            logger.info("line %d: %s, kept nowhere: no capture is open", line, count_of(outcome.rows, "row"))
        if not isinstance(step.statement, UseKeyspace):
            self._record(step, CqlResult(rows=outcome.rows, count=outcome.count, is_applied=outcome.is_applied))

    def _run_capture(self, session: Session, step: CaptureStep) -> None:
        if not step.has_queries:
            logger.warning("line %d: no query follows this CAPTURE: nothing is published", step.statement.line)
            for inner in step.inner:
                with naming_statement(inner.statement):
                    self._run_single(session, inner)
            return
        with Capture(session, step.options, filesystem=step.filesystem, cancellation=self._cancellation) as capture:
            prepared: deque[CaptureQuery] = deque()
            for position, inner in enumerate(step.inner):
                self._cancellation.raise_if_cancelled()
                if isinstance(inner, CqlStep) and inner.is_query:
                    if not prepared:
                        prepared.extend(_prepare_ahead(capture, step.inner[position:]))
                    with naming_statement(inner.statement):
                        capture.run(prepared.popleft())
                else:
                    with naming_statement(inner.statement):
                        self._run_single(session, inner, capture)
        assert capture.result is not None
        self._record(step, capture.result)

    def _record(self, step: Step, result: CopyResult | ImportResult | CaptureResult | CqlResult) -> None:
        self._results.append(StatementResult(line=step.statement.line, kind=step.statement.kind, result=result))


def _prepare_ahead(capture: Capture, steps: Sequence[Step]) -> list[CaptureQuery]:
    """The queries up to the next statement that may change what they are about; in most captures all of them."""
    prepared = []
    for step in steps:
        if isinstance(step, CqlStep) and step.is_query:
            with naming_statement(step.statement):
                prepared.append(capture.prepare(step.statement.text, f"the query on line {step.statement.line}"))
        elif not isinstance(step, StatusStep):
            break
    return prepared
