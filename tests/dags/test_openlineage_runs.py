"""What OpenLineage's own provider says about an export, an import and a capture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dags.conftest import MakeHome
from tests.dags.event_rows import Events
from tests.dags.readings import PLACES, ROWS, create_tables, write_readings

if TYPE_CHECKING:
    from cassandra.cluster import Session

pytest.importorskip("airflow.providers.openlineage", reason="OpenLineage's provider is optional")


def write_to(file: Path) -> str:
    """OpenLineage's configuration that appends its events to a file."""
    return json.dumps({"type": "file", "log_file_path": str(file), "append": True})


def read_complete_event(file: Path) -> dict[str, Any]:
    """The one event that tells of a task that ended well."""
    emitted = [json.loads(line) for line in file.read_text().splitlines()]
    [complete] = [event for event in emitted if event["eventType"] == "COMPLETE" and event.get("outputs")]
    return dict(complete)


def address_of(connection: dict[str, Any]) -> str:
    return f"cassandra://{connection['host']}:{connection['port']}"


def test_an_export_leads_from_the_table_to_the_dataset(
    make_home: MakeHome, events: Events, cassandra_connection: dict[str, Any], tmp_path: Path
) -> None:
    written = tmp_path / "events.json"
    home = make_home(AIRFLOW__OPENLINEAGE__TRANSPORT=write_to(written))
    home.test_dags([{"dag_id": "berlin_window", "logical_date": "2024-06-01T00:00:00+00:00"}])

    complete = read_complete_event(written)
    [source], [target] = complete["inputs"], complete["outputs"]
    address = address_of(cassandra_connection)
    assert (source["namespace"], source["name"]) == (address, f"{cassandra_connection['schema']}.events")
    assert (target["namespace"], target["name"]) == ("file", str(home.lake / "berlin_window"))
    types = {field["name"]: field["type"] for field in source["facets"]["schema"]["fields"]}
    assert types == {"device": "text", "day": "date", "event_id": "timeuuid", "kind": "text", "amount": "decimal"}
    assert target["outputFacets"]["outputStatistics"]["rowCount"] == home.returned("berlin_window")[0]["rows"]


def test_an_import_leads_from_the_files_to_the_table(
    make_home: MakeHome, session: Session, shared_keyspace: str, cassandra_connection: dict[str, Any], tmp_path: Path
) -> None:
    written = tmp_path / "events.json"
    home = make_home(AIRFLOW__OPENLINEAGE__TRANSPORT=write_to(written))
    write_readings(home.lake)
    create_tables(session, shared_keyspace, ["import_lineage"])
    home.test_dags([{"dag_id": "import_lineage"}])

    complete = read_complete_event(written)
    files = {str(home.lake / "readings" / f"place={place}" / "part-00000.parquet") for place in PLACES}
    assert {(source["namespace"], source["name"]) for source in complete["inputs"]} == {
        ("file", file) for file in files
    }
    [target] = complete["outputs"]
    assert (target["namespace"], target["name"]) == (
        address_of(cassandra_connection),
        f"{shared_keyspace}.import_lineage",
    )
    types = {field["name"]: field["type"] for field in target["facets"]["schema"]["fields"]}
    assert types == {"place": "text", "sensor": "int", "value": "double"}
    assert target["outputFacets"]["outputStatistics"]["rowCount"] == ROWS


def test_a_capture_leads_from_the_tables_of_all_queries_to_the_dataset(
    make_home: MakeHome, events: Events, cassandra_connection: dict[str, Any], tmp_path: Path
) -> None:
    written = tmp_path / "events.json"
    home = make_home(AIRFLOW__OPENLINEAGE__TRANSPORT=write_to(written))
    home.test_dags([{"dag_id": "capture_lineage"}])

    complete = read_complete_event(written)
    address = address_of(cassandra_connection)
    assert {(source["namespace"], source["name"]) for source in complete["inputs"]} == {
        (address, f"{cassandra_connection['schema']}.events"),
        (address, "system_schema.keyspaces"),
    }
    [target] = complete["outputs"]
    assert (target["namespace"], target["name"]) == ("file", str(home.lake / "capture_lineage"))
    assert target["outputFacets"]["outputStatistics"]["rowCount"] == home.returned("capture_lineage")[0]["rows"]
