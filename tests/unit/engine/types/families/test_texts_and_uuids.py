from __future__ import annotations

import uuid
from typing import Any

import pyarrow as pa
import pytest
from cassandra import cqltypes

from airflow_provider_cqlai.engine.errors import CorruptPageError, ValueDoesNotFitError
from tests.cql_pages import decode_cells, list_cell, list_of

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

A_UUID = uuid.UUID("5132b130-ae79-11e4-ab27-0800200c9a66")


@pytest.mark.parametrize("driver_type", [cqltypes.UTF8Type, cqltypes.VarcharType])
def test_null_and_empty_text_are_two_things(driver_type: type) -> None:
    texts = [None, "", "a", "ä\0€😀"]
    array = decode_cells(driver_type, *(None if text is None else text.encode() for text in texts))
    assert array.type == pa.string()
    assert array.to_pylist() == texts


def test_ascii_is_a_string() -> None:
    assert decode_cells(cqltypes.AsciiType, b"a\x7f", b"", None).to_pylist() == ["a\x7f", "", None]


def test_null_and_empty_blob_are_two_things() -> None:
    array = decode_cells(cqltypes.BytesType, None, b"", b"\0\xff")
    assert array.type == pa.binary()
    assert array.to_pylist() == [None, b"", b"\0\xff"]


@pytest.mark.parametrize(
    ("driver_type", "cell"),
    [(cqltypes.UTF8Type, b"\xff"), (cqltypes.UTF8Type, b"\xed\xa0\x80"), (cqltypes.AsciiType, "ä".encode())],
)
def test_bytes_that_are_no_text_are_corrupt_and_the_row_is_told(driver_type: type, cell: bytes) -> None:
    with pytest.raises(CorruptPageError, match="column c") as caught:
        decode_cells(driver_type, b"fine", cell)
    assert caught.value.column == "c"


def test_more_than_one_array_holds_is_an_error_that_says_what_to_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_chunks(values: list[bytes], arrow_type: Any) -> Any:
        # What pyarrow does beyond 2 GiB.
        return pa.chunked_array([[value] for value in values], arrow_type)

    # The native codec leaves such a page to the reference codec.
    monkeypatch.setenv("CQLAI_CODEC", "python")
    monkeypatch.setattr("airflow_provider_cqlai.engine.types.cells.cells.pa.array", make_chunks)
    with pytest.raises(ValueDoesNotFitError, match="lower page_bytes or page_size"):
        decode_cells(cqltypes.BytesType, b"a", b"b")


def test_an_inet_is_a_text_and_a_mapped_address_stays_apart() -> None:
    cells = [bytes([1, 2, 3, 4]), bytes(10) + b"\xff\xff" + bytes([1, 2, 3, 4]), bytes(15) + b"\1", b"\xff" * 16, None]
    assert decode_cells(cqltypes.InetAddressType, *cells).to_pylist() == [
        "1.2.3.4",
        "::ffff:1.2.3.4",
        "::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        None,
    ]


@pytest.mark.parametrize("driver_type", [cqltypes.UUIDType, cqltypes.TimeUUIDType])
def test_a_uuid_is_its_text(driver_type: type) -> None:
    array = decode_cells(driver_type, A_UUID.bytes, None, bytes(16), b"\xff" * 16)
    assert array.type == pa.string()
    assert array.to_pylist() == [str(A_UUID), None, str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))]


@pytest.mark.parametrize("driver_type", [cqltypes.UUIDType, cqltypes.TimeUUIDType])
def test_a_uuid_can_be_the_uuid_type(driver_type: type) -> None:
    array = decode_cells(driver_type, A_UUID.bytes, None, c="uuid")
    assert array.type == pa.uuid()
    assert array.to_pylist() == [A_UUID, None]
    nested = decode_cells(list_of(driver_type), list_cell(A_UUID.bytes, None), None, **{"c.element": "uuid"})
    assert nested.to_pylist() == [[A_UUID, None], None]


def test_an_unknown_custom_type_is_its_bytes() -> None:
    driver_type = cqltypes.lookup_casstype("com.acme.MoneyType")
    array = decode_cells(driver_type, b"\1\2", b"", None)
    assert array.type == pa.binary()
    assert array.to_pylist() == [b"\1\2", b"", None]


def test_a_lexical_uuid_is_a_uuid() -> None:
    driver_type = cqltypes.lookup_casstype("org.apache.cassandra.db.marshal.LexicalUUIDType")
    assert decode_cells(driver_type, A_UUID.bytes, None).to_pylist() == [str(A_UUID), None]
