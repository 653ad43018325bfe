from __future__ import annotations

import dataclasses
import random
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cassandra import cqltypes
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.cassandra.codec import decoder
from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name
from airflow_provider_cqlai.engine.errors import CorruptPageError, OptionError, TableChangedError, ValueDoesNotFitError
from tests.cql_pages import (
    decimal_cell,
    list_cell,
    list_of,
    map_cell,
    map_of,
    open_decoder,
    page_of,
    tuple_cell,
    tuple_of,
    udt,
    vector_of,
)
from tests.pyarrow_versions import PYARROW

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

INT, TEXT = cqltypes.Int32Type, cqltypes.UTF8Type
COLUMNS: list[tuple[str, Any]] = [
    ("id", INT),
    ("text", TEXT),
    ("list", list_of(TEXT)),
    ("map", map_of(TEXT, INT)),
    ("tuple", tuple_of(INT, cqltypes.DurationType)),
    ("vector", vector_of(TEXT, 2)),
    ("floats", vector_of(cqltypes.FloatType, 2)),
    ("decimal", cqltypes.DecimalType),
    ("varint", cqltypes.IntegerType),
    ("boolean", cqltypes.BooleanType),
]
ROW: list[bytes | None] = [
    b"\0\0\0\1",
    b"some text",
    list_cell(b"a", None, b"b"),
    map_cell((b"k", b"\0\0\0\2"), (b"", None)),
    tuple_cell(b"\0\0\0\3", b"\2\4\6"),
    b"\1x\3yyy",
    bytes(8),
    decimal_cell(15, 1),
    b"\x7f",
    b"\1",
]
PAGE = page_of(COLUMNS, [ROW, [b"\0\0\0\2", *[None] * (len(ROW) - 1)], ROW])


def test_a_page_becomes_a_record_batch_with_the_decoder_s_arrow_schema() -> None:
    decoder = open_decoder(COLUMNS, primary_key=["id"])
    record_batch = decoder.decode(PAGE)
    record_batch.validate(full=True)
    assert record_batch.schema.equals(decoder.arrow_schema, check_metadata=PYARROW >= 19)
    assert record_batch.num_rows == 3
    assert record_batch.column_names == [name for name, _ in COLUMNS]
    assert record_batch.column("id").to_pylist() == [1, 2, 1]
    assert record_batch.column("text").to_pylist() == ["some text", None, "some text"]


def test_a_page_without_rows_is_an_empty_record_batch() -> None:
    decoder = open_decoder(COLUMNS)
    record_batch = decoder.decode(page_of(COLUMNS, []))
    assert record_batch.num_rows == 0
    assert record_batch.schema.equals(decoder.arrow_schema, check_metadata=PYARROW >= 19)


def test_a_page_cut_anywhere_is_corrupt() -> None:
    decoder = open_decoder(COLUMNS, primary_key=["id"])
    for stop in range(PAGE.rows_offset, len(PAGE.body)):
        with pytest.raises(CorruptPageError):
            decoder.decode(dataclasses.replace(PAGE, body=PAGE.body[:stop]))


@pytest.mark.parametrize("row_count", [-1, -(2**31), 0, 2, 4, 2**31 - 1])
def test_a_row_count_that_the_body_does_not_bear_out_is_corrupt(row_count: int) -> None:
    with pytest.raises(CorruptPageError, match=f"does not hold {row_count} rows"):
        open_decoder(COLUMNS).decode(dataclasses.replace(PAGE, row_count=row_count))


def test_a_negative_row_count_without_rows_is_corrupt() -> None:
    empty = page_of(COLUMNS, [])
    with pytest.raises(CorruptPageError):
        open_decoder(COLUMNS).decode(dataclasses.replace(empty, row_count=-1))


def test_trailing_bytes_are_corrupt() -> None:
    with pytest.raises(CorruptPageError):
        open_decoder(COLUMNS).decode(dataclasses.replace(PAGE, body=PAGE.body + b"\0"))


@pytest.mark.parametrize("length", [5, 2**31 - 1])
def test_a_cell_beyond_the_body_is_corrupt(length: int) -> None:
    page = page_of([("id", INT)], [[bytes(4)]])
    body = page.body[: page.rows_offset] + struct.pack(">i", length) + bytes(4)
    with pytest.raises(CorruptPageError):
        open_decoder([("id", INT)]).decode(dataclasses.replace(page, body=body))


@given(st.integers(0, 2**32 - 1))
def test_any_damage_is_corrupt_or_another_value_and_never_another_exception(seed: int) -> None:
    dice = random.Random(seed)
    body = bytearray(PAGE.body)
    for _ in range(dice.randint(1, 4)):
        body[dice.randrange(PAGE.rows_offset, len(body))] = dice.choice(
            [0, 1, 4, 0x7F, 0x80, 0xFF, dice.randrange(256)]
        )
    stop = dice.choice([len(body), dice.randrange(PAGE.rows_offset, len(body))])
    try:
        record_batch = open_decoder(COLUMNS).decode(dataclasses.replace(PAGE, body=bytes(body[:stop])))
    except (CorruptPageError, ValueDoesNotFitError):
        return
    record_batch.validate(full=True)


