"""Runs ``dag.test()`` for each DAG and date that its argument, a JSON list, names. A failed run is not an error here.

A process of its own, so that Airflow reads the test's environment; one for many runs, because only the first is slow.
A run may have more of an environment: ``{"dag_id": ..., "environment": {...}}``, or OpenLineage's events.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import sys
from importlib.util import find_spec
from typing import Any
from unittest import mock


def main(runs: list[dict[str, Any]]) -> None:
    from airflow.configuration import conf

    from tests.dags.airflow_home import IS_AIRFLOW_3

    folder = conf.get("core", "dags_folder")
    if IS_AIRFLOW_3:
        from airflow.dag_processing import dagbag

        bag = dagbag.DagBag(folder)
        # Each dag.test() reads all DAG files and stores all DAGs anew, a second or two each time: here the first does.
        for name in ("BundleDagBag", "sync_bag_to_db"):
            setattr(dagbag, name, functools.cache(getattr(dagbag, name)))
    else:
        # Tables of runs refer to the users' table, which only the web server and the command line load.
        import airflow.providers.fab.auth_manager.models  # noqa: F401
        from airflow.models.dagbag import DagBag

        bag = DagBag(folder, include_examples=False)
        # Events of assets unknown to the database are dropped; on 3.x dag.test() does this itself.
        bag.sync_to_db()
    if bag.import_errors:
        sys.exit(f"DAG files with errors: {bag.import_errors}")
    for run in runs:
        date = run.get("logical_date")
        moment = datetime.datetime.fromisoformat(date) if date else None
        name = "logical_date" if IS_AIRFLOW_3 else "execution_date"
        dag = bag.dags[run["dag_id"]]
        if run.get("has_lineage") and find_spec("airflow.providers.openlineage") is not None:
            from airflow.providers.openlineage.utils.selective_enable import enable_lineage

            enable_lineage(dag)
        with mock.patch.dict(os.environ, run.get("environment", {})):
            dag.test(**{name: moment}, run_conf=run.get("conf"))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
