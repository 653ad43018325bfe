"""Every error the engine raises on purpose.

CqlaiError
├── TerminalError                  trying again cannot help
│   ├── OptionError                an option is unknown, mistyped or contradicts another
│   ├── ConnectionSettingsError    a Connection's field or extra is unknown or mistyped
│   ├── TableMetadataError         no such keyspace, table or column
│   ├── QueryError                 the server refuses the CQL text
│   ├── AccessDeniedError          wrong credentials or missing permission
│   ├── TimeWindowError            the run has no usable window, or the window does not fit the table
│   ├── UnsupportedTypeError       an override that a CQL type cannot have
│   ├── ValueDoesNotFitError       a value that the Arrow type cannot hold exactly
│   ├── CorruptPageError           bytes of a page that do not follow the protocol
│   ├── SourceFileError            a file to import is missing, damaged or no Parquet
│   ├── ImportPlanError            files and table do not fit each other
│   ├── TooManyRejectedRowsError   more rows were rejected than ``max_errors`` accepts
│   ├── CounterOutcomeError        counters may or may not have been counted
│   ├── VerificationError          the table does not hold what was imported
│   ├── EmptyResultError           no row, and ``on_empty="fail"``
│   └── PublishError               the result cannot become visible where it should
│       ├── SourceMismatchError    the dataset belongs to another source
│       ├── WindowOverlapError     the window overlaps one that is already there
│       └── OutputExistsError      ``if_exists="error"`` and the output is there
└── RetryableError                 a later attempt can succeed
    ├── ClusterUnavailableError    no host answered
    ├── PageReadError              a page failed on every try
    ├── RowWriteError              a statement failed on every try
    ├── TableChangedError          the table was dropped, truncated or altered meanwhile
    ├── SourceChangedError         a file of an import was replaced or removed meanwhile
    ├── StorageError               the file system failed
    ├── SupersededError            another attempt at the same output took over
    └── CopyCancelledError         the caller asked to stop
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self


class CqlaiError(Exception):
    """Base of the tree. ``is_retryable`` tells whether a later attempt can succeed.

    Keyword arguments become attributes and survive pickling, so an error crosses process boundaries whole.
    """

    is_retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __getattr__(self, name: str) -> Any:
        # Only reached for names that are not real attributes; ``details`` is missing while unpickling.
        details = self.__dict__.get("details", {})
        if name in details:
            return details[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.details)

    @classmethod
    def from_cause(cls, message: str, cause: BaseException, **details: Any) -> Self:
        """An error whose message ends with the cause's own words."""
        return cls(f"{message}: {type(cause).__name__}: {cause}", **details)


def _rebuild(error_type: type[CqlaiError], message: str, details: dict[str, Any]) -> CqlaiError:
    return error_type(message, **details)


class TerminalError(CqlaiError):
    """Trying again cannot help: the task fails without retries."""


class RetryableError(CqlaiError):
    """A later attempt can succeed: Airflow's retries apply."""

    is_retryable = True


class OptionError(TerminalError):
    """An option is unknown, mistyped or contradicts another. Detail: ``option``."""


class ConnectionSettingsError(TerminalError):
    """A Connection's field or extra is unknown or mistyped. Detail: ``setting``."""


class TableMetadataError(TerminalError):
    """No such keyspace, table or column."""


class QueryError(TerminalError):
    """The server refuses the CQL text. Detail: ``query``."""


class AccessDeniedError(TerminalError):
    """Wrong credentials, or a permission the role lacks."""


class TimeWindowError(TerminalError):
    """The run has no usable window, or the window does not fit the table."""


class UnsupportedTypeError(TerminalError):
    """An override that the CQL type of the column cannot have."""


class ValueDoesNotFitError(TerminalError):
    """A value that the Arrow type cannot hold exactly.

    Details: ``table``, ``column`` (dotted path inside nested values), ``primary_key`` (name -> text), ``override``.
    """


class CorruptPageError(TerminalError):
    """Bytes of a result page that do not follow the protocol or its column types."""


class SourceFileError(TerminalError):
    """A file to import is missing, damaged or cannot be read as Parquet."""


class ImportPlanError(TerminalError):
    """Files and table do not fit each other. Detail: ``problems``, every one that was found."""


class TooManyRejectedRowsError(TerminalError):
    """More rows were rejected than ``max_errors`` accepts."""


class CounterOutcomeError(TerminalError):
    """Counter updates may or may not have been counted; running them again could count them twice."""


class VerificationError(TerminalError):
    """The table does not hold what was imported. Detail: ``differences``, the first of them."""


class EmptyResultError(TerminalError):
    """No row matched, and ``on_empty="fail"``."""


class PublishError(TerminalError):
    """The result cannot become visible where it should."""


class SourceMismatchError(PublishError):
    """The dataset belongs to another source: table, columns, where, layout or types differ."""


class WindowOverlapError(PublishError):
    """The window overlaps one that the dataset already holds."""


class OutputExistsError(PublishError):
    """``if_exists="error"`` and the output is there, published by another task instance."""


class ClusterUnavailableError(RetryableError):
    """No host answered."""


class PageReadError(RetryableError):
    """A page failed on every try: timeouts, overload, unavailable replicas or lost connections."""


class RowWriteError(RetryableError):
    """A statement failed on every try: timeouts, overload, unavailable replicas or lost connections."""


class TableChangedError(RetryableError):
    """The table was dropped, truncated or altered while it was read or written; a retry takes it as it is by then.

    Detail: ``table``.
    """


class SourceChangedError(RetryableError):
    """A file was replaced or removed between the plan of an import and its reading; a retry reads what is there by
    then."""


class StorageError(RetryableError):
    """The file system or object store failed."""


class SupersededError(RetryableError):
    """Another attempt at the same output started later and took over; this one publishes nothing."""


class CopyCancelledError(RetryableError):
    """The caller asked to stop; nothing was published."""
