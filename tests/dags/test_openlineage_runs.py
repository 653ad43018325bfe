"""What OpenLineage's own provider says about an export, an import and a capture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.dags.airflow_home import AirflowHome
from tests.dags.readings import PLACES, ROWS

if TYPE_CHECKING:
    pass

pytest.importorskip("airflow.providers.openlineage", reason="OpenLineage's provider is optional")


EVENTS_FILE = "lineage.json"


def read_complete_event(home: AirflowHome, dag_id: str) -> dict[str, Any]:
    """The one event that tells that a task of the DAG ended well."""
    emitted = [json.loads(line) for line in (home.directory / EVENTS_FILE).read_text().splitlines()]
    [complete] = [
        event
        for event in emitted
        if event["eventType"] == "COMPLETE" and event.get("outputs") and event["job"]["name"].startswith(f"{dag_id}.")
    ]
    return dict(complete)


def address_of(connection: dict[str, Any]) -> str:
    return f"cassandra://{connection['host']}:{connection['port']}"


def test_an_export_leads_from_the_table_to_the_dataset(home: AirflowHome, cassandra_connection: dict[str, Any]) -> None:
    complete = read_complete_event(home, "berlin_window")
    [source], [target] = complete["inputs"], complete["outputs"]
    address = address_of(cassandra_connection)
    assert (source["namespace"], source["name"]) == (address, f"{cassandra_connection['schema']}.events")
    assert (target["namespace"], target["name"]) == ("file", str(home.lake / "berlin_window"))
    types = {field["name"]: field["type"] for field in source["facets"]["schema"]["fields"]}
    assert types == {"device": "text", "day": "date", "event_id": "timeuuid", "kind": "text", "amount": "decimal"}
    assert target["outputFacets"]["outputStatistics"]["rowCount"] == home.returned("berlin_window")[0]["rows"]


def test_an_import_leads_from_the_files_to_the_table(
    home: AirflowHome, shared_keyspace: str, cassandra_connection: dict[str, Any]
) -> None:
    complete = read_complete_event(home, "import_lineage")
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
    home: AirflowHome, cassandra_connection: dict[str, Any]
) -> None:
    complete = read_complete_event(home, "capture_lineage")
    address = address_of(cassandra_connection)
    assert {(source["namespace"], source["name"]) for source in complete["inputs"]} == {
        (address, f"{cassandra_connection['schema']}.events"),
        (address, "system_schema.keyspaces"),
    }
    [target] = complete["outputs"]
    assert (target["namespace"], target["name"]) == ("file", str(home.lake / "capture_lineage"))
    assert target["outputFacets"]["outputStatistics"]["rowCount"] == home.returned("capture_lineage")[0]["rows"]