@pytest.mark.parametrize(
    "columns",
    [
        [("id", INT)],
        [("id", INT), ("other", TEXT)],
        [("id", INT), ("name", cqltypes.AsciiType)],
        [("name", TEXT), ("id", INT)],
        [("id", INT), ("name", TEXT), ("more", INT)],
    ],
)
def test_a_page_with_other_columns_means_that_the_table_changed(columns: list[tuple[str, Any]]) -> None:
    decoder = open_decoder([("id", INT), ("name", TEXT)])
    with pytest.raises(TableChangedError, match=r"ks\.t was altered") as caught:
        decoder.decode(page_of(columns, []))
    assert caught.value.is_retryable


def test_a_udt_with_a_new_field_means_that_the_table_changed() -> None:
    decoder = open_decoder([("a", udt("address", zip=INT))])
    with pytest.raises(TableChangedError):
        decoder.decode(page_of([("a", udt("address", zip=INT, city=TEXT))], []))


def test_an_error_names_table_column_primary_key_and_override() -> None:
    columns = [
        ("id", INT),
        ("at", cqltypes.DateType),
        ("name", TEXT),
        ("blob", cqltypes.BytesType),
        ("amount", list_of(cqltypes.DecimalType)),
    ]
    good = [b"\0\0\0\1", bytes(8), b"x", b"", None]
    bad = [b"\0\0\0\7", struct.pack(">q", 2**63 - 1), b"sensor 9", b"\1\2", list_cell(None, decimal_cell(10**40, 0))]
    decoder = open_decoder(columns, primary_key=["id", "at", "name", "blob"])
    with pytest.raises(ValueDoesNotFitError) as caught:
        decoder.decode(page_of(columns, [good, bad]))
    error = caught.value
    assert not error.is_retryable
    assert error.table == "ks.t"
    assert error.column == "amount.element"
    assert error.primary_key == {"id": "7", "at": "0x7fffffffffffffff", "name": "sensor 9", "blob": "0x0102"}
    assert error.override == "decimal256(76, 18)"
    for part in ("ks.t", "amount.element", "id=7", "name=sensor 9", 'types={"amount.element": "decimal256(76, 18)"}'):
        assert part in str(error)


def test_a_long_key_is_cut_in_the_message() -> None:
    columns = [("name", TEXT), ("amount", cqltypes.DecimalType)]
    with pytest.raises(ValueDoesNotFitError) as caught:
        open_decoder(columns, primary_key=["name"]).decode(page_of(columns, [[b"x" * 10_000, decimal_cell(1, 99)]]))
    assert len(str(caught.value)) < 1_000


def test_several_threads_share_a_decoder() -> None:
    columns = [("id", INT), ("n", cqltypes.LongType)]
    decoder = open_decoder(columns)
    pages = [page_of(columns, [[struct.pack(">i", number), b""]] * 50) for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(decoder.decode, pages))
    assert [record_batch.column("id")[0].as_py() for record_batch in found] == list(range(64))
    assert decoder.zero_length_cells == {"n": 64 * 50}


def test_the_codec_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQLAI_CODEC", "python")
    assert codec_name() == "python"
    monkeypatch.setenv("CQLAI_CODEC", "fast")
    with pytest.raises(OptionError, match="CQLAI_CODEC='fast' is unknown; known values: auto, native, python"):
        codec_name()
    monkeypatch.delenv("CQLAI_CODEC")
    assert codec_name() in ("native", "python")


def test_a_forced_codec_that_is_missing_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQLAI_CODEC", "native")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="has no native codec"):
        codec_name()


@pytest.fixture
def without_native_codec(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(decoder, "has_native_codec", lambda: False)
    monkeypatch.delenv("CQLAI_CODEC", raising=False)
    decoder.warn_of_missing_codec.cache_clear()
    yield
    decoder.warn_of_missing_codec.cache_clear()


def test_a_missing_native_codec_is_a_warning_once_with_its_cost_and_its_mend(
    without_native_codec: None, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        decoder.warn_of_missing_codec()
    [record] = caplog.records
    assert record.levelname == "WARNING"
    for words in ("six times the CPU", "pip install", "CQLAI_CODEC=python"):
        assert words in record.getMessage()


def test_the_reference_codec_that_was_asked_for_is_no_warning(
    without_native_codec: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CQLAI_CODEC", "python")
    decoder.warn_of_missing_codec()
    assert not caplog.records
