"""What an import can be asked for, each option explained once, at its field (specification, "COPY FROM Parquet").

`source` has what is read, `write` how it is written, this file what becomes of rows that fail, of an
import that is tried again, and of what was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.run import RunOptions
from airflow_provider_cqlai.engine.options.source import SourceOptions
from airflow_provider_cqlai.engine.options.values.checks import (
    AnyPath,
    check_count,
    check_text,
    check_truth,
    read_path,
    set_choices,
)
from airflow_provider_cqlai.engine.options.values.choices import VerifiedRows
from airflow_provider_cqlai.engine.options.write import WriteOptions


@dataclass(frozen=True, kw_only=True)
class RejectionOptions:
    """What happens to rows that cannot be written."""

    max_errors: int | str = 0
    """Rows that may be rejected before the import fails: a number, or a share such as ``"0.1%"`` of the files' rows
    that ``skip_rows`` and ``max_rows`` leave; that no row is written is accepted by ``"all"`` only. A rejected row is
    one whose values do not convert or that the server refuses; needs ``rejected_path``."""

    rejected_path: AnyPath | None = None
    """A Parquet file for rejected rows, each with its file, its place there and the reason. Every import
    replaces it, and removes it where no row is rejected; any other file there is an error. ``{keyspace}``, ``{table}``,
    ``{window_start}``, ``{window_end}`` and, in a task, ``{run_id}`` are filled in: of two imports that run at the same
    time with one path, the earlier fails. It may lie where ``path`` reads only if its name or directory begins with
    ``_`` or ``.``, which are not read. One connection opens both: beside an object store that needs one it is in the
    same store."""

    def __post_init__(self) -> None:
        read_max_errors(self.max_errors, 0)
        if self.rejected_path is not None:
            rejected_path = read_path("rejected_path", self.rejected_path)
            check_text("rejected_path", rejected_path)
            object.__setattr__(self, "rejected_path", rejected_path)
        elif self.max_errors not in (0, "0"):
            raise OptionError(
                f"max_errors={self.max_errors!r} needs rejected_path, where the rejected rows go",
                option="rejected_path",
            )


def accepts_no_row(value: int | str) -> bool:
    """Whether ``max_errors`` is ``"all"``, which alone accepts that no row is written."""
    return str(value).strip().lower() == "all"


def read_max_errors(value: int | str, row_count: int) -> int:
    """How many of ``row_count`` rows may be rejected."""
    if accepts_no_row(value):
        return row_count
    text = str(value).strip()
    try:
        if isinstance(value, bool):
            raise ValueError
        if text.endswith("%"):
            share = Decimal(text[:-1])
            if not 0 <= share <= 100:
                raise ValueError
            return int(row_count * share / 100)
        if int(text) < 0:
            raise ValueError
    except (ValueError, ArithmeticError) as error:
        raise OptionError(
            f"max_errors={value!r}: expected a whole number of rows, a share such as '0.1%', or 'all'",
            option="max_errors",
        ) from error
    return int(text)


@dataclass(frozen=True, kw_only=True)
class VerificationOptions:
    """What is read back after the last row was confirmed."""

    verify: bool | VerifiedRows = False
    """Read back what was written: every primary key must be there, and its cells must be the file's. ``True`` or
    ``"sample"`` compares the cells of ``verify_sample_rows`` rows, ``"all"`` those of every row. A difference fails the
    task and is listed by key. Of rows with one primary key the last one must be there, or where they tell write times
    the one with the greatest; where these are equal, a difference is counted as undecided and fails nothing."""

    verify_sample_rows: int = 10_000
    """Rows whose cells are compared by ``verify=True``, spread over the whole input."""

    def __post_init__(self) -> None:
        if isinstance(self.verify, str):
            set_choices(self, "verify")
        elif not isinstance(self.verify, bool):
            raise OptionError(f"verify={self.verify!r} must be True, False, 'sample' or 'all'", option="verify")
        check_count("verify_sample_rows", self.verify_sample_rows, 1)


@dataclass(frozen=True, kw_only=True)
class CopyFromOptions(SourceOptions, WriteOptions, RejectionOptions, VerificationOptions, RunOptions):
    """Everything `engine.copy_from` can be asked for."""

    table: str
    """``"keyspace.table"``, or ``"table"`` in the connection's keyspace. Mixed case in double quotes, as in CQL."""

    dry_run: bool = False
    """Read, check, convert and encode every row, and write none."""

    def __post_init__(self) -> None:
        for part in (SourceOptions, WriteOptions, RejectionOptions, VerificationOptions, RunOptions):
            part.__post_init__(self)
        check_text("table", self.table)
        check_truth("dry_run", self.dry_run)
        if self.verify and self.mode != "upsert":
            raise OptionError(
                f"verify and mode={self.mode!r}: only an upsert leaves what the files hold", option="verify"
            )
