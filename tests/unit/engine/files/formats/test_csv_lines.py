"""CSV: what is written is what every reader reads, null and empty told apart."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.errors import OptionError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.options.text import TextOptions
from tests.unit.engine.files.formats.text_rows import write_text

NULL = r"\N"
# Everything that CSV has a meaning for, and what readers are known to stumble over.
CHARACTERS = st.one_of(
    st.sampled_from(list("\",\r\n\t\\N;|#' ")), st.characters(codec="utf-8", exclude_characters="\0")
)
CELLS = st.one_of(st.none(), st.text(CHARACTERS, max_size=6).filter(lambda text: text != NULL))


def read_with_csv(content: str) -> list[list[str | None]]:
    _, *rows = csv.reader(io.StringIO(content, newline=""), strict=True)
    return [[None if cell == NULL else cell for cell in row] for row in rows]


def read_with_pandas(path: Path) -> list[list[str | None]]:
    frame = pd.read_csv(
        path, dtype=object, na_values=[NULL], keep_default_na=False, skip_blank_lines=False, lineterminator=None
    )
    return [[None if pd.isna(cell) else str(cell) for cell in row] for row in frame.itertuples(index=False)]


def read_with_duckdb(path: Path, null: str = NULL) -> list[list[str | None]]:
    dialect = """delim = ',', quote = '"', escape = '"', header = true, auto_detect = false"""
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in path.read_text().partition("\n")[0].split(","))
    return [
        list(row)
        for row in duckdb.sql(
            f"SELECT * FROM read_csv('{path}', {dialect}, columns = {{{columns}}}, nullstr = '{null}',"
            " allow_quoted_nulls = false)"
        ).fetchall()
    ]


@settings(deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_any_texts_and_nulls_are_read_back_by_python(rows: list[tuple[str | None, str | None]]) -> None:
    content = write_text({name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate("ab")}, "csv")
    assert read_with_csv(content) == [list(row) for row in rows]


@settings(deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_any_texts_and_nulls_are_read_back_by_pandas_and_duckdb(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, str | None]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    columns = {name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate("ab")}
    path.write_bytes(write_text(columns, "csv").encode())
    assert read_with_pandas(path) == [list(row) for row in rows]
    assert read_with_duckdb(path) == [list(row) for row in rows]


@settings(deadline=None)
@given(cells=st.lists(CELLS, min_size=1, max_size=8))
def test_the_only_column_loses_no_row(cells: list[str | None]) -> None:
    assert read_with_csv(write_text({"a": pa.array(cells, pa.string())}, "csv")) == [[cell] for cell in cells]


def test_white_space_alone_is_a_row_to_pandas(tmp_path: Path) -> None:
    cells = [" ", "\t", "  ", "x", " y "]
    (tmp_path / "a.csv").write_bytes(write_text({"a": pa.array(cells)}, "csv").encode())
    assert read_with_pandas(tmp_path / "a.csv") == [[cell] for cell in cells]
    with pytest.raises(OptionError, match="the only column"):
        write_text({"a": pa.array(cells)}, "csv", csv_null=" ")


def test_lines_and_quotes_are_those_of_rfc_4180() -> None:
    columns = {
        "plain": pa.array(["a", "b c", ""]),
        'q"uoted, name': pa.array(['say "hi"', "1,5", None]),
        "lines": pa.array(["a\nb", "a\r\nb", " x "]),
    }
    assert write_text(columns, "csv") == (
        'plain,"q""uoted, name",lines\r\na,"say ""hi""","a\nb"\r\nb c,"1,5","a\r\nb"\r\n"",\\N," x "\r\n'
    )


def test_an_empty_null_is_nothing_and_an_empty_text_is_quoted(tmp_path: Path) -> None:
    columns = {"a": pa.array(["", None, "x"]), "b": pa.array([None, "", r"\N"])}
    content = write_text(columns, "csv", csv_null="")
    assert content == 'a,b\r\n"",\r\n,""\r\nx,\\N\r\n'
    (tmp_path / "a.csv").write_bytes(content.encode())
    assert read_with_duckdb(tmp_path / "a.csv", "") == [["", None], [None, ""], ["x", r"\N"]]


