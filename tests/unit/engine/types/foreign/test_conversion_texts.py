from __future__ import annotations

import datetime
import uuid

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.types.cells.cells import MisfitCellError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.families.durations import read_duration
from airflow_provider_cqlai.engine.types.families.vectors import LEXICAL_UUID_CLASS
from airflow_provider_cqlai.engine.types.foreign.conversion import CONVERSION_ERRORS
from tests.conversions import convert, encode, plan

NANOSECONDS = 14_706_007_008_009
TIME_BASED = "a4a70900-24e1-11df-8924-001ff3591711"


@pytest.mark.parametrize(
    ("text", "months", "days", "nanoseconds"),
    [
        ("1y2mo3d4h5m6s7ms8us9ns", 14, 3, NANOSECONDS),
        ("-1y2mo3d4h5m6s7ms8us9ns", -14, -3, -NANOSECONDS),
        ("1Y2MO3D4H", 14, 3, 14_400_000_000_000),
        ("1d", 0, 1, 0),
        ("-1h", 0, 0, -3_600_000_000_000),
        ("1w2d", 0, 9, 0),
        ("1µs", 0, 0, 1_000),
        ("1m", 0, 0, 60_000_000_000),
        ("1M", 0, 0, 60_000_000_000),
        ("1mo", 1, 0, 0),
        ("0d", 0, 0, 0),
        ("2147483647mo2147483647d9223372036854775807ns", 2**31 - 1, 2**31 - 1, 2**63 - 1),
        ("178956970y", 2_147_483_640, 0, 0),
        ("P1Y2M3DT4H5M6S", 14, 3, 14_706_000_000_000),
        ("-P1Y2M3DT4H5M6S", -14, -3, -14_706_000_000_000),
        ("P1Y2M3D", 14, 3, 0),
        ("P1M", 1, 0, 0),
        ("PT5M", 0, 0, 300_000_000_000),
        ("PT0S", 0, 0, 0),
        ("P2W", 0, 14, 0),
        ("-P2W", 0, -14, 0),
        ("P0001-02-03T04:05:06", 14, 3, 14_706_000_000_000),
        ("P0DT0H0M1.5S", 0, 0, 1_500_000_000),
        ("PT0.000000001S", 0, 0, 1),
    ],
)
def test_durations_are_read_as_cassandra_reads_them(text: str, months: int, days: int, nanoseconds: int) -> None:
    assert read_duration(text) == (months, days, nanoseconds)


@pytest.mark.parametrize(
    "text",
    ["", "-", "P", "PT", "P1DT", "1h1y", "1d1d", "1ms2s", "1h 2m", " 1h", "1h\n", "+1h", "p1d", "P-1D", "P1W2D", "1.5h",
     "--1h", "1", "h", "2147483648mo", "178956971y", "2147483648d", "9223372036854775808ns", "2562047788015h",
     "9" * 5_000 + "ns", "P1.5D", "PT1.0000000001S", "1 day", "\u0661d"],
)  # fmt: skip
def test_texts_that_are_no_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        read_duration(text)


def test_a_column_of_duration_texts() -> None:
    assert convert("duration", pa.array(["1mo", None, "-1d"])).to_pylist() == [
        {"months": 1, "days": 0, "nanoseconds": 0},
        None,
        {"months": 0, "days": -1, "nanoseconds": 0},
    ]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2024-01-01 00:00:00.123+0000", 1_704_067_200_123),
        ("2024-01-01T00:00:00Z", 1_704_067_200_000),
        ("2024-01-01T00:00:00.12", 1_704_067_200_120),
        ("2024-01-01 00:00:00", 1_704_067_200_000),
        ("2024-01-01T00:00", 1_704_067_200_000),
        ("2024-01-01", 1_704_067_200_000),
        ("2024-01-01+0100", 1_704_063_600_000),
        ("2024-01-01 00:00:00+01:00", 1_704_063_600_000),
        ("2024-01-01 00:00:00 -01:30", 1_704_072_600_000),
        ("2024-01-01T00:00:00+01", 1_704_063_600_000),
        ("2024-01-01 00:00:00 UTC", 1_704_067_200_000),
        ("2024-01-01 00:00:00.123000+00:00", 1_704_067_200_123),
        ("2024-02-29T23:59:59.999000000Z", 1_709_251_199_999),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01", -62_135_596_800_000),
        # As directories and as text formats have it.
        ("10000-01-01T00:00:00.000Z", 253_402_300_800_000),
        ("+10000-01-01T00:00:00.000Z", 253_402_300_800_000),
        ("-0001-01-01T00:00:00Z", -62_198_755_200_000),
    ],
)
def test_timestamps_as_cassandra_pandas_and_iso_8601_write_them(text: str, milliseconds: int) -> None:
    assert convert("timestamp", pa.array([text, None])).view(pa.int64()).to_pylist() == [milliseconds, None]


