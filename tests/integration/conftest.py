"""Fixtures of the tests on real servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
    from dev.server_address import ServerAddress
    from tests.integration.hook_connections import MakeHook


@pytest.fixture
def hook_to(monkeypatch: pytest.MonkeyPatch) -> MakeHook:
    """Makes a hook whose Connection leads to a server; fields of the Connection can be given."""
    from airflow_provider_cqlai.hooks.cqlai import CqlaiHook

    def make(server: ServerAddress, extra: dict[str, Any] | None = None, **fields: Any) -> CqlaiHook:
        connection = {
            "conn_type": "cqlai",
            "host": server.host,
            "port": server.port,
            "login": server.username,
            "password": server.password,
            "extra": extra or {},
            **fields,
        }
        monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", json.dumps(connection))
        return CqlaiHook()

    return make
