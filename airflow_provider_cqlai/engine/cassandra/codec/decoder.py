"""Chooses the codec that turns pages into record batches.

A decoder is opened for the columns of a result and returns one Arrow record batch per page. There are two codecs behind
one interface: ``python``, the reference, and ``native``. ``CQLAI_CODEC=auto|native|python`` chooses; a forced one that
is missing fails loudly instead of being replaced.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from airflow_provider_cqlai.engine.cassandra.codec.python_decoder import PythonRowDecoder
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import check_choice
from airflow_provider_cqlai.engine.types.column import ResultColumn

logger = logging.getLogger(__name__)

CODEC_VARIABLE = "CQLAI_CODEC"
# Missing where the package was installed without cargo.
_COMPILED_MODULE = "airflow_provider_cqlai._native"


class RowDecoder(Protocol):
    """Decodes the pages of one result. Several threads may call it at once."""

    @property
    def arrow_schema(self) -> Any:
        """Of every record batch; each field's metadata has its CQL type."""

    @property
    def zero_length_cells(self) -> Mapping[str, int]:
        """Cells of zero bytes so far in types that have no such value, read as null, by column."""

    def decode(self, page: RawPage) -> Any:
        """The page's rows as one `pyarrow.RecordBatch`.

        Raises:
            TableChangedError: the page has other columns than the decoder was opened for.
            CorruptPageError: the bytes do not follow the protocol.
            ValueDoesNotFitError: a value that its Arrow type cannot hold exactly.
        """


def has_native_codec() -> bool:
    """Whether this installation has the compiled module."""
    return importlib.util.find_spec(_COMPILED_MODULE) is not None


def codec_name() -> str:
    """``"python"`` or ``"native"``: the codec in use.

    Raises:
        OptionError: ``CQLAI_CODEC`` is unknown, or names a codec that is not installed.
    """
    wanted = check_choice(CODEC_VARIABLE, os.environ.get(CODEC_VARIABLE) or "auto", ("auto", "native", "python"))
    has_native = has_native_codec()
    if wanted == "native" and not has_native:
        raise OptionError(
            f"{CODEC_VARIABLE}=native, but this installation has no native codec; unset it or set it to python",
            option=CODEC_VARIABLE,
        )
    if wanted == "auto":
        return "native" if has_native else "python"
    return wanted


def missing_codec_advice() -> str | None:
    """What to do about a native codec that is missing; None where it is there, or ``CQLAI_CODEC`` asks for another."""
    if has_native_codec() or os.environ.get(CODEC_VARIABLE, "auto").lower() not in ("", "auto"):
        return None
    return (
        "the native codec is not installed, and the reference codec takes about six times the CPU: install a wheel for"
        " this platform, or with cargo on the PATH: pip install --force-reinstall --no-deps --no-binary"
        f" airflow-provider-cqlai airflow-provider-cqlai. {CODEC_VARIABLE}=python says that it is meant to be so"
    )


@cache
def warn_of_missing_codec() -> None:
    """Once in a process."""
    advice = missing_codec_advice()
    if advice:
        logger.warning("%s", advice)


def open_row_decoder(
    columns: Sequence[ResultColumn],
    *,
    driver_columns: Sequence[tuple[str, type]],
    table: str,
    primary_key: Sequence[str],
) -> RowDecoder:
    """A decoder for pages with these columns.

    Args:
        columns: in the order of the result.
        driver_columns: the same columns as the prepared statement's result metadata has them; pages are compared.
        table: for error messages.
        primary_key: names of the key columns; an error about a value tells the row by those among ``columns``.
    """
    name = codec_name()
    reference = PythonRowDecoder(columns, driver_columns=driver_columns, table=table, primary_key=primary_key)
    if name == "python":
        return reference
    from airflow_provider_cqlai.engine.cassandra.codec.native_decoder import NativeRowDecoder

    return NativeRowDecoder(reference)
