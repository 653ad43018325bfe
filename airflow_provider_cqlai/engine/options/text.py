"""What the formats of text, JSON lines and CSV, can be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import check_text, set_choices
from airflow_provider_cqlai.engine.options.values.choices import BlobEncoding, NonFinite

# What would make a null marker something else to a reader.
_CSV_SYNTAX = ',"\r\n'


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """How values are written into JSON lines and CSV; docs/reference/text-formats.md has the form of each type."""

    blob_encoding: BlobEncoding = "base64"
    """Blobs in text: ``"base64"`` (RFC 4648, with padding) or ``"hex"`` (lower-case digits, without ``0x``)."""

    non_finite: NonFinite | None = None
    """NaN and infinities: ``"error"``, ``"null"``, or ``"string"``, which writes ``NaN``, ``Infinity``, ``-Infinity``.
    None is ``"string"`` in a column of CSV, whose cells are texts anyway, and ``"error"`` in JSON and in JSON within
    CSV: JSON has no such numbers, and a text or a null in their place is for the user to choose."""

    csv_null: str = r"\N"
    r"""The unquoted text that stands for null in CSV. An empty string is always ``""``. The default is one that every
    reader can be told of; a value that equals it is an error. With ``csv_null=""`` a null is nothing between two
    commas, which only readers that look at quotes tell from an empty string (PostgreSQL, DuckDB with
    ``allow_quoted_nulls = false``), not pandas, nor Python's csv."""

    query_field: str | None = "_query"
    """The key of each JSON line that tells its query: the query's number, from 1 in the order of ``queries``. It comes
    first; None or an empty text leaves it out."""

    def __post_init__(self) -> None:
        set_choices(self, "blob_encoding", "non_finite")
        check_text("csv_null", self.csv_null)
        if set(self.csv_null) & set(_CSV_SYNTAX):
            raise OptionError(
                f"csv_null={self.csv_null!r}: a comma, a quote or a line break is part of CSV itself", option="csv_null"
            )
        if self.query_field is not None:
            check_text("query_field", self.query_field)
            # A statement has no other way to say None.
            object.__setattr__(self, "query_field", self.query_field or None)
