"""COPY, CAPTURE and USE in every spelling that they take, and errors that say where and what was expected."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.script.option_table import (
    CAPTURE_OPTIONS,
    COPY_FROM_OPTIONS,
    COPY_TO_OPTIONS,
    FIELDS_BY_WRITTEN_NAME,
    OptionTable,
)
from airflow_provider_cqlai.engine.verbs.script.parse import (
    CaptureStatus,
    CopyFromStatement,
    CopyToStatement,
    CqlStatement,
    StartCapture,
    StopCapture,
    UseKeyspace,
    parse_script,
)


def parse_options(text: str) -> Mapping[str, Any]:
    (statement,) = parse_script(text)
    assert isinstance(statement, CopyToStatement | CopyFromStatement | StartCapture)
    return statement.options


def quote(text: str, sign: str = "'") -> str:
    return sign + text.replace(sign, sign * 2) + sign


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("copy Users to '/p'", {"table": "Users", "path": "/p"}),
        ('COPY shop."Or;der" TO "/p"', {"table": 'shop."Or;der"', "path": "/p"}),
        ("COPY shop . users TO '/p'", {"table": "shop.users", "path": "/p"}),
        ("COPY t(a,\"B, b\" , c)TO'/p'", {"table": "t", "path": "/p", "columns": ("a", '"B, b"', "c")}),
        (
            "COPY t TO '/p' with Format = \"parquet\"\n\tand\n\tCHUNKSIZE\n= 500 And page_index=False",
            {"table": "t", "path": "/p", "format": "parquet", "chunk_size": 500, "page_index": False},
        ),
        (
            "COPY t TO '/p' WHERE a = 'WITH' AND \"with\" = 1 AND with_tax = $$WITH$$ WITH FORMAT='parquet'",
            {
                "table": "t",
                "path": "/p",
                "where": "a = 'WITH' AND \"with\" = 1 AND with_tax = $$WITH$$",
                "format": "parquet",
            },
        ),
        ("COPY t TO '/p' WHERE a=1", {"table": "t", "path": "/p", "where": "a=1"}),
        (
            "COPY t TO '/p' WITH FORMAT='parquet' WHERE  a = 1 /* ; */ AND -- it's\n b IN (1,\t2)",
            {"table": "t", "path": "/p", "format": "parquet", "where": "a = 1 /* ; */ AND -- it's\n b IN (1,\t2)"},
        ),
        (
            "COPY /* all */ t TO -- here\n '/p' WITH /* x */ FORMAT='parquet'",
            {"table": "t", "path": "/p", "format": "parquet"},
        ),
    ],
)
def test_copy_to_in_its_spellings(text: str, expected: dict[str, Any]) -> None:
    assert parse_options(text) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("SKIPROWS=1", {"skip_rows": 1}),
        ("SKIPROWS='1'", {"skip_rows": 1}),
        ("skip_rows=1 AND max_rows=2", {"skip_rows": 1, "max_rows": 2}),
        ("RATE_LIMIT_ROWS_PER_SECOND=2.5", {"rate_limit_rows_per_second": 2.5}),
        ("RATE_LIMIT_ROWS_PER_SECOND='2.5'", {"rate_limit_rows_per_second": 2.5}),
        ("TIMESTAMP=-5", {"timestamp": -5}),
        ("TIMESTAMP='written_at'", {"timestamp": "written_at"}),
        ("VERIFY=TRUE AND DRY_RUN='true'", {"verify": True, "dry_run": True}),
        ("VERIFY='all'", {"verify": "all"}),
        ("MAX_ERRORS='0.1%' AND REJECTED_PATH='/r.parquet'", {"max_errors": "0.1%", "rejected_path": "/r.parquet"}),
        ('COLUMN_MAPPING=\'{"a": "b"}\'', {"column_mapping": {"a": "b"}}),
        ("WHERE='year=2024'", {"where": "year=2024"}),
        ("MODE='INSERT_IF_NOT_EXISTS'", {"mode": "INSERT_IF_NOT_EXISTS"}),
        ("FORMAT='parquet'", {}),
    ],
)
def test_values_of_options_are_read_by_what_the_option_takes(written: str, expected: dict[str, Any]) -> None:
    options = parse_options(f"COPY t FROM '/p' WITH {written}")
    assert options == {"table": "t", "path": "/p", **expected}
    assert {name: type(options[name]) for name in expected} == {name: type(value) for name, value in expected.items()}
    CopyFromOptions(**options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CAPTURE parquet '/p'", {"path": "/p", "format": "parquet"}),
        ("CAPTURE JSON '/p'", {"path": "/p", "format": "json"}),
        ("capture csv \"/p\" with page_size='5K'", {"path": "/p", "format": "csv", "page_size": "5K"}),
        ("CAPTURE '/p.parquet'", {"path": "/p.parquet"}),
        ("CAPTURE '/p' FORMAT='JSON' AND COMPRESSION='gzip'", {"path": "/p", "format": "JSON", "compression": "gzip"}),
        ("CAPTURE '/p' WITH FORMAT='JSON'", {"path": "/p", "format": "JSON"}),
    ],
)
def test_capture_in_its_spellings(text: str, expected: dict[str, Any]) -> None:
    assert parse_options(text) == expected
    CaptureOptions(**expected)


def test_options_of_text_are_a_captures_and_no_copys() -> None:
    written = "BLOB_ENCODING='hex' AND CSV_NULL='' AND NON_FINITE='null'"
    options = parse_options(f"CAPTURE '/p.csv' {written}")
    assert options == {"path": "/p.csv", "blob_encoding": "hex", "csv_null": "", "non_finite": "null"}
    CaptureOptions(**options)
    for copy in ("COPY t TO '/p'", "COPY t FROM '/p'"):
        with pytest.raises(OptionError, match="unknown option BLOB_ENCODING"):
            parse_options(f"{copy} WITH {written}")


@pytest.mark.parametrize("file_format", ["JSON", "csv"])
def test_copy_keeps_to_parquet(file_format: str) -> None:
    with pytest.raises(OptionError, match=r"COPY FROM: format='.*' is unknown; known values: parquet"):
        parse_options(f"COPY t FROM '/p' WITH FORMAT='{file_format}'")
    options = parse_options(f"COPY t TO '/p' WITH FORMAT='{file_format}'")
    with pytest.raises(OptionError, match="an export of a table writes Parquet"):
        CopyToOptions(**options)


def test_capture_off_and_status_and_use_are_statements_of_their_own_and_the_rest_is_cql() -> None:
    script = 'USE "Shop";\nCapture;\ncapture /* it */ off;\nuse shop;\nCOPYRIGHT;\n(1);\nuser'
    statements = parse_script(script)
    kinds = [UseKeyspace, CaptureStatus, StopCapture, UseKeyspace, CqlStatement, CqlStatement, CqlStatement]
    assert [type(statement) for statement in statements] == kinds
    assert [statement.line for statement in statements] == [1, 2, 3, 4, 5, 6, 7]
    assert [statement.name for statement in statements if isinstance(statement, UseKeyspace)] == ['"Shop"', "shop"]
    assert [statement.text for statement in statements[4:]] == ["COPYRIGHT", "(1)", "user"]


@settings(deadline=None)
@given(st.text(), st.sampled_from("'\""))
def test_any_text_in_quotes_is_read_exactly(text: str, sign: str) -> None:
    options = parse_options(f"COPY t TO {quote(text, sign)} WITH BUCKET_FORMAT={quote(text, sign)}")
    assert (options["path"], options["bucket_format"]) == (text, text)


@settings(deadline=None)
@given(st.text())
def test_any_name_in_quotes_is_kept_with_them(text: str) -> None:
    name = quote(text, '"')
    options = parse_options(f"COPY {name}.{name} ({name}) TO '/p' WHERE {name} = 1")
    assert options == {"table": f"{name}.{name}", "columns": (name,), "path": "/p", "where": f"{name} = 1"}


def test_what_tells_the_window_is_kept_apart_from_the_options() -> None:
    written = "START='2024-01-01' AND END='2024-01-02' AND TIME_COLUMN='at'"
    (export, import_, capture) = parse_script(
        f"COPY t TO '/p' WITH {written}; COPY t FROM '/p' WITH SINCE='2024-01-01'; CAPTURE '/p' WITH PERIOD='1 day'"
    )
    assert isinstance(export, CopyToStatement)
    assert isinstance(import_, CopyFromStatement)
    assert isinstance(capture, StartCapture)
    assert export.window == {"start": "2024-01-01", "end": "2024-01-02"}
    assert export.options == {"table": "t", "path": "/p", "time_column": "at"}
    assert import_.window == {"since": "2024-01-01"}
    assert capture.window == {"period": "1 day"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("COPY", "line 1, column 5: expected a name, found end of text"),
        ("COPY users INTO 'x'", "line 1, column 12: expected TO or FROM, found 'INTO'"),
        ("\n-- first\nCOPY users\n\tTO x", "line 4, column 5: expected a path in quotes, found 'x'"),
        ("COPY u FROM STDIN", "line 1, column 13: expected a path in quotes, found 'STDIN'"),
        ("COPY a.b.c TO 'x'", "line 1, column 9: expected TO or FROM, found '.'"),
        ("COPY u () TO 'x'", "line 1, column 9: expected a name, found ')'"),
        ("COPY u TO 'x' FORMAT='P'", "line 1, column 15: expected WITH, AND, WHERE or a semicolon, found 'FORMAT'"),
        ("COPY u TO 'x' WITH", "line 1, column 19: expected the name of an option, found end of text"),
        ("COPY u TO 'x' WITH FORMAT 'P'", "line 1, column 27: expected '=', found "),
        (
            "COPY u TO 'x' WITH\n FORMAT='P'\n AND CHUNKSIZE=50K",
            "line 3, column 16: expected a value: a text in quotes, a number, TRUE or FALSE, found '50K'",
        ),
        ("COPY u TO 'x' WITH FORMAT='P', A=1", "column 30: expected WITH, AND, WHERE or a semicolon, found ','"),
        ("COPY u TO 'x' WHERE", "column 20: expected restrictions, found end of text"),
        ("COPY u TO 'x' WHERE WITH FORMAT='P'", "column 21: expected restrictions, found 'WITH'"),
        ("COPY u TO 'x' WHERE a=1 WITH CHUNKSIZE=1 WHERE b=1", "expected WITH, AND, WHERE or a semicolon, found 'WH"),
        ("COPY u FROM 'x' WHERE a=1", "line 1: COPY FROM has no WHERE clause"),
        ("CAPTURE PARQUET", "line 1, column 16: expected a path in quotes, found end of text"),
        ("CAPTURE XML 'x'", "column 9: expected PARQUET, JSON, CSV, OFF or a path in quotes, found 'XML'"),
        ("CAPTURE OFF\nSELECT 1", "line 2, column 1: expected WITH, AND or a semicolon, found 'SELECT'"),
        ("USE", "line 1, column 4: expected a name, found end of text"),
        ("USE a.b", "line 1, column 6: expected a semicolon, found '.'"),
    ],
)
def test_a_statement_that_does_not_follow_the_grammar_is_told_where_and_what_was_expected(
    text: str, message: str
) -> None:
    with pytest.raises(OptionError) as raised:
        parse_script(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "\nCOPY u TO 'x' WITH\n FORMAT='P'\n AND COMPRESION='x'",
            4,
            ["COMPRESION (did you mean COMPRESSION?)", "SINCE"],
        ),
        ("COPY u TO 'x' WITH PARTITON='x'", 1, ["did you mean PARTITION?", "PARTITION, ", "CHUNKSIZE, "]),
        ("COPY u TO 'x' WITH SKIPROWS=1", 1, ["COPY TO: unknown option SKIPROWS"]),
        ("COPY u FROM 'x' WITH COMPRESSION='zstd'", 1, ["COPY FROM: unknown option COMPRESSION", "SKIPROWS, "]),
        ("CAPTURE 'x' WITH WHERE='a=1'", 1, ["CAPTURE: unknown option WHERE"]),
        ("COPY u TO 'x' WITH OWNER='me'", 1, ["unknown option OWNER"]),
        ("COPY u TO 'x' WITH WINDOW='2024'", 1, ["unknown option WINDOW"]),
        ("COPY u TO 'x' WITH CHUNKSIZE=1\nAND chunksize=2", 2, ["chunksize is given twice"]),
        ("COPY u TO 'x' WITH CHUNKSIZE=1\nAND chunk_size=2", 2, ["chunk_size is given twice"]),
        ("COPY u (a) TO 'x'\nWITH COLUMNS='b'", 2, ["COLUMNS is given twice"]),
        ("COPY u TO 'x' WITH WHERE='a=1' WHERE b=1", 1, ["WHERE is given twice"]),
        ("COPY u TO 'x' WITH PATH='y'", 1, ["PATH is given twice"]),
        ("COPY u FROM 'x' WITH FORMAT='parquet' AND FORMAT='parquet'", 1, ["FORMAT is given twice"]),
        ("COPY u TO 'x' WITH SINCE='a' AND SINCE='b'", 1, ["SINCE is given twice"]),
        ("CAPTURE JSON 'x' FORMAT='CSV'", 1, ["FORMAT is given twice"]),
        ("COPY u TO 'x' WITH CONCURRENCY='many'", 1, ["concurrency='many'", "a whole number"]),
        ("COPY u TO 'x' WITH TYPES='id=uuid'", 1, ["types='id=uuid'", "JSON object"]),
        ("COPY u TO 'x' WITH SINCE=2024", 1, ["since=2024", "quotes"]),
        ("COPY u FROM 'x' WITH FORMAT='xml'", 1, ["format='xml'", "parquet"]),
        ("COPY u FROM 'x' WITH CHUNKSIZE=0", 1, ["chunk_size=0", "at least 1"]),
        ("COPY u FROM 'x' WITH CHUNKSIZE=1.5", 1, ["chunk_size=1.5", "whole number"]),
    ],
)
def test_an_option_that_cannot_be_meant_is_told_with_its_line(text: str, line: int, words: list[str]) -> None:
    with pytest.raises(OptionError) as raised:
        parse_script(text)
    assert str(raised.value).startswith(f"line {line}: ")
    assert raised.value.line == line
    assert raised.value.option
    for word in words:
        assert word in str(raised.value)


def test_a_password_in_a_path_is_not_told() -> None:
    for path in ("'s3://me:secret@bucket/x'", "s3://me:secret@bucket/x"):
        with pytest.raises(OptionError) as raised:
            parse_script(f"COPY users TO {path} WTH")
        assert "secret" not in str(raised.value)
    assert "secret" not in repr(parse_script("-- x\nINSERT INTO users VALUES ('secret')"))


@pytest.mark.parametrize(
    ("table", "options_types", "others"),
    [
        (COPY_TO_OPTIONS, (CopyToOptions,), set()),
        (COPY_FROM_OPTIONS, (CopyFromOptions,), {"format", "chunk_size"}),
        (CAPTURE_OPTIONS, (CaptureOptions,), set()),
    ],
)
def test_every_field_of_the_options_classes_is_an_option(
    table: OptionTable, options_types: tuple[type, ...], others: set[str]
) -> None:
    fields = {name for options_type in options_types for name in options_type.__dataclass_fields__}  # type: ignore[attr-defined]
    read = {FIELDS_BY_WRITTEN_NAME.get(name.lower(), name.lower()) for name in table.written_names}
    window = {"start", "end", "period", "anchor", "align", "since"}
    assert read == (fields - {"table", "path", "window", "owner", "queries", "parameters"}) | others | window


def test_importing_the_parser_does_not_import_pyparsing() -> None:
    code = "import sys, airflow_provider_cqlai.engine.verbs.script.parse; print('pyparsing' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=".")
    assert found.stdout.strip() == "False"
