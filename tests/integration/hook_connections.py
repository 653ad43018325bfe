"""Hooks whose Connection leads to a server of the tests."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_cqlai.hooks.cqlai import CqlaiHook

MakeHook = Callable[..., CqlaiHook]


def ask(hook: CqlaiHook) -> str:
    row = hook.get_conn().execute("SELECT release_version FROM system.local").one()
    return str(row.release_version)
