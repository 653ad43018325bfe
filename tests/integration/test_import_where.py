"""``where``, ``skip_rows`` and ``max_rows`` on a real server: exactly the rows asked for, and no page more."""

from __future__ import annotations

import datetime
import decimal
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError, OptionError
from tests.integration.import_cases import import_files, rows_of, write_parquet

IDS = [uuid.UUID(int=number) for number in range(4)]
SPELLED = uuid.UUID("ab32b130-ae79-11e4-ab27-0800200c9a6f")
DAYS = [datetime.datetime(2024, 1, day, 12, tzinfo=datetime.timezone.utc) for day in (1, 2, 3)]
# Row k has place k in each list.
COLUMNS: dict[str, Any] = {
    "k": pa.array([0, 1, 2, 3], pa.int32()),
    "n": pa.array([10, 20, None, 40], pa.int64()),
    "price": pa.array([decimal.Decimal("1.50"), decimal.Decimal("2.25"), None, decimal.Decimal("-1")]).cast(
        pa.decimal128(10, 2)
    ),
    "at": pa.array([*DAYS, None], pa.timestamp("ms", "UTC")),
    "naive": pa.array([*(day.replace(tzinfo=None) for day in DAYS), None], pa.timestamp("us")),
    "day": pa.array([*(day.date() for day in DAYS), None], pa.date32()),
    "id": pa.array([str(found) for found in IDS], pa.string()),
    "spelled": pa.array([str(SPELLED).upper(), f"{{{SPELLED}}}", None, f"urn:uuid:{SPELLED.hex}"], pa.string()),
    "raw_id": pa.array([found.bytes for found in IDS], pa.uuid()),
    "kind": pa.array(["a", "b", None, "a"]).dictionary_encode(),
    "ratio": pa.array([0.5, float("nan"), None, 2.0], pa.float64()),
    "is_new": pa.array([True, False, None, True]),
    "x": pa.array([[1], [2], None, []], pa.list_(pa.int32())),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_parquet(tmp_path_factory.mktemp("where") / "w.parquet", **COLUMNS)


def select(session: Session, keyspace: str, path: str, where: Any) -> list[int]:
    """The keys that an import with ``where`` writes."""
    session.execute(f"CREATE TABLE {keyspace}.w (k int PRIMARY KEY)")
    import_files(session, keyspace, "w", path, where=where, on_extra_column="ignore")
    return [k for (k,) in rows_of(session, keyspace, "w")]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("n=20", [1]),
        ("n=20,kind=b", [1]),
        ("n=20,kind=a", []),
        ([("n", "=", 20)], [1]),
        ([("n", "==", 20.0)], [1]),
        ([["n", "!=", 20]], [0, 3]),
        ([("n", "<", 20)], [0]),
        ([("n", "<=", 20)], [0, 1]),
        ([("n", ">", "10"), ("n", "<", 40)], [1]),
        ([("n", ">=", 20)], [1, 3]),
        ([("n", "=", None)], [2]),
        ([("n", "!=", None)], [0, 1, 3]),
        ([("n", "in", [10, 40])], [0, 3]),
        ([("n", "in", [10, None])], [0, 2]),
        ([("n", "in", [None])], [2]),
        ([("n", "in", [])], []),
        ([("n", "not in", [10])], [1, 2, 3]),
        ([("n", "not in", [10, None])], [1, 3]),
        ([("n", "not in", [])], [0, 1, 2, 3]),
        ([("n", "in", {"10", 20})], [0, 1]),
        ([("price", ">", decimal.Decimal("1.5"))], [1]),
        ([("price", "=", "1.5")], [0]),
        ([("price", "in", ["-1", decimal.Decimal("2.25")])], [1, 3]),
        ([("at", ">=", DAYS[1])], [1, 2]),
        ([("at", ">=", datetime.date(2024, 1, 2))], [1, 2]),
        ([("at", "<", "2024-01-02")], [0]),
        ([("at", "=", "2024-01-02T14:00:00+02:00")], [1]),
        ([("naive", ">", "2024-01-02 12:00:00")], [2]),
        ([("naive", "in", [DAYS[0].replace(tzinfo=None), None])], [0, 3]),
        ("day=2024-01-03", [2]),
        ([("day", "<", datetime.date(2024, 1, 2))], [0]),
        (f"id={IDS[2]}", [2]),
        ([("id", "=", IDS[1])], [1]),
        ([("spelled", "=", SPELLED)], [0, 1, 3]),
        ([("spelled", "!=", SPELLED)], []),
        ([("spelled", "in", [IDS[0], SPELLED, None])], [0, 1, 2, 3]),
        ([("spelled", "not in", [SPELLED])], [2]),
        ([("raw_id", "=", str(IDS[3]))], [3]),
        ([("raw_id", "in", [IDS[0], str(IDS[1])])], [0, 1]),
        ("kind=a", [0, 3]),
        ([("kind", "not in", ["a"])], [1, 2]),
        ([("kind", "=", None)], [2]),
        ([("ratio", ">", 0.5)], [3]),
        ([("ratio", "!=", 0.5)], [1, 3]),
        ("is_new=true", [0, 3]),
        ([("is_new", "=", False)], [1]),
        ([("x", "=", None)], [2]),
    ],
)
def test_where_selects(session: Session, keyspace: str, path: str, where: Any, expected: list[int]) -> None:
    assert select(session, keyspace, path, where) == expected