@pytest.mark.parametrize(
    "text",
    ["", " 2024-01-01", "2024-01-01 ", "2024-1-1", "20240101", "1700000000000", "2024-02-30", "2023-02-29",
     "2024-13-01", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z", "2024-01-01t00:00:00z", "2024-01-01T00:00:00,5Z",
     "now", "2024-01-01T00:00:00 Europe/Berlin", "2024-01-01T00:00:00+19:00", "2024-W01-1",
     "2024-01-01T00", "24-01-01"],
)  # fmt: skip
def test_texts_that_are_no_moments_are_refused_also_where_losses_are_allowed(text: str) -> None:
    for is_lossy_allowed in (False, True):
        with pytest.raises(CONVERSION_ERRORS, match="a text"):
            convert("timestamp", pa.array([text]), is_lossy_allowed=is_lossy_allowed)


def test_texts_finer_than_milliseconds_are_refused_or_cut() -> None:
    array = pa.array(["2024-01-01T00:00:00.123456Z", "1969-12-31T23:59:59.999999999Z"])
    with pytest.raises(CONVERSION_ERRORS, match="finer than a millisecond"):
        convert("timestamp", array)
    found = convert("timestamp", array, is_lossy_allowed=True).view(pa.int64()).to_pylist()
    assert found == [1_704_067_200_123, -1]


@pytest.mark.parametrize(
    ("text", "days"),
    [("1970-01-01", 0), ("1969-12-31", -1), ("2000-02-29", 11_016), ("1900-03-01", -25_508), ("0000-01-01", -719_528),
     ("-5877641-06-23", -(2**31)), ("+5881580-07-11", 2**31 - 1), ("12024-01-01", 3_672_148)],
)  # fmt: skip
def test_dates_of_any_year(text: str, days: int) -> None:
    assert convert("date", pa.array([text, None])).view(pa.int32()).to_pylist() == [days, None]


@pytest.mark.parametrize("unusual", [[], ["+02024-01-01"]], ids=["usual", "unusual"])
def test_dates_and_moments_agree_with_the_calendar_of_python(unusual: list[str]) -> None:
    first = datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)
    step = datetime.timedelta(days=401, hours=5, milliseconds=1)
    moments = [first + step * number for number in range(9_000)]
    dates = [moment.date() for moment in moments]
    count = len(moments)
    found = plan("date", pa.string())(pa.array([*map(str, dates), *unusual]))
    assert found[:count].to_pylist() == dates
    for timespec, form in (("milliseconds", "Z"), ("microseconds", "+00:00"), ("milliseconds", "")):
        texts = [moment.isoformat(timespec=timespec).replace("+00:00", form) for moment in moments]
        found = plan("timestamp", pa.string())(pa.array([*texts, *unusual]))
        assert found[:count].to_pylist() == moments


@pytest.mark.parametrize(
    "text", ["", "2024-1-1", " 2024-01-01", "2024-01-01T00:00:00", "0", "2024-02-30", "2024-00-01"]
)
def test_texts_that_are_no_dates_are_refused(text: str) -> None:
    with pytest.raises(CONVERSION_ERRORS, match="a text"):
        convert("date", pa.array([text]))


@pytest.mark.parametrize("text", ["-5877641-06-22", "+5881580-07-12", "999999999-01-01"])
def test_dates_beyond_32_bits_of_days_are_refused(text: str) -> None:
    with pytest.raises(CONVERSION_ERRORS):
        convert("date", pa.array([text]))


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("12:34:56.123456789", 45_296_123_456_789), ("12:34:56", 45_296_000_000_000), ("00:00", 0),
     ("12:34:56.1", 45_296_100_000_000), ("23:59:59.999999999", 86_399_999_999_999)],
)  # fmt: skip
def test_times_keep_nanoseconds(text: str, nanoseconds: int) -> None:
    assert convert("time", pa.array([text, None])).view(pa.int64()).to_pylist() == [nanoseconds, None]


@pytest.mark.parametrize("text", ["", "24:00:00", "12:60:00", "12:34:60", "1:2:3", " 12:34:56", "12:34:56Z", "123456",
                                  "12:34:56.1234567891", "12:34:56."])  # fmt: skip
def test_texts_that_are_no_times_are_refused(text: str) -> None:
    with pytest.raises(CONVERSION_ERRORS, match="a text"):
        convert("time", pa.array([text]))


@pytest.mark.parametrize("form", ["{}", "{{{}}}", "urn:uuid:{}"])
@pytest.mark.parametrize("is_upper", [False, True])
def test_uuids_in_every_usual_form(form: str, is_upper: bool) -> None:
    for text in (TIME_BASED, TIME_BASED.replace("-", "")):
        written = form.format(text.upper() if is_upper else text)
        for cql_type in ("uuid", "timeuuid", CqlType("custom", custom_class=LEXICAL_UUID_CLASS)):
            assert convert(cql_type, pa.array([None, written])).to_pylist() == [None, TIME_BASED]


