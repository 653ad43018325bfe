from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from cassandra import cqltypes
from cassandra.protocol import ProtocolHandler, ResultMessage, _ProtocolHandler, get_registered_classes

from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage, RawPageProtocolHandler
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from tests.cql_pages import length_prefixed


def string(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


ROWS_KIND, GLOBAL_TABLE, HAS_MORE_PAGES = 2, 1, 2
COLUMNS = string("ks") + string("t") + string("a") + struct.pack(">H", 9) + string("b") + struct.pack(">HH", 0x20, 13)


def decode(body: bytes) -> Any:
    return RawPageProtocolHandler.decode_message(5, {}, 0, 0, ResultMessage.opcode, body, None, None)


def test_rows_are_kept_where_they_are() -> None:
    rows = length_prefixed(b"\0\0\0\7") + length_prefixed(None)
    head = struct.pack(">iii", ROWS_KIND, GLOBAL_TABLE | HAS_MORE_PAGES, 2) + length_prefixed(b"state") + COLUMNS
    body = head + struct.pack(">i", 1) + rows
    message = decode(body)
    page = message.parsed_rows
    assert isinstance(page, RawPage)
    assert page.body is body
    assert page.body[page.rows_offset :] == rows
    assert (page.row_count, page.byte_count, page.protocol_version) == (1, len(rows), 5)
    assert [name for name, _ in page.columns] == message.column_names == ["a", "b"]
    assert page.columns[0][1] is cqltypes.Int32Type
    assert page.columns[1][1].subtypes == (cqltypes.VarcharType,)
    assert message.paging_state == b"state"


def test_nothing_is_decoded_or_checked_on_the_event_loop() -> None:
    head = struct.pack(">iii", ROWS_KIND, GLOBAL_TABLE, 2) + COLUMNS
    page = decode(head + struct.pack(">i", -5) + b"nonsense").parsed_rows
    assert (page.row_count, page.byte_count) == (-5, 8)


def test_pages_with_the_same_columns_share_them() -> None:
    last = decode(struct.pack(">iii", ROWS_KIND, GLOBAL_TABLE, 2) + COLUMNS + struct.pack(">i", 0))
    more_pages = struct.pack(">iii", ROWS_KIND, GLOBAL_TABLE | HAS_MORE_PAGES, 2) + length_prefixed(b"state") + COLUMNS
    message = decode(more_pages + struct.pack(">i", 7) + b"rows")
    assert message.parsed_rows.columns is last.parsed_rows.columns
    assert (message.paging_state, last.paging_state) == (b"state", None)
    assert (message.column_names, message.parsed_rows.row_count) == (["a", "b"], 7)
    assert message.parsed_rows.body[message.parsed_rows.rows_offset :] == b"rows"


def test_a_message_that_ends_in_its_columns_is_not_remembered() -> None:
    columns = string("ks") + string("t") + string("a") + struct.pack(">H", 0) + string("com.acme.MyType")
    head = struct.pack(">iii", ROWS_KIND, GLOBAL_TABLE, 1)
    with pytest.raises(struct.error):
        decode(head + columns[:-2])
    page = decode(head + columns + struct.pack(">i", 3)).parsed_rows
    assert (page.row_count, page.byte_count) == (3, 0)
    assert [driver_type.cassname for _, driver_type in page.columns] == ["com.acme.MyType"]


@pytest.mark.parametrize(
    ("flags", "count", "columns", "expected"),
    [
        (GLOBAL_TABLE, 2, COLUMNS.replace(string("a"), string("c")), ["c int", "b list<text>"]),
        (GLOBAL_TABLE, 2, COLUMNS[:-2] + struct.pack(">H", 9), ["a int", "b list<int>"]),
        (GLOBAL_TABLE, 1, COLUMNS[: -len(string("b")) - 4], ["a int"]),
        (0, 1, string("ks") + string("t") + string("d") + struct.pack(">H", 9), ["d int"]),
    ],
)
def test_a_page_with_other_columns_has_its_own(flags: int, count: int, columns: bytes, expected: list[str]) -> None:
    decode(struct.pack(">iii", ROWS_KIND, GLOBAL_TABLE, 2) + COLUMNS + struct.pack(">i", 0))
    page = decode(struct.pack(">iii", ROWS_KIND, flags, count) + columns + struct.pack(">i", 5) + b"rows").parsed_rows
    assert [f"{name} {CqlType.from_driver_type(driver_type)}" for name, driver_type in page.columns] == expected
    assert (page.row_count, page.byte_count) == (5, 4)


def test_the_metadata_of_the_statement_stands_in_where_the_page_has_none() -> None:
    body = struct.pack(">iiii", ROWS_KIND, 4, 1, 0)
    metadata = [("ks", "t", "a", cqltypes.Int32Type)]
    message = RawPageProtocolHandler.decode_message(5, {}, 0, 0, ResultMessage.opcode, body, None, metadata)
    assert message.parsed_rows.columns == (("a", cqltypes.Int32Type),)


def test_other_sessions_of_the_process_are_untouched() -> None:
    own = RawPageProtocolHandler.message_types_by_opcode[ResultMessage.opcode]
    assert own not in _ProtocolHandler.message_types_by_opcode.values()
    assert own not in ProtocolHandler.message_types_by_opcode.values()
    assert own not in get_registered_classes().values()


def test_a_vector_of_a_type_whose_hexadecimal_name_has_only_digits_is_read() -> None:
    text = (
        "org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.UserType("
        "ks,61646472,7a6970:org.apache.cassandra.db.marshal.Int32Type), 3)"
    )
    driver_type = RawPageProtocolHandler.message_types_by_opcode[ResultMessage.opcode].read_type(  # type: ignore[attr-defined]
        io.BytesIO(struct.pack(">H", 0) + string(text)), {}
    )
    assert driver_type.vector_size == 3
    assert (driver_type.subtype.keyspace, driver_type.subtype.typename) == ("ks", "addr")
    assert driver_type.subtype.fieldnames == ("zip",)


def test_a_page_is_immutable() -> None:
    with pytest.raises(AttributeError):
        RawPage(b"", 0, 0, (), 5).row_count = 1  # type: ignore[misc]
