"""The files for people with Docker agree with the project; no engine is needed to see that."""

from __future__ import annotations

import json
import re
import runpy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from airflow_provider_cqlai.engine.cassandra.cql_text import split_statements
from tests.example_dags import ExampleDag, read_examples

PROJECT = Path(__file__).resolve().parents[2]
DOCKER = PROJECT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8")
HEALTHY = dict.fromkeys(("metadatabase", "scheduler", "dag_processor", "triggerer"), "healthy")
_CREATE_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)\.(\w+) \((.*)\)", re.DOTALL)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    return read


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    return dict(compose["services"])


@pytest.fixture(scope="module")
def tables() -> dict[tuple[str, str], set[str]]:
    """Columns by keyspace and table of ``tables.cql``."""
    statements = split_statements((DOCKER / "tables.cql").read_text("utf-8"))
    created = [found for statement in statements if (found := _CREATE_TABLE.match(statement.text))]
    return {(found[1], found[2]): set(_column_names(found[3])) for found in created}


def _column_names(definitions: str) -> Iterator[str]:
    # Neither the commas of a type nor those of a primary key separate columns.
    while (flat := re.sub(r"<[^<>]*>|\([^()]*\)", "", definitions)) != definitions:
        definitions = flat
    for definition in flat.split(","):
        name = definition.split()[0]
        if name != "PRIMARY":
            yield name


def test_every_file_that_is_mounted_copied_or_built_from_exists(services: dict[str, Any]) -> None:
    for name in ("airflow", "foreign-dataset"):
        build = services[name]["build"]
        assert (DOCKER / build["context"] / build["dockerfile"]).is_file()
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    paths = [DOCKER / path for path in mounted if path.startswith(".")]
    copied = [word for line in DOCKERFILE.splitlines() if line.startswith("COPY") for word in line.split()[1:-1]]
    assert len(paths) == 3
    assert len(copied) == 7
    assert [path for path in (*paths, *(PROJECT / name for name in copied)) if not path.exists()] == []
    sent = (DOCKER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in sent if line.startswith("!")} == set(copied)


def test_connections_are_json_that_airflow_reads(services: dict[str, Any]) -> None:
    environment = services["airflow"]["environment"]
    for name in ("DEFAULT", "OLD_CLUSTER", "NEW_CLUSTER"):
        assert json.loads(environment[f"AIRFLOW_CONN_CQLAI_{name}"])["host"] in services
    assert json.loads(environment["AIRFLOW_CONN_AWS_DEFAULT"])["extra"]["endpoint_url"] == "http://s3:5000"


def test_ports_are_open_on_this_machine_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_airflow_knows_is_in_a_volume(compose: dict[str, Any]) -> None:
    # The home of the image's Airflow: the database, the logs, and the key that the database's secrets are locked with.
    assert "airflow:/opt/airflow" in compose["services"]["airflow"]["volumes"]
    named = [volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", ())]
    assert {name for name in named if not name.startswith(".")} == set(compose["volumes"])


@pytest.mark.parametrize(
    ("states", "dead"),
    [(HEALTHY, []), *(({**HEALTHY, part: state}, [part]) for part in HEALTHY for state in ("unhealthy", None))],
)
def test_health_check_asks_every_part(services: dict[str, Any], states: dict[str, str | None], dead: list[str]) -> None:
    kind, program, option, code = services["airflow"]["healthcheck"]["test"]
    assert (kind, program, option) == ("CMD", "python", "-c")
    assert "$" not in code, "compose would replace it"
    assert "//localhost:8080/" in code
    answer = {part: {"status": state} for part, state in states.items()}
    # Not in a process of its own, whose start would be what takes the time.
    with answering(answer) as port, pytest.raises(SystemExit) as ended:
        exec(code.replace("localhost:8080", f"127.0.0.1:{port}"), {})
    # Python exits with 1 for a list.
    assert ended.value.code == (dead or 0)


@contextmanager
def answering(content: dict[str, Any]) -> Iterator[int]:
    """The port of a server that has one answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(content).encode()
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_airflow_is_the_version_that_is_tested() -> None:
    lock = (PROJECT / "requirements" / "airflow3.lock").read_text("utf-8")
    version = next(line.split("==")[1] for line in lock.splitlines() if line.startswith("apache-airflow=="))
    assert f"ARG AIRFLOW_VERSION={version}\n" in DOCKERFILE


def test_codec_is_compiled_by_a_rust_that_is_new_enough_and_imported_where_it_runs() -> None:
    cargo = (PROJECT / "rust" / "Cargo.toml").read_text("utf-8")
    [needed] = re.findall(r'^rust-version = "1\.(\d+)"', cargo, re.MULTILINE)
    [used] = re.findall(r"^FROM rust:1\.(\d+)-\S+ AS wheel$", DOCKERFILE, re.MULTILINE)
    assert int(used) >= int(needed)
    assert DOCKERFILE.rstrip().endswith('python -c "import airflow_provider_cqlai._native"')


def test_installation_changes_no_version_of_the_image() -> None:
    [install] = re.findall(r"^.*pip install (.*?)&&", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert '--constraint "${HOME}/constraints.txt"' in install
    assert '"apache-airflow==${AIRFLOW_VERSION}"' in install


@pytest.mark.parametrize("example", read_examples(), ids=lambda example: example.name)
def test_tables_and_columns_that_an_example_names_are_there(
    example: ExampleDag, services: dict[str, Any], tables: dict[tuple[str, str], set[str]]
) -> None:
    assert example.columns or "keyspace=" in example.path.read_text("utf-8"), "no example is without a table"
    for connection in example.connections:
        described = json.loads(services["airflow"]["environment"][f"AIRFLOW_CONN_{connection.upper()}"])
        for table, columns in example.columns.items():
            if table not in example.created_tables:
                assert columns <= tables[described["schema"], table]


def test_restored_events_have_the_columns_of_events(tables: dict[tuple[str, str], set[str]]) -> None:
    assert tables["shop", "restored_events"] == tables["shop", "events"]


def test_foreign_dataset_is_what_its_example_reads(tmp_path: Path) -> None:
    script = runpy.run_path(str(DOCKER / "foreign_dataset.py"))
    # A second start writes the same files again.
    for _ in range(2):
        script["main"](str(tmp_path / "measurements"))
    read = pq.read_table(tmp_path / "measurements").to_pydict()
    assert set(read) == {"Station ID", "measured_at", "deg_C", "quality", "country"}
    assert len(read["country"]) == 400
    good = [quality in ("good", "fair") for quality in read["quality"]]
    rejected = [number for number, station in enumerate(read["Station ID"]) if station is None and good[number]]
    assert len(rejected) == 1
    assert len(rejected) / sum(good) < 0.01
