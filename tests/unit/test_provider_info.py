"""What Airflow discovers, checked by Airflow's own schema and its own `ProvidersManager`."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_cqlai import __version__, operators, sensors
from airflow_provider_cqlai.airflow_compat import BaseOperator
from airflow_provider_cqlai.hooks.connection_form import conn_fields
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from airflow_provider_cqlai.provider_info import get_provider_info

MODULES = ("hooks", "operators", "sensors", "triggers")
IS_AIRFLOW_2 = airflow.__version__.startswith("2.")

# What 2.11 imports for its web forms is full of deprecations, which Airflow would turn into a missing hook.
pytestmark = [pytest.mark.filterwarnings("ignore")] if IS_AIRFLOW_2 else []


@pytest.fixture(scope="module")
def providers() -> ProvidersManager:
    return ProvidersManager()


def test_provider_info_follows_airflows_schema() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text("utf-8"))
    jsonschema.validate(get_provider_info(), schema)


def test_entry_point_is_installed() -> None:
    (point,) = [point for point in entry_points(group="apache_airflow_provider") if "cqlai" in point.value]
    assert point.load() is get_provider_info


def named_modules(info: dict[str, Any]) -> set[str]:
    listed = {module for kind in MODULES for entry in info[kind] for module in entry["python-modules"]}
    return listed | {entry["python-module"] for entry in info["transfers"]}


def test_every_module_named_exists() -> None:
    modules = named_modules(get_provider_info())
    assert len(modules) >= 2
    for module in modules:
        importlib.import_module(module)


def test_every_integration_named_is_declared() -> None:
    info = get_provider_info()
    declared = {integration["integration-name"] for integration in info["integrations"]}
    used = {entry["integration-name"] for kind in MODULES for entry in info[kind]}
    used |= {transfer[f"{end}-integration-name"] for transfer in info["transfers"] for end in ("source", "target")}
    assert used == declared


@pytest.mark.parametrize(("kind", "package", "least"), [("operators", operators, 4), ("sensors", sensors, 2)])
def test_every_operator_is_named(kind: str, package: ModuleType, least: int) -> None:
    found = {
        module.__name__
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        if not info.name.rpartition(".")[2].startswith("_")
        for module in [importlib.import_module(info.name)]
        if any(is_operator(value) and value.__module__ == module.__name__ for value in vars(module).values())
    }
    (entry,) = get_provider_info()[kind]
    assert sorted(entry["python-modules"]) == sorted(found)
    assert len(found) >= least


def is_operator(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseOperator) and not value.__name__.startswith("_")


def test_transfers_are_the_operators_that_are_named_after_two_ends() -> None:
    ends = {"cassandra": "Apache Cassandra", "parquet": "Apache Parquet"}
    transfers = {
        entry["python-module"]: (entry["source-integration-name"], entry["target-integration-name"])
        for entry in get_provider_info()["transfers"]
    }
    (entry,) = get_provider_info()["operators"]
    assert transfers == {
        module: tuple(ends[end] for end in module.rpartition(".")[2].split("_to_"))
        for module in entry["python-modules"]
        if "_to_" in module.rpartition(".")[2]
    }
    assert len(transfers) == 2


def test_extra_links_are_those_of_the_operator() -> None:
    links = {
        f"{type(link).__module__}.{type(link).__name__}" for link in CassandraToParquetOperator.operator_extra_links
    }
    assert links == set(get_provider_info()["extra-links"])


def test_discovery_imports_neither_airflow_nor_the_driver() -> None:
    code = (
        "import sys; from airflow_provider_cqlai.provider_info import get_provider_info; get_provider_info();"
        "print(sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'airflow', 'cassandra', 'pyarrow', 'pydantic', 'wtforms'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_airflow_discovers_the_provider(providers: ProvidersManager) -> None:
    assert providers.providers["airflow-provider-cqlai"].version == __version__


def discover_hook() -> Any:
    if IS_AIRFLOW_2:
        return ProvidersManager().hooks["cqlai"]
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    return ProvidersManagerTaskRuntime().hooks["cqlai"]


def test_airflow_discovers_the_hook_with_its_test_button() -> None:
    hook = discover_hook()
    assert hook is not None
    assert hook.hook_class_name == f"{CqlaiHook.__module__}.CqlaiHook"
    assert hook.connection_id_attribute_name == "cassandra_conn_id"
    assert hook.connection_testable


def test_airflow_discovers_the_form(providers: ProvidersManager) -> None:
    # 2.11 reads the form when it imports the hook.
    assert discover_hook() is not None
    widgets = {
        widget.field_name: widget
        for name, widget in providers.connection_form_widgets.items()
        if name.startswith("extra__cqlai__")
    }
    assert set(widgets) == set(conn_fields())
    assert {name for name, widget in widgets.items() if widget.is_sensitive} == {
        "tls_client_private_key",
        "tls_client_private_key_password",
    }
    assert providers.field_behaviours["cqlai"]["relabeling"]["schema"] == "Keyspace"


@pytest.mark.skipif(IS_AIRFLOW_2, reason="the API of Airflow 3")
def test_api_of_3_serves_the_form() -> None:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "cqlai"]
    assert form.standard_fields is not None
    assert form.standard_fields.url_schema is not None
    assert form.standard_fields.url_schema.title == "Keyspace"
    assert form.extra_fields is not None
    assert form.extra_fields["tls_check_hostname"]["value"] is True
    assert form.extra_fields["consistency_level"]["schema"]["title"] == "Consistency level"
