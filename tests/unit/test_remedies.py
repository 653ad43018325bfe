"""What to do stands where it is read: within the first 150 characters of an error, whatever lists and paths follow."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from cassandra import AuthenticationFailed, Unauthorized
from cassandra.cluster import NoHostAvailable

from airflow_provider_cqlai.airflow_compat import Connection
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import translate_driver_error
from airflow_provider_cqlai.engine.cassandra.connect.load_balancing import check_data_centre, read_load_balancing
from airflow_provider_cqlai.engine.cassandra.connect.session import _find_remedy
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.cassandra.plan.time_window import _check_where_leaves, choose_route
from airflow_provider_cqlai.engine.cassandra.plan.where_clause import read_where
from airflow_provider_cqlai.engine.errors import CqlaiError
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.publish.overlap import _overlap
from airflow_provider_cqlai.engine.importing.sources.published_sources import check_coverage
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.options.values.checks import build_options, check_choice
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.hooks.connection_reading import read_connection
from airflow_provider_cqlai.run_window import RunFacts, WindowRequest, resolve_window

SHOWN = 150
LONG_PATH = "s3://a-bucket-with-a-long-name/and/many/directories/" + "deep/" * 20
START = pendulum.datetime(2024, 1, 1, tz="Europe/Berlin")
DAY = TimeWindow(start=START, end=START.add(days=1))
MANY_NAMES = [f"data-centre-{number}" for number in range(50)]


def resolve(request: WindowRequest | None = None, **facts: Any) -> object:
    run = RunFacts(timezone=pendulum.timezone("Europe/Berlin"), **facts)
    return resolve_window(run, request or WindowRequest(), is_needed=True)


def read_extras(**extras: str) -> ConnectionSettings:
    return read_connection(
        Connection(conn_id="the_id_of_a_connection", conn_type="cqlai", host="node1", extra=json.dumps(extras))
    )


def connect_in_vain(error: Exception) -> None:
    settings = ConnectionSettings(hosts=[f"node-{number}.example.org" for number in range(9)])
    what = "connecting to " + ", ".join(map(str, settings.contact_points))
    raise translate_driver_error(error, what, remedy=_find_remedy(settings, error))


def overlap(*, is_contained: bool, is_log: bool = False) -> None:
    dataset_log: Any = SimpleNamespace(storage=SimpleNamespace(describe=str), root=LONG_PATH)
    present: Any = SimpleNamespace(run_key=f"window {DAY}", is_log=is_log)
    run_key: Any = f"window {DAY}"
    raise _overlap(dataset_log, run_key, present, is_contained=is_contained)


def differ_in_source() -> None:
    source = Source.from_json(
        {"table": "shop.orders", "columns": MANY_NAMES, "where": None, "partition_by": [], "types": {}, "time": None}
        | {"queries": []}
    )
    other = Source.from_json({**source.to_json(), "columns": "*"})
    source.check_same_as(other, LONG_PATH)


def restrict_twice() -> None:
    column: Any = SimpleNamespace(name="day")
    _check_where_leaves(column, "time_column", read_where(f"name = '{LONG_PATH}' AND day = '2024-01-01'"))


def window_without_column() -> None:
    options = CopyToOptions(table="shop.orders", path=LONG_PATH, window=DAY)
    nothing: Any = None
    choose_route(nothing, nothing, options, None)


REFUSED = OSError(111, f"Tried connecting to {[('10.0.0.1', 9042)] * 9}. Last error: Connection refused")
MEETABLE: list[tuple[str, Callable[[], object]]] = [
    ("'columns'", lambda: build_options(CopyToOptions, {"colums": "id"})),
    ("on_empty", lambda: check_choice("on_empty", "skp", MANY_NAMES)),
    ("login and password", lambda: connect_in_vain(AuthenticationFailed("Bad credentials " * 20))),
    ("grant the permission", lambda: connect_in_vain(Unauthorized("User has no SELECT permission " * 20))),
    ("host and port", lambda: connect_in_vain(NoHostAvailable("none", {"10.0.0.1:9042": REFUSED}))),
    (
        "local_data_centre",
        lambda: check_data_centre(read_load_balancing(None, {}, "dc"), known=MANY_NAMES, contacted=()),
    ),
    (
        "local_data_centre",
        lambda: check_data_centre(read_load_balancing(None, {}, None), known=(), contacted=MANY_NAMES),
    ),
    ("'local_data_centre'", lambda: read_extras(local_dcs="dc1")),
    ("local_dc", lambda: read_extras(local_dc="dc1", local_data_centre="dc2")),
    ("give start and end", resolve),
    ("give start and end", lambda: resolve(partition_key="a-key-of-a-partition" * 9)),
    ("period='1 day'", lambda: resolve(partition_date=START)),
    ("period='1 day'", lambda: resolve(data_interval_start=START, data_interval_end=START)),
    (
        "leave period out",
        lambda: resolve(WindowRequest(period="2 days"), data_interval_start=START, data_interval_end=START.add(days=1)),
    ),
    ("leave start out", lambda: resolve(WindowRequest(start="", end="2024-01-01"))),
    ("time_column", window_without_column),
    ("leave out time_column", restrict_twice),
    ("on_overlap='replace'", lambda: overlap(is_contained=True)),
    ("do not overlap", lambda: overlap(is_contained=True, is_log=True)),
    ("another path", lambda: overlap(is_contained=False)),
    ("another path", differ_in_source),
    ("on_uncovered_window='ignore'", lambda: check_coverage(LONG_PATH, DAY, [], "error")),
]


@pytest.mark.parametrize(("remedy", "fail"), MEETABLE)
def test_the_remedy_is_near_the_beginning(remedy: str, fail: Callable[[], object]) -> None:
    with pytest.raises(CqlaiError) as raised:
        fail()
    shown = f"{type(raised.value).__name__}: {raised.value}"
    assert remedy in shown[:SHOWN]
