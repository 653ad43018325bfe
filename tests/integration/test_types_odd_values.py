"""What tables really contain beside tidy values: cells of zero bytes, old rows of altered types, values too large."""

from __future__ import annotations

import decimal
import io
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.codec.decoder import RowDecoder
from airflow_provider_cqlai.engine.errors import TableChangedError, ValueDoesNotFitError
from dev.server_address import ServerAddress
from tests.cassandra_versions import NEEDS_VECTORS, has_vectors, server_under_test
from tests.keyspaces import make_keyspace
from tests.raw_reader import connect, open_table_decoder, read_arrow_table, read_pages

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

Decimal = decimal.Decimal


@pytest.fixture(scope="module", params=[5, 4], ids=["protocol 5", "protocol 4"])
def own_session(request: pytest.FixtureRequest, cassandra: ServerAddress) -> Iterator[Session]:
    with connect(cassandra.host, cassandra.port, request.param) as connected:
        yield connected


@pytest.fixture(scope="module")
def odd(own_session: Session, codec: str) -> str:
    """A keyspace for this file; each test has a table of its own."""
    name = make_keyspace(own_session)
    own_session.execute(f"USE {name}")
    return name


def rows_of(session: Session, keyspace: str, table: str, **overrides: str) -> list[dict[str, Any]]:
    found = read_arrow_table(session, keyspace, table, overrides=overrides)[0].to_pylist()
    return sorted(found, key=lambda row: str(row["id"]))


EMPTY_CELLS = {
    "int": "blobAsInt(0x)",
    "bigint": "blobAsBigint(0x)",
    "double": "blobAsDouble(0x)",
    "float": "blobAsFloat(0x)",
    "boolean": "blobAsBoolean(0x)",
    "timestamp": "blobAsTimestamp(0x)",
    "uuid": "blobAsUuid(0x)",
    "timeuuid": "blobAsTimeuuid(0x)",
    "decimal": "blobAsDecimal(0x)",
    "varint": "blobAsVarint(0x)",
    "inet": "blobAsInet(0x)",
}


def test_cells_of_zero_bytes_are_counted_nulls_and_empty_texts_are_not(own_session: Session, odd: str) -> None:
    columns = ", ".join(f"c_{name} {name}" for name in EMPTY_CELLS)
    own_session.execute(f"CREATE TABLE zero_length (id int PRIMARY KEY, {columns}, t text, a ascii, b blob)")
    names = ", ".join(f"c_{name}" for name in EMPTY_CELLS)
    own_session.execute(
        f"INSERT INTO zero_length (id, t, a, b, {names}) VALUES (1, '', '', 0x, {', '.join(EMPTY_CELLS.values())})"
    )
    own_session.execute("INSERT INTO zero_length (id) VALUES (2)")
    table, zero_length_cells = read_arrow_table(own_session, odd, "zero_length")
    first, second = sorted(table.to_pylist(), key=lambda row: row["id"])
    assert first == {"id": 1, "t": "", "a": "", "b": b""} | {f"c_{name}": None for name in EMPTY_CELLS}
    assert second == dict.fromkeys(first) | {"id": 2}
    assert zero_length_cells == {f"c_{name}": 1 for name in EMPTY_CELLS}


def test_elements_of_zero_bytes_are_counted_nulls(own_session: Session, odd: str) -> None:
    own_session.execute(
        "CREATE TABLE zero_elements (id int PRIMARY KEY, l list<int>, m map<int, int>, t tuple<int, text>)"
    )
    own_session.execute(
        "INSERT INTO zero_elements (id, l, m, t)"
        " VALUES (1, [blobAsInt(0x), 1], {1: blobAsInt(0x)}, (blobAsInt(0x), ''))"
    )
    table, zero_length_cells = read_arrow_table(own_session, odd, "zero_elements")
    assert table.to_pylist() == [{"id": 1, "l": [None, 1], "m": [(1, None)], "t": {"f0": None, "f1": ""}}]
    assert zero_length_cells == {"l": 1, "m": 1, "t": 1}