@pytest.mark.parametrize(
    "text",
    ["", f" {TIME_BASED}", f"{TIME_BASED}\n", TIME_BASED[:-1], f"{{{TIME_BASED}", f"{TIME_BASED}}}",
     "a4a70900_24e1_11df_8924_001ff3591711", "a4a7-090024e1-11df-8924-001ff3591711",
     "a4a70900-24e111df-8924-001ff3591711", "a4a7090024e1-11df-8924-001ff3591711", "a4a7090024e111df8924001ff359_711",
     "g" + TIME_BASED[1:]],
)  # fmt: skip
def test_texts_that_are_no_uuids_are_refused(text: str) -> None:
    with pytest.raises(CONVERSION_ERRORS, match="not a uuid"):
        convert("uuid", pa.array([text]))


@pytest.mark.parametrize(
    "arrow_type", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(16), pa.uuid()], ids=str
)
def test_16_bytes_are_uuids(arrow_type: pa.DataType) -> None:
    raw = uuid.UUID(TIME_BASED).bytes
    is_uuid = arrow_type == pa.uuid()
    storage = pa.array([raw, None, raw], pa.binary(16) if is_uuid else arrow_type)
    array = pa.ExtensionArray.from_storage(pa.uuid(), storage) if is_uuid else storage
    for cql_type in ("uuid", "timeuuid"):
        assert encode(cql_type, array) == [raw, None, raw]


@pytest.mark.parametrize("size", [0, 15, 17])
def test_other_numbers_of_bytes_are_no_uuids(size: int) -> None:
    with pytest.raises(CONVERSION_ERRORS, match="widths must match"):
        convert("uuid", pa.array([bytes(size)]))
    with pytest.raises(UnsupportedTypeError):
        plan("uuid", pa.binary(size or 1))


def test_uuids_of_other_versions_are_no_timeuuids() -> None:
    random = uuid.UUID("550e8400-e29b-41d4-a716-446655440000")
    texts, storage = pa.array([TIME_BASED, None, str(random)]), pa.array([uuid.UUID(TIME_BASED).bytes, random.bytes])
    for array in (
        texts,
        pa.array([random.hex.upper()]),
        storage,
        storage.cast(pa.binary(16)),
        pa.ExtensionArray.from_storage(pa.uuid(), storage.cast(pa.binary(16))),
        pa.ExtensionArray.from_storage(pa.uuid(), storage.cast(pa.binary(16))).slice(1),
    ):
        with pytest.raises(CONVERSION_ERRORS, match="not of version 1"):
            plan("timeuuid", array.type)(array)
    assert convert("timeuuid", texts.slice(0, 2)).to_pylist() == [TIME_BASED, None]
    assert convert("uuid", texts).to_pylist() == texts.to_pylist()


@pytest.mark.parametrize(
    "arrow_type",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.large_string())],
    ids=str,
)
def test_texts_of_any_kind_keep_blanks_and_empty_texts(arrow_type: pa.DataType) -> None:
    texts = ["", " a ", None, "ü😀"]
    assert convert("text", pa.array(texts).cast(arrow_type)).to_pylist() == texts


def test_text_that_is_not_utf8_or_not_ascii_is_refused() -> None:
    broken = pa.array([b"a", b"\xff"]).view(pa.string())
    for cql_type in ("text", "ascii"):
        with pytest.raises(CONVERSION_ERRORS, match="UTF8"):
            plan(cql_type, pa.string())(broken)
    with pytest.raises(MisfitCellError, match="more than ascii"):
        encode("ascii", pa.array(["ü"]))
    for arrow_type in (pa.binary(), pa.int32(), pa.bool_(), pa.uuid(), pa.date32()):
        with pytest.raises(UnsupportedTypeError, match="cannot become text"):
            plan("text", arrow_type)


def test_inet_texts_keep_their_family() -> None:
    texts = ["1.2.3.4", "::ffff:1.2.3.4", "::1", None]
    v4 = bytes([1, 2, 3, 4])
    assert encode("inet", pa.array(texts)) == [v4, bytes(10) + b"\xff\xff" + v4, bytes(15) + b"\1", None]
    for text in ("", " 1.2.3.4", "1.2.3", "01.2.3.4", "fe80::1%eth0", "localhost", "10.0.0.0/8"):
        with pytest.raises(MisfitCellError, match="not an IP address"):
            encode("inet", pa.array([text]))


@pytest.mark.parametrize(
    "arrow_type",
    [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2), pa.dictionary(pa.int8(), pa.binary())],
    ids=str,
)  # fmt: skip
def test_bytes_of_any_kind_are_blobs(arrow_type: pa.DataType) -> None:
    values = [b"\0\xff", None, b"ab"]
    array = pa.array(values, pa.binary())
    is_dictionary = pa.types.is_dictionary(arrow_type)
    assert convert("blob", array.dictionary_encode() if is_dictionary else array.cast(arrow_type)).to_pylist() == values
    for other in (pa.string(), pa.uuid(), pa.int64()):
        with pytest.raises(UnsupportedTypeError, match="cannot become blob"):
            plan("blob", other)
