"""What a script returns: what became of each of its statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_cqlai.engine.results import CaptureResult, CopyResult, ImportResult

# XCom and asset events lie in Airflow's database: what a script returns stays small however long it is.
MAX_STATEMENTS = 100
MAX_FILES = 20


@dataclass(frozen=True, kw_only=True)
class CqlResult:
    """What a statement of plain CQL returned."""

    rows: int | None = None
    """Rows of its result, which are counted and not kept; None where it has none, as that of an INSERT."""

    count: int | None = None
    """The number that a ``SELECT COUNT(...)`` returned."""

    is_applied: bool | None = None
    """Whether the condition of ``IF ...`` held; None for a statement without one."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for XCom; what the statement does not have is left out."""
        values = {"rows": self.rows, "count": self.count, "is_applied": self.is_applied}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class StatementResult:
    """What became of one statement."""

    line: int
    """The line that it begins on; of a capture that of its CAPTURE."""

    kind: str
    """``COPY TO``, ``COPY FROM``, ``CAPTURE``, or the first word of any other statement."""

    result: CopyResult | ImportResult | CaptureResult | CqlResult
    """Of a capture that of all its queries, which are not listed apart."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for XCom."""
        if isinstance(self.result, CqlResult):
            described = self.result.to_dict()
        else:
            described = self.result.to_dict(max_files=MAX_FILES)
        return {"line": self.line, "statement": self.kind, **described}


@dataclass(frozen=True, kw_only=True)
class ScriptResult:
    """What became of a script, all of which was run."""

    statements: tuple[StatementResult, ...]
    """In the order of the script, without USE, CAPTURE OFF and CAPTURE alone."""

    elapsed_seconds: float

    @property
    def moved(self) -> list[CopyResult | CaptureResult | ImportResult]:
        """What exports and captures published and imports wrote, in the order of the script."""
        results = [statement.result for statement in self.statements]
        return [
            result
            for result in results
            if isinstance(result, ImportResult) or (not isinstance(result, CqlResult) and result.is_published)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for XCom; at most a hundred statements, ``statement_count`` counts all."""
        return {
            "statement_count": len(self.statements),
            "statements": [statement.to_dict() for statement in self.statements[:MAX_STATEMENTS]],
            "rows_published": sum(each.rows for each in self.moved if not isinstance(each, ImportResult)),
            "rows_imported": sum(each.rows for each in self.moved if isinstance(each, ImportResult)),
            "elapsed_seconds": round(self.elapsed_seconds, 3),
        }
