from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from cassandra import cqltypes

from airflow_provider_cqlai.engine.errors import OptionError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.types import handlers
from airflow_provider_cqlai.engine.types.handlers import register_type_handler, unregister_type_handler
from tests.cql_pages import decode_cells, list_cell, list_of, open_decoder, page_of, udt, vector_of

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

MONEY = "com.acme.MoneyType"
MONEY_TYPE = cqltypes.lookup_casstype(MONEY)


@pytest.fixture(autouse=True)
def _fresh_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "_handlers", {})


@pytest.fixture
def money() -> Iterator[None]:
    register_type_handler(MONEY, pa.int64(), lambda cell: struct.unpack(">q", cell)[0])
    yield
    unregister_type_handler(MONEY)


@pytest.mark.usefixtures("money")
def test_a_handler_decodes_a_custom_type_at_any_depth() -> None:
    assert decode_cells(MONEY_TYPE, struct.pack(">q", 5), None).to_pylist() == [5, None]
    nested = decode_cells(list_of(MONEY_TYPE), list_cell(struct.pack(">q", 5), None))
    assert nested.type.value_type == pa.int64()
    assert nested.to_pylist() == [[5, None]]


@pytest.mark.usefixtures("money")
def test_an_override_comes_before_a_handler() -> None:
    assert decode_cells(MONEY_TYPE, b"x", c="binary").to_pylist() == [b"x"]


@pytest.mark.usefixtures("money")
def test_what_a_handler_raises_names_the_row() -> None:
    columns = [("id", cqltypes.Int32Type), ("price", MONEY_TYPE)]
    page = page_of(columns, [[bytes(4), bytes(8)], [b"\0\0\0\7", b"x"]])
    with pytest.raises(ValueDoesNotFitError, match=r"column price, row id=7: .*refused \(error\)") as caught:
        open_decoder(columns, primary_key=["id"]).decode(page)
    assert caught.value.primary_key == {"id": "7"}


def test_what_pyarrow_refuses_names_the_row() -> None:
    register_type_handler("inet", pa.int8(), len)
    columns = [("id", cqltypes.Int32Type), ("a", cqltypes.InetAddressType)]
    page = page_of(columns, [[bytes(4), bytes(8)], [b"\0\0\0\7", bytes(200)]])
    with pytest.raises(ValueDoesNotFitError, match="column a, row id=7"):
        open_decoder(columns, primary_key=["id"]).decode(page)


def test_a_handler_can_be_for_one_exact_type_or_for_all_of_a_name() -> None:
    register_type_handler("vector", pa.binary(), bytes)
    register_type_handler("vector<float, 2>", pa.string(), bytes.hex)
    assert decode_cells(vector_of(cqltypes.FloatType, 2), bytes(8)).to_pylist() == ["00" * 8]
    assert decode_cells(vector_of(cqltypes.FloatType, 1), bytes(4)).to_pylist() == [bytes(4)]


def test_a_handler_for_numbers_also_applies_inside_a_vector() -> None:
    register_type_handler("float", pa.float32(), lambda cell: -struct.unpack(">f", cell)[0])
    array = decode_cells(vector_of(cqltypes.FloatType, 2), struct.pack(">ff", 1, 2))
    assert array.to_pylist() == [[-1, -2]]


def test_a_handler_can_be_for_a_user_defined_type() -> None:
    register_type_handler("ks.point", pa.string(), bytes.hex)
    assert decode_cells(udt("point", x=cqltypes.Int32Type), b"\1", b"", None).to_pylist() == ["01", "", None]


def test_registering_again_replaces_the_handler() -> None:
    register_type_handler("inet", pa.string(), bytes.hex)
    register_type_handler("inet", pa.binary(), bytes)
    assert decode_cells(cqltypes.InetAddressType, bytes(4)).to_pylist() == [bytes(4)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("intt", pa.string(), bytes.hex), "is not a CQL type"),
        (("inet", "string", bytes.hex), "must be a pyarrow.DataType"),
        (("inet", pa.string(), None), "must be a function"),
    ],
)
def test_a_registration_that_could_never_work_is_an_error(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        register_type_handler(*arguments)


@pytest.mark.parametrize(
    ("type_name", "arrow_type", "read", "option"),
    [(5, pa.int32(), len, "type_name"), ("inet", "int32", len, "arrow_type"), ("inet", pa.int32(), 5, "read")],
)
def test_arguments_of_another_type_are_named(type_name: Any, arrow_type: Any, read: Any, option: str) -> None:
    with pytest.raises(OptionError, match=f"^{option}=") as caught:
        register_type_handler(type_name, arrow_type, read)
    assert caught.value.details["option"] == option
