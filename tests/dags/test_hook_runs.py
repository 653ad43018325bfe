"""`CqlaiHook.copy_to` and `copy_from` in tasks, through ``dag.test()``, on Airflow 2.11 and 3.x."""

from __future__ import annotations

from tests.dags.airflow_home import AirflowHome
from tests.dags.event_rows import Events
from tests.dags.published_ids import read_ids


def test_a_function_exports_and_imports_the_window_of_its_run(home: AirflowHome, events: Events) -> None:
    start, end = "2024-01-03T00:00:00+00:00", "2024-01-04T00:00:00+00:00"
    expected = events.between(start, end)
    assert sorted(read_ids(home.lake / "by_the_hook")) == sorted(expected)
    [exported] = home.returned("by_the_hook", "export")
    assert (exported["window_start"], exported["window_end"], exported["rows"]) == (start, end, len(expected))
    [loaded] = home.returned("by_the_hook", "load")
    assert loaded["rows"] == loaded["count"] == len(expected)
    [event] = home.asset_events("by_the_hook_dataset")
    assert (event["path"], event["rows"]) == (exported["path"], len(expected))
    [event] = home.asset_events("by_the_hook_table")
    assert event["rows"] == len(expected)
    # The journal ends with the import.
    assert [text for text in home.variables("cqlai_import_") if "by_the_hook" in text] == []