@pytest.mark.parametrize(
    "where",
    [
        "absent=1",
        "n=ten",
        [("n", "=", 1.5)],
        [("n", "=", 2**70)],
        [("n", "<", None)],
        [("at", "=", DAYS[0].replace(microsecond=1))],
        [("x", "=", [1])],
        [("day", "=", "yesterday")],
        [("raw_id", "=", "no uuid")],
        [("id", "<", IDS[1])],
        [("id", "in", [IDS[1], "no uuid"])],
        [("is_new", "=", 1)],
        [("price", "=", "1.555")],
    ],
)
def test_condition_that_a_column_cannot_meet_is_a_problem_of_the_plan(
    session: Session, keyspace: str, path: str, where: Any
) -> None:
    with pytest.raises(ImportPlanError, match="where") as raised:
        select(session, keyspace, path, where)
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize("where", [[("n", "~", 1)], "n", [("n", "in", 1)], [()], 5, [("", "=", 1)]])
def test_what_is_no_condition_is_an_option_error(session: Session, keyspace: str, path: str, where: Any) -> None:
    with pytest.raises((OptionError, ImportPlanError)):
        select(session, keyspace, path, where)


def corrupt_row_group(path: str, number: int) -> None:
    """Overwrite a row group's pages; the footer stays."""
    metadata = pq.read_metadata(path).row_group(number)
    content = bytearray(Path(path).read_bytes())
    for index in range(metadata.num_columns):
        column = metadata.column(index)
        start = column.dictionary_page_offset or column.data_page_offset
        content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    Path(path).write_bytes(content)


