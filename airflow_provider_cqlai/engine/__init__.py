"""Cassandra to Parquet and back, as a plain Python library: nothing here imports airflow.

The public face: users import what is named here, the operators and the hook; every other module is the package's own.
A name is loaded when it is first asked for (PEP 562): a DAG file that imports an option or an error loads neither the
driver nor pyarrow. Each name stands here three times, for readers, type checkers and the interpreter; a test compares
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_cqlai.engine.cancellation import Cancellation
    from airflow_provider_cqlai.engine.cassandra.connect.contact_points import ContactPoint
    from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
    from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
    from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings
    from airflow_provider_cqlai.engine.errors import (
        AccessDeniedError,
        ClusterUnavailableError,
        ConnectionSettingsError,
        CopyCancelledError,
        CorruptPageError,
        CounterOutcomeError,
        CqlaiError,
        EmptyResultError,
        ImportPlanError,
        OptionError,
        OutputExistsError,
        PageReadError,
        PublishError,
        QueryError,
        RetryableError,
        RowWriteError,
        SourceChangedError,
        SourceFileError,
        SourceMismatchError,
        StorageError,
        SupersededError,
        TableChangedError,
        TableMetadataError,
        TerminalError,
        TimeWindowError,
        TooManyRejectedRowsError,
        UnsupportedTypeError,
        ValueDoesNotFitError,
        VerificationError,
        WindowOverlapError,
    )
    from airflow_provider_cqlai.engine.options.capture import CaptureOptions
    from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
    from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
    from airflow_provider_cqlai.engine.options.journal_store import JournalStore
    from airflow_provider_cqlai.engine.options.window import TimeWindow
    from airflow_provider_cqlai.engine.results import (
        CapturedQuery,
        CaptureResult,
        CopyResult,
        DataFile,
        ImportedFile,
        ImportResult,
        VerificationResult,
    )
    from airflow_provider_cqlai.engine.types.handlers import TypeHandler, register_type_handler
    from airflow_provider_cqlai.engine.verbs.capture.query import CaptureQuery
    from airflow_provider_cqlai.engine.verbs.capture.run import Capture, capture
    from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
    from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
    from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files, dataset_schema
    from airflow_provider_cqlai.engine.verbs.dataset_tools import (
        DatasetCheck,
        PublishedWindow,
        check_dataset,
        dataset_windows,
        drop_windows,
    )
    from airflow_provider_cqlai.engine.verbs.script.plan import ScriptSurroundings
    from airflow_provider_cqlai.engine.verbs.script.result import CqlResult, ScriptResult, StatementResult
    from airflow_provider_cqlai.engine.verbs.script.run import run_script

__all__ = [
    "AccessDeniedError",
    "Cancellation",
    "Capture",
    "CaptureOptions",
    "CaptureQuery",
    "CaptureResult",
    "CapturedQuery",
    "ClusterUnavailableError",
    "ConnectionSettings",
    "ConnectionSettingsError",
    "ContactPoint",
    "CopyCancelledError",
    "CopyFromOptions",
    "CopyResult",
    "CopyToOptions",
    "CorruptPageError",
    "CounterOutcomeError",
    "CqlResult",
    "CqlaiError",
    "DataFile",
    "DatasetCheck",
    "EmptyResultError",
    "ImportPlanError",
    "ImportResult",
    "ImportedFile",
    "JournalStore",
    "OptionError",
    "OutputExistsError",
    "PageReadError",
    "PublishError",
    "PublishedWindow",
    "QueryError",
    "RetryableError",
    "RowWriteError",
    "ScriptResult",
    "ScriptSurroundings",
    "SourceChangedError",
    "SourceFileError",
    "SourceMismatchError",
    "StatementResult",
    "StorageError",
    "SupersededError",
    "TableChangedError",
    "TableMetadataError",
    "TerminalError",
    "TimeWindow",
    "TimeWindowError",
    "TlsSettings",
    "TooManyRejectedRowsError",
    "TypeHandler",
    "UnsupportedTypeError",
    "ValueDoesNotFitError",
    "VerificationError",
    "VerificationResult",
    "WindowOverlapError",
    "capture",
    "check_dataset",
    "close_session",
    "copy_from",
    "copy_to",
    "dataset_files",
    "dataset_schema",
    "dataset_windows",
    "drop_windows",
    "open_session",
    "register_type_handler",
    "run_script",
]

_NAMES_BY_MODULE = {
    "cancellation": ("Cancellation",),
    "cassandra.connect.contact_points": ("ContactPoint",),
    "cassandra.connect.session": ("close_session", "open_session"),
    "cassandra.connect.settings": ("ConnectionSettings",),
    "cassandra.connect.tls": ("TlsSettings",),
    "errors": (
        "AccessDeniedError",
        "ClusterUnavailableError",
        "ConnectionSettingsError",
        "CopyCancelledError",
        "CorruptPageError",
        "CounterOutcomeError",
        "CqlaiError",
        "EmptyResultError",
        "ImportPlanError",
        "OptionError",
        "OutputExistsError",
        "PageReadError",
        "PublishError",
        "QueryError",
        "RetryableError",
        "RowWriteError",
        "SourceChangedError",
        "SourceFileError",
        "SourceMismatchError",
        "StorageError",
        "SupersededError",
        "TableChangedError",
        "TableMetadataError",
        "TerminalError",
        "TimeWindowError",
        "TooManyRejectedRowsError",
        "UnsupportedTypeError",
        "ValueDoesNotFitError",
        "VerificationError",
        "WindowOverlapError",
    ),
    "options.journal_store": ("JournalStore",),
    "options.capture": ("CaptureOptions",),
    "options.copy_from": ("CopyFromOptions",),
    "options.copy_to": ("CopyToOptions",),
    "options.window": ("TimeWindow",),
    "results": (
        "CapturedQuery",
        "CaptureResult",
        "CopyResult",
        "DataFile",
        "ImportedFile",
        "ImportResult",
        "VerificationResult",
    ),
    "types.handlers": ("TypeHandler", "register_type_handler"),
    "verbs.capture.query": ("CaptureQuery",),
    "verbs.capture.run": ("Capture", "capture"),
    "verbs.copy_from": ("copy_from",),
    "verbs.copy_to": ("copy_to",),
    "verbs.dataset_files": ("dataset_files", "dataset_schema"),
    "verbs.dataset_tools": ("DatasetCheck", "PublishedWindow", "check_dataset", "dataset_windows", "drop_windows"),
    "verbs.script.plan": ("ScriptSurroundings",),
    "verbs.script.result": ("CqlResult", "ScriptResult", "StatementResult"),
    "verbs.script.run": ("run_script",),
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

# Hidden from type checkers, which would take it for a promise that every name is there.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        # The next time it is found without being asked for here.
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
