"""What OpenLineage's own provider says about an export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import MakeHome
from tests.dags.event_rows import Events

pytest.importorskip("airflow.providers.openlineage", reason="OpenLineage's provider is optional")


def test_an_export_leads_from_the_table_to_the_dataset(
    make_home: MakeHome, events: Events, cassandra_connection: dict[str, Any], tmp_path: Path
) -> None:
    written = tmp_path / "events.json"
    transport = {"type": "file", "log_file_path": str(written), "append": True}
    home = make_home(AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps(transport))
    home.test_dags([{"dag_id": "berlin_window", "logical_date": "2024-06-01T00:00:00+00:00"}])

    emitted = [json.loads(line) for line in written.read_text().splitlines()]
    [complete] = [event for event in emitted if event["eventType"] == "COMPLETE" and event.get("outputs")]
    [source], [target] = complete["inputs"], complete["outputs"]
    address = f"cassandra://{cassandra_connection['host']}:{cassandra_connection['port']}"
    assert (source["namespace"], source["name"]) == (address, f"{cassandra_connection['schema']}.events")
    assert (target["namespace"], target["name"]) == ("file", str(home.lake / "berlin_window"))
    types = {field["name"]: field["type"] for field in source["facets"]["schema"]["fields"]}
    assert types == {"device": "text", "day": "date", "event_id": "timeuuid", "kind": "text", "amount": "decimal"}
    assert target["outputFacets"]["outputStatistics"]["rowCount"] == home.returned("berlin_window")[0]["rows"]
