"""Runs DAGs one after the other in one Airflow process, since only the start of Airflow is slow.

It reads a line of JSON with a DAG and a logical date from its standard input, runs it as ``airflow dags test`` does,
and answers a line with the run's state; everything else that Airflow prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import sys


def main() -> None:
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        from airflow.configuration import conf
        from airflow.dag_processing import dagbag

        bag = dagbag.DagBag(conf.get("core", "dags_folder"))
        # Each run reads all DAG files and stores all DAGs anew: here the first does.
        for name in ("BundleDagBag", "sync_bag_to_db"):
            setattr(dagbag, name, functools.cache(getattr(dagbag, name)))
        for line in sys.stdin:
            dag_id, logical_date = json.loads(line)
            moment = datetime.datetime.fromisoformat(logical_date).replace(tzinfo=datetime.timezone.utc)
            run = bag.dags[dag_id].test(logical_date=moment)
            state = getattr(run.state, "value", run.state)
            print(json.dumps(str(state)), file=answers, flush=True)


if __name__ == "__main__":
    main()