def test_row_groups_that_statistics_rule_out_are_not_read(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.g (k int PRIMARY KEY, v text)")
    values = [f"value {number}" for number in range(400)]
    path = write_parquet(tmp_path / "g.parquet", row_group_size=100, k=list(range(400)), v=values)
    for number in (0, 1, 3):
        corrupt_row_group(path, number)
    result = import_files(session, keyspace, "g", path, where=[("k", ">=", 210), ("k", "<", 290)])
    assert (result.rows, result.skipped_rows) == (80, 320)
    assert {k for k, _ in rows_of(session, keyspace, "g")} == set(range(210, 290))


def test_nan_differs_from_the_only_number_of_its_row_group(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.odd (k int PRIMARY KEY)")
    path = write_parquet(tmp_path / "nan.parquet", k=[1, 2], v=[5.0, float("nan")])
    for number, where in enumerate(([("v", "!=", 5.0)], [("v", "not in", [5.0])]), 1):
        result = import_files(session, keyspace, "odd", path, where=where, on_extra_column="ignore")
        assert (number, result.rows) == (number, 1)
    assert rows_of(session, keyspace, "odd") == [(2,)]


def test_row_groups_that_are_skipped_as_a_whole_are_not_read(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.s (k int PRIMARY KEY)")
    paths = [
        write_parquet(tmp_path / f"{file}.parquet", row_group_size=100, k=list(range(file * 400, file * 400 + 400)))
        for file in range(2)
    ]
    for number in (0, 1, 3):
        corrupt_row_group(paths[0], number)
    for number in range(4):
        corrupt_row_group(paths[1], number)
    result = import_files(session, keyspace, "s", paths, skip_rows=250, max_rows=50)
    assert (result.rows, result.skipped_rows) == (50, 750)
    assert {k for (k,) in rows_of(session, keyspace, "s")} == set(range(250, 300))


@pytest.mark.parametrize(("skip_rows", "max_rows"), [(0, 10), (95, 10), (150, None), (199, 5), (0, 0), (500, 1)])
def test_skip_and_max_rows_count_selected_rows(
    session: Session, keyspace: str, tmp_path: Path, skip_rows: int, max_rows: int | None
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.m (k int PRIMARY KEY)")
    for file in range(2):
        numbers = list(range(file * 200, file * 200 + 200))
        write_parquet(
            tmp_path / f"{file}.parquet", row_group_size=30, k=numbers, parity=[number % 2 for number in numbers]
        )
    options = {"where": "parity=1", "skip_rows": skip_rows, "max_rows": max_rows}
    result = import_files(session, keyspace, "m", str(tmp_path), **options)
    expected = list(range(1, 400, 2))[skip_rows:][:max_rows]
    assert (result.rows, result.skipped_rows) == (len(expected), 400 - len(expected))
    assert {k for (k,) in rows_of(session, keyspace, "m")} == set(expected)


def test_where_and_partition_filter_together(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.h (year int, k int, v int, PRIMARY KEY (year, k))")
    for year in (2023, 2024):
        write_parquet(tmp_path / f"year={year}" / "a.parquet", k=[1, 2, 3], v=[1, 2, 3])
    result = import_files(session, keyspace, "h", str(tmp_path), partition_filter="year=2024", where=[("v", ">", 1)])
    assert (len(result.files), result.rows) == (1, 2)
    assert rows_of(session, keyspace, "h") == [(2024, 2, 2), (2024, 3, 3)]


def test_where_names_columns_as_the_files_do(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.c (k int PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "c.parquet", k=[1, 2], file_v=[5, 6], other=["x", "y"])
    mapping = {"file_v": "v"}
    import_files(session, keyspace, "c", path, where="file_v=6,other=y", column_mapping=mapping)
    assert rows_of(session, keyspace, "c") == [(2, 6)]
    with pytest.raises(ImportPlanError, match="lacks column v"):
        import_files(session, keyspace, "c", path, where="v=6", column_mapping=mapping, on_extra_column="ignore")


def test_where_on_a_name_that_two_columns_have_is_a_problem(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.two (k int PRIMARY KEY)")
    path = str(tmp_path / "two.parquet")
    pq.write_table(pa.table([[1, 2], [1, 2], [3, 4]], names=["k", "v", "v"]), path)
    with pytest.raises(ImportPlanError, match="2 columns are named v"):
        import_files(session, keyspace, "two", path, where="v=1", on_extra_column="ignore")
    write_parquet(tmp_path / "in" / "year=2024" / "a.parquet", k=[1])
    with pytest.raises(ImportPlanError, match="partition_filter looks at directories"):
        import_files(session, keyspace, "two", str(tmp_path / "in"), where="year=2024")


def test_texts_and_bytes_that_are_stored_as_views(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.views (k int PRIMARY KEY, s text, b blob, l list<text>)")
    path = write_parquet(
        tmp_path / "views.parquet",
        row_group_size=2,
        k=pa.array([1, 2, None, 4], pa.int32()),
        s=pa.array(["a", "b", "b", None], pa.string_view()),
        b=pa.array([b"a", b"b", b"b", None], pa.binary_view()),
        l=pa.array([["a"], ["b"], ["b"], None], pa.list_(pa.string_view())),
    )
    rejected = tmp_path / "rejected.parquet"
    options = {"where": [("s", "=", "b"), ("b", ">", "a")], "max_errors": 1, "rejected_path": str(rejected)}
    import_files(session, keyspace, "views", path, **options)
    assert rows_of(session, keyspace, "views", "k, s, b, l") == [(2, "b", b"b", ["b"])]
    assert pq.read_table(rejected).select(["s", "b", "l"]).to_pylist() == [{"s": "b", "b": b"b", "l": ["b"]}]


def test_statistics_of_other_columns_count_beside_those_that_cannot(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.beside (k int PRIMARY KEY)")
    path = tmp_path / "beside.parquet"
    columns = {
        "k": pa.array([1, 2, 3, 4], pa.int32()),
        "s": pa.array(["a", "b", "b", "b"], pa.string_view()),
        "at": pa.array([*DAYS, None], pa.timestamp("us")),
    }
    pq.write_table(pa.table(columns), path, row_group_size=2, use_deprecated_int96_timestamps=True)
    corrupt_row_group(str(path), 1)
    conditions = [("s", "=", "b"), ("at", "<", "9999-12-31"), ("k", "<", 3)]
    import_files(session, keyspace, "beside", str(path), where=conditions, on_extra_column="ignore")
    assert rows_of(session, keyspace, "beside") == [(2,)]
