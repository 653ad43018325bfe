"""The files for people with Docker agree with the project; no engine is needed to see that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
DOCKER = PROJECT / "docker"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    return dict(composed["services"])


def test_every_file_that_is_mounted_copied_or_built_from_exists(services: dict[str, Any]) -> None:
    build = services["airflow"]["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).is_file()
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    paths = [DOCKER / path for path in mounted if path.startswith(".")]
    dockerfile = (DOCKER / "Dockerfile").read_text("utf-8").splitlines()
    paths += [PROJECT / word for line in dockerfile if line.startswith("COPY") for word in line.split()[2:-1]]
    assert len(paths) == 7
    assert [path for path in paths if not path.exists()] == []


def test_connections_are_json_that_airflow_reads(services: dict[str, Any]) -> None:
    environment = services["airflow"]["environment"]
    assert json.loads(environment["AIRFLOW_CONN_CQLAI_DEFAULT"])["host"] in services
    assert json.loads(environment["AIRFLOW_CONN_AWS_DEFAULT"])["extra"]["endpoint_url"] == "http://s3:5000"


def test_ports_are_open_on_this_machine_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_airflow_is_the_version_that_is_tested() -> None:
    lock = (PROJECT / "requirements" / "airflow3.lock").read_text("utf-8")
    version = next(line.split("==")[1] for line in lock.splitlines() if line.startswith("apache-airflow=="))
    assert f"ARG AIRFLOW_VERSION={version}\n" in (DOCKER / "Dockerfile").read_text("utf-8")