def test_an_empty_null_of_the_only_column_would_be_a_blank_line() -> None:
    with pytest.raises(OptionError, match=r"csv_null=''.*'a', the only column"):
        write_text({"a": pa.array(["x"])}, "csv", csv_null="")


@pytest.mark.parametrize(
    ("array", "null"),
    [(pa.array(["a", r"\N"]), r"\N"), (pa.array([0, 1]), "0"), (pa.array([[1]]), "[1]"), (pa.array([True]), "true")],
    ids=["text", "number", "list", "truth"],
)
def test_a_value_that_equals_the_text_for_null_is_an_error(array: pa.Array, null: str) -> None:
    with pytest.raises(ValueDoesNotFitError, match=r"query 1 of 1, column b: .*null; csv_null can be") as raised:
        write_text({"a": pa.array([None] * len(array), pa.string()), "b": array}, "csv", csv_null=null)
    assert raised.value.details["override"] == "csv_null"


@pytest.mark.parametrize("null", ["a,b", '"', "\n", "\r"])
def test_a_text_for_null_that_is_syntax_is_refused(null: str) -> None:
    with pytest.raises(OptionError, match="csv_null"):
        TextOptions(csv_null=null)


FLOATS = pa.array([float("nan"), float("inf"), float("-inf"), -0.0, 1.5, None])


def test_floats_that_are_no_number_are_texts_null_or_an_error() -> None:
    texts = write_text({"a": FLOATS}, "csv").split("\r\n")[1:-1]
    assert texts == ["NaN", "Infinity", "-Infinity", "-0.0", "1.5", r"\N"]
    assert write_text({"a": FLOATS}, "csv", non_finite="string").split("\r\n")[1:-1] == texts
    assert [float(text) for text in texts[1:5]] == FLOATS.to_pylist()[1:5]
    nulls = write_text({"a": FLOATS}, "csv", non_finite="null").split("\r\n")[1:-1]
    assert nulls == [r"\N", r"\N", r"\N", "-0.0", "1.5", r"\N"]
    with pytest.raises(ValueDoesNotFitError, match=r"column a.*non_finite can be 'null' or 'string'"):
        write_text({"a": FLOATS}, "csv", non_finite="error")


def test_floats_in_a_list_are_json_and_follow_its_rule() -> None:
    columns = {"a": pa.array([[float("nan"), 1.0]])}
    with pytest.raises(ValueDoesNotFitError, match=r"column a\.element"):
        write_text(columns, "csv")
    assert write_text(columns, "csv", non_finite="string") == 'a\r\n"[""NaN"",1.0]"\r\n'


def test_each_type_has_its_text() -> None:
    moment = datetime.datetime(2024, 2, 29, 23, 59, 59, 999000, datetime.timezone.utc)
    columns: dict[str, Any] = {
        "b": pa.array([b"\x00\xff", b""]),
        "d": pa.array([decimal.Decimal("12.50"), None], pa.decimal128(10, 2)),
        "t": pa.array([moment, None], pa.timestamp("ms", "UTC")),
        "day": pa.array([moment.date(), None]),
        "i": pa.array([2**63 - 1, -(2**63)]),
        "m": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int32())),
    }
    first, second = list(csv.reader(io.StringIO(write_text(columns, "csv"), newline="")))[1:]
    assert first == ["AP8=", "12.50", "2024-02-29T23:59:59.999Z", "2024-02-29", "9223372036854775807", '{"k":1}']
    assert second == ["", NULL, NULL, NULL, "-9223372036854775808", "{}"]
    assert json.loads(first[5]) == {"k": 1}
    assert write_text({"b": columns["b"]}, "csv", blob_encoding="hex") == 'b\r\n00ff\r\n""\r\n'