def test_a_map_key_of_zero_bytes_is_an_error_unless_its_bytes_are_asked_for(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TABLE zero_keys (id int PRIMARY KEY, m map<int, int>)")
    own_session.execute("INSERT INTO zero_keys (id, m) VALUES (7, {blobAsInt(0x): 1, 2: 3})")
    with pytest.raises(ValueDoesNotFitError, match=r'types=\{"m.key": "binary"\} .*row id=7: '):
        read_arrow_table(own_session, odd, "zero_keys")
    assert rows_of(own_session, odd, "zero_keys", **{"m.key": "binary"}) == [
        {"id": 7, "m": [(b"", 1), (b"\0\0\0\2", 3)]},
    ]


def test_a_primary_key_of_zero_bytes_is_an_error_unless_its_bytes_are_asked_for(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TABLE zero_key (id text, n int, v int, PRIMARY KEY (id, n))")
    own_session.execute("INSERT INTO zero_key (id, n, v) VALUES ('a', blobAsInt(0x), 1)")
    own_session.execute("INSERT INTO zero_key (id, n, v) VALUES ('a', 0, 2)")
    with pytest.raises(ValueDoesNotFitError, match=r"zero_key, column n, row id=a, n=.*zero bytes") as caught:
        read_arrow_table(own_session, odd, "zero_key")
    assert caught.value.override == "binary"
    assert rows_of(own_session, odd, "zero_key", n="binary") == [
        {"id": "a", "n": b"", "v": 1},
        {"id": "a", "n": b"\0\0\0\0", "v": 2},
    ]


def test_rows_older_than_a_field_of_their_type_have_null_there(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TYPE grown (a int, b text)")
    own_session.execute(
        "CREATE TABLE grown_rows (id int PRIMARY KEY, f frozen<grown>, u grown, l list<frozen<grown>>,"
        " m map<frozen<grown>, int>)"
    )
    old = "{a: 1, b: 'x'}"
    own_session.execute(
        f"INSERT INTO grown_rows (id, f, u, l, m) VALUES (1, {old}, {old}, [{old}, {{b: ''}}], {{{old}: 5}})"
    )
    own_session.execute("ALTER TYPE grown ADD c list<int>")
    own_session.execute("INSERT INTO grown_rows (id, f, u) VALUES (2, {c: []}, {c: [3]})")
    first, second = rows_of(own_session, odd, "grown_rows")
    expected = {"a": 1, "b": "x", "c": None}
    assert first == {
        "id": 1,
        "f": expected,
        "u": expected,
        "l": [expected, {"a": None, "b": "", "c": None}],
        "m": [(expected, 5)],
    }
    assert second["f"] == {"a": None, "b": None, "c": []}
    assert second["u"] == {"a": None, "b": None, "c": [3]}


def test_a_type_that_grows_between_two_pages_is_an_error_that_a_retry_mends(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TYPE growing (a int)")
    own_session.execute("CREATE TABLE growing_rows (id int PRIMARY KEY, f frozen<growing>)")
    for number in range(150):
        own_session.execute(f"INSERT INTO growing_rows (id, f) VALUES ({number}, {{a: {number}}})")

    def read(decoder: RowDecoder, statement: Any) -> int:
        rows = 0
        for number, page in enumerate(read_pages(own_session, statement)):
            rows += decoder.decode(page).num_rows
            if number == 0:
                own_session.execute("ALTER TYPE growing ADD b int")
        return rows

    statement, decoder = open_table_decoder(own_session, odd, "growing_rows")
    with pytest.raises(TableChangedError, match="growing_rows was altered"):
        read(decoder, statement)
    assert read_arrow_table(own_session, odd, "growing_rows")[0].num_rows == 150


@NEEDS_VECTORS
def test_a_udt_whose_name_has_only_hexadecimal_digits_in_a_vector(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TYPE addr (street text, zip int)")
    own_session.execute("CREATE TABLE addresses (id int PRIMARY KEY, v vector<frozen<addr>, 2>)")
    own_session.execute("INSERT INTO addresses (id, v) VALUES (1, [{street: 'a'}, {zip: 5}])")
    assert rows_of(own_session, odd, "addresses") == [
        {"id": 1, "v": [{"street": "a", "zip": None}, {"street": None, "zip": 5}]},
    ]


def test_names_in_mixed_case_and_reserved_words_survive(own_session: Session, odd: str) -> None:
    own_session.execute('CREATE TYPE "Mixed Case" ("Select" int, "a.b" text)')
    own_session.execute('CREATE TABLE mixed (id int PRIMARY KEY, "From" frozen<"Mixed Case">)')
    own_session.execute("""INSERT INTO mixed (id, "From") VALUES (1, {"Select": 2, "a.b": 'c'})""")
    assert rows_of(own_session, odd, "mixed") == [{"id": 1, "From": {"Select": 2, "a.b": "c"}}]
    table, _ = read_arrow_table(own_session, odd, "mixed")
    assert table.schema.field("From").metadata[b"cql_type"] == b'frozen<"Mixed Case">'


def test_counters_are_numbers_and_absent_ones_null(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TABLE counters (id int PRIMARY KEY, a counter, b counter)")
    own_session.execute("UPDATE counters SET a = a - 5 WHERE id = 1")
    assert rows_of(own_session, odd, "counters") == [{"id": 1, "a": -5, "b": None}]


def test_two_partition_keys_that_differ_in_scale_stay_two_rows(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TABLE scales (id decimal, c int, v decimal, PRIMARY KEY (id, c))")
    for key in ("1.5", "1.50"):
        own_session.execute(f"INSERT INTO scales (id, c, v) VALUES ({key}, 1, {key})")
    value = Decimal("1.5")
    assert rows_of(own_session, odd, "scales") == [
        {"id": "1.5", "c": 1, "v": value},
        {"id": "1.50", "c": 1, "v": value},
    ]


def test_a_descending_clustering_column_is_like_any_other(own_session: Session, odd: str) -> None:
    own_session.execute(
        "CREATE TABLE descending (id int, t timeuuid, l frozen<list<int>>, PRIMARY KEY (id, t, l))"
        " WITH CLUSTERING ORDER BY (t DESC, l DESC)"
    )
    moment = "50554d6e-29bb-11e5-b345-feff819cdc9f"
    own_session.execute(f"INSERT INTO descending (id, t, l) VALUES (1, {moment}, [1, 2])")
    assert rows_of(own_session, odd, "descending", t="uuid") == [{"id": 1, "t": uuid.UUID(moment), "l": [1, 2]}]


def test_numbers_beyond_a_decimal_name_the_row_and_what_holds_them(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TABLE large (id text, at timestamp, d decimal, v varint, PRIMARY KEY (id, at))")
    own_session.execute(
        f"INSERT INTO large (id, at, d, v) VALUES ('sensor', '2024-05-06T07:08:09.010Z', {10**30}.25, {10**50})"
    )
    row = r"large, column d, row id=sensor, at=2024-05-06T07:08:09.010000\+00:00"
    with pytest.raises(ValueDoesNotFitError, match=row) as caught:
        read_arrow_table(own_session, odd, "large")
    assert caught.value.override == "decimal128(38, 7)"
    with pytest.raises(ValueDoesNotFitError, match=r"column v") as caught:
        read_arrow_table(own_session, odd, "large", overrides={"d": "decimal128(38, 7)"})
    assert caught.value.override == "decimal256(76, 0)"
    overrides = {"d": "decimal128(38, 7)", "v": "decimal256(76, 0)"}
    (found,) = rows_of(own_session, odd, "large", **overrides)
    assert found["d"] == Decimal(f"{10**30}.25")
    assert found["v"] == Decimal(10**50)
    (found,) = rows_of(own_session, odd, "large", d="string", v="string")
    assert (found["d"], found["v"]) == (f"{10**30}.25", str(10**50))


@pytest.mark.parametrize("exponent", [2_147_483_646, -2_147_483_646])
def test_a_decimal_with_an_exponent_of_two_thousand_million(own_session: Session, odd: str, exponent: int) -> None:
    table = f"exponent_{'minus' if exponent < 0 else 'plus'}"
    own_session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, d decimal)")
    unscaled_and_scale = (-exponent).to_bytes(4, "big", signed=True) + b"\x0c"
    own_session.execute(f"INSERT INTO {table} (id, d) VALUES (1, blobAsDecimal(0x{unscaled_and_scale.hex()}))")
    started = time.monotonic()
    with pytest.raises(ValueDoesNotFitError, match=r'types=\{"d": "string"\}'):
        read_arrow_table(own_session, odd, table)
    (found,) = rows_of(own_session, odd, table, d="string")
    assert Decimal(found["d"]).as_tuple() == (0, (1, 2), exponent)
    assert time.monotonic() - started < 10


def test_times_of_every_unit(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TABLE times (id int PRIMARY KEY, t time, l list<time>)")
    own_session.execute("INSERT INTO times (id, t) VALUES (1, '23:59:59.999999999')")
    with pytest.raises(ValueDoesNotFitError, match=r'types=\{"t": "time64\[ns\]"\}'):
        read_arrow_table(own_session, odd, "times")
    table, _ = read_arrow_table(own_session, odd, "times", overrides={"t": "time64[ns]"})
    assert table.column("t").combine_chunks().view(pa.int64()).to_pylist() == [86_399_999_999_999]
    own_session.execute("INSERT INTO times (id, l) VALUES (1, ['00:00:00.000001'])")
    with pytest.raises(ValueDoesNotFitError, match=r'types=\{"l.element": "time64\[us\]"\}'):
        read_arrow_table(own_session, odd, "times", overrides={"t": "time64[ns]"})


def test_a_time_outside_the_day_is_an_error(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TABLE no_times (id int PRIMARY KEY, t time)")
    own_session.execute("INSERT INTO no_times (id, t) VALUES (1, blobAsTime(bigintAsBlob(-1)))")
    with pytest.raises(ValueDoesNotFitError, match=r'types=\{"t": "binary"\}'):
        read_arrow_table(own_session, odd, "no_times")


def test_a_nan_keeps_its_payload(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TABLE payloads (id int PRIMARY KEY, d double, f float)")
    own_session.execute(
        "INSERT INTO payloads (id, d, f) VALUES (1, blobAsDouble(0x7ff0000000000001), blobAsFloat(0xffc12345))"
    )
    found, _ = read_arrow_table(own_session, odd, "payloads")
    file = io.BytesIO()
    pq.write_table(found, file)
    for table in (found, pq.read_table(file)):
        assert table.column("d").combine_chunks().view(pa.int64()).to_pylist() == [0x7FF0000000000001]
        assert table.column("f").combine_chunks().view(pa.uint32()).to_pylist() == [0xFFC12345]


def test_custom_types_are_bytes_and_those_that_are_uuids_or_moments_are_that(own_session: Session, odd: str) -> None:
    package = "org.apache.cassandra.db.marshal."
    vector = f"vector<'{package}LexicalUUIDType', 1>" if has_vectors() else f"list<'{package}LexicalUUIDType'>"
    # 4.0 has no type of that name.
    legacy = "LegacyTimeUUIDType" if server_under_test().is_at_least("4.1") else "TimeUUIDType"
    own_session.execute(
        f"CREATE TABLE customs (id int PRIMARY KEY, lexical '{package}LexicalUUIDType', old '{package}DateType',"
        f" legacy '{package}{legacy}', l list<'{package}LexicalUUIDType'>,"
        f" v {vector}, n '{package}Int32Type',"
        f" pair '{package}CompositeType({package}Int32Type, {package}UTF8Type)',"
        f" pairs '{package}DynamicCompositeType(a=>{package}Int32Type)', e '{package}EmptyType')"
    )
    value = "5132b130-ae79-11e4-ab27-0800200c9a66"
    own_session.execute(
        "INSERT INTO customs (id, lexical, old, legacy, l, v, n, pair, pairs)"
        f" VALUES (1, {value}, 5, {value}, ['{value}'], ['{value}'], 7, '7:x', 'a@7')"
    )
    table, _ = read_arrow_table(own_session, odd, "customs", overrides={"lexical": "uuid"})
    assert table.column("old").type == pa.timestamp("ms", "UTC")
    assert table.drop_columns("old").to_pylist() == [
        {
            "id": 1,
            "e": None,
            "l": [value],
            "legacy": value,
            "lexical": uuid.UUID(value),
            "n": 7,
            "pair": b"\0\4\0\0\0\7\0" + b"\0\1x\0",
            "pairs": b"\x80a\0\4\0\0\0\7\0",
            "v": [value],
        }
    ]


def test_any_type_can_be_the_bytes_of_the_server(own_session: Session, odd: str) -> None:
    own_session.execute("CREATE TABLE as_bytes (id int PRIMARY KEY, d decimal, l list<int>)")
    own_session.execute("INSERT INTO as_bytes (id, d, l) VALUES (1, 1.50, [7])")
    assert rows_of(own_session, odd, "as_bytes", id="binary", d="binary", l="binary") == [
        {"id": b"\0\0\0\1", "d": b"\0\0\0\2\0\x96", "l": b"\0\0\0\1\0\0\0\4\0\0\0\7"}
    ]
