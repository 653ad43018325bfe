"""The specification's section "Examples": the two complete workflows."""

from __future__ import annotations

import datetime
import re

import duckdb
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.airflow_compat import AirflowFailException
from airflow_provider_cqlai.engine.cassandra.cql_text import split_statements
from tests.acceptance.conftest import Scripts, compressions, read_with_duckdb, spoil, timeuuid
from tests.specification import EXAMPLES

EXPORT_IMPORT = "Examples / Complete Export/Import Workflow"
CAPTURE = "Examples / Complete Partitioned Capture Workflow"


@pytest.mark.specification(EXPORT_IMPORT, 1)
def test_the_complete_export_and_import_workflow(scripts: Scripts) -> None:
    # A name of the test's own in the place of "analytics", which others may have.
    analytics = f"{scripts.keyspace}_analytics"
    try:
        create_keyspace, create, insert, export, archive, load, count = scripts.run(
            EXAMPLES[EXPORT_IMPORT][0].replace("analytics", analytics)
        )
        assert [each["statement"] for each in (create_keyspace, create, insert, archive)] == [
            *("CREATE", "CREATE", "INSERT", "CREATE")
        ]
        assert (export["rows"], load["rows"], count["count"]) == (1, 1, 1)
        assert export["table"] == f"{analytics}.user_events"
        source, archived = (
            scripts.rows(f"SELECT user_id, event_time, event_type, properties, vector FROM {analytics}.{table}")
            for table in ("user_events", "user_events_archive")
        )
        assert source == archived
        assert dict(source[0][3]) == {"page": "home", "button": "signup"}
    finally:
        scripts.cql(f"DROP KEYSPACE IF EXISTS {analytics}")
    assert compressions(scripts.path("/tmp/events.parquet")) == {"ZSTD"}
    [vector] = pq.read_table(scripts.path("/tmp/events.parquet"))["vector"].to_pylist()
    assert vector == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def indexed(text: str) -> str:
    """The workflow with the indexes that its queries need, after its first statement."""
    create = split_statements(text)[0].text
    indexes = "".join(f"CREATE INDEX ON events({column}) USING 'sai';\n" for column in ("event_type", "user_id"))
    return text.replace(f"{create};", f"{create};\n{indexes}")


def read_query(text: str) -> str:
    """The query of the workflow's last comment, for DuckDB."""
    match = re.search(r'duckdb -c "(.*);"', text)
    assert match is not None
    return match[1].replace('\\"', '"')


@pytest.mark.specification(CAPTURE, 1)
def test_the_complete_partitioned_capture_workflow(scripts: Scripts) -> None:
    text = EXAMPLES[CAPTURE][0]
    *_, captured = scripts.run(indexed(text))
    assert [query["rows"] for query in captured["queries"]] == [1, 1, 3]
    today = datetime.datetime.now(datetime.timezone.utc)
    assert scripts.tree("/data/events/") == [f"event_id.year={today:%Y}/event_id.month={today:%m}/part-00000.parquet"]
    root = scripts.path("/data/events")
    assert compressions(root / scripts.tree("/data/events/")[0]) == {"ZSTD"}
    found = read_with_duckdb(f"SELECT event_type, count(*) FROM '{root}/**/*.parquet' GROUP BY ALL")
    assert found == [("login", 2), ("logout", 1), ("purchase", 2)]


def test_its_duckdb_query_opens_the_files_of_january_2024_only(scripts: Scripts) -> None:
    text = EXAMPLES[CAPTURE][0]
    create, *_ = [statement.text for statement in split_statements(text)]
    scripts.run(create)
    scripts.index("events(event_type)", "events(user_id)")
    months = [(2023, 1), (2024, 1), (2024, 2), (2025, 1)]
    rows = [(timeuuid(*month, number), "login", 123) for month in months for number in range(10)]
    scripts.insert("events", "event_id, event_type, user_id", rows)
    capture = text[text.index("CAPTURE PARQUET") : text.index("-- 6.")]
    [captured] = scripts.run(capture)
    assert captured["rows"] == 2 * len(rows)

    root = scripts.path("/data/events")
    query = read_query(text).replace("/data/events", str(root))
    assert query.endswith('WHERE "event_id.year" = 2024 AND "event_id.month" = 1')
    first, *files = sorted(root.glob("**/*.parquet"))
    # DuckDB takes the columns from the first file; to open another one than that of January is to fail.
    spoil(file for file in files if "event_id.year=2024/event_id.month=01" not in str(file))
    found = duckdb.sql(query).fetchall()
    assert {str(row[0]) for row in found} == {str(event_id) for event_id, *_ in rows[10:20]}
    assert len(found) == 20
    assert "event_id.year=2023" in str(first)
    [(_, plan)] = duckdb.sql(f"EXPLAIN ANALYZE {query}").fetchall()
    assert "Scanning Files: 1/4" in plan
    with pytest.raises(duckdb.Error, match="Parquet"):
        duckdb.sql(query.partition(" WHERE ")[0]).fetchall()


def test_cassandra_refuses_the_workflows_queries_without_indexes(scripts: Scripts) -> None:
    reason = "Cannot execute this query as it might involve data filtering"
    with pytest.raises(AirflowFailException, match=rf"QueryError: line 23, SELECT: .*{reason}"):
        scripts.run_example(CAPTURE)
    assert not scripts.path("/data").exists()
    # What ran before stays.
    assert len(scripts.rows("SELECT * FROM events")) == 3
