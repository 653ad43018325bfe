"""What all test processes of a run share: each server is started once, by the process that starts the others.

A fixture names a context manager, ``"package.module:function"``, and its arguments; what it yields comes as a copy.
With xdist the first process makes it when a worker asks, and keeps it until the last one is done; without, the only
process does the same. `tests/conftest.py` names this plugin to pytest.
"""

from __future__ import annotations

import importlib
import secrets
import threading
from collections import defaultdict
from contextlib import ExitStack
from multiprocessing.managers import BaseManager
from typing import Any

import pytest

_INPUT = "shared_resources"


class SharedResources:
    """Makes what is asked for, once for each name and arguments; used by several threads."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._made: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, maker: str, **arguments: Any) -> Any:
        """What the context manager ``maker`` yields, now or when it was first asked for."""
        key = f"{maker} {sorted(arguments.items())}"
        with self._locks[key]:
            if key not in self._made:
                module, _, name = maker.partition(":")
                opened = getattr(importlib.import_module(module), name)(**arguments)
                self._made[key] = self._stack.enter_context(opened)
            return self._made[key]

    def close(self) -> None:
        """Ends all of them."""
        self._stack.close()


class _Manager(BaseManager):
    """The way from a worker to the `SharedResources` of the first process."""


_RESOURCES = pytest.StashKey[Any]()
_MANAGER = pytest.StashKey[Any]()


def pytest_configure(config: pytest.Config) -> None:
    """Opens the shelf, or in a worker the way to it."""
    given = getattr(config, "workerinput", {}).get(_INPUT)
    if given is None:
        config.stash[_RESOURCES] = SharedResources()
        return
    host, port, key = given
    _Manager.register("resources", exposed=["get"])
    manager = _Manager(address=(host, port), authkey=bytes.fromhex(key))
    manager.connect()
    config.stash[_RESOURCES] = manager.resources()  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker of xdist where the resources are."""
    config = node.config
    if _MANAGER not in config.stash:
        key = secrets.token_bytes(16)
        _Manager.register("resources", callable=lambda: config.stash[_RESOURCES], exposed=["get"])
        server = _Manager(address=("127.0.0.1", 0), authkey=key).get_server()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config.stash[_MANAGER] = (*server.address, key.hex())
    node.workerinput[_INPUT] = config.stash[_MANAGER]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends everything when the last worker is done."""
    resources = config.stash.get(_RESOURCES, None)
    if isinstance(resources, SharedResources):
        resources.close()


@pytest.fixture(scope="session")
def shared_resources(pytestconfig: pytest.Config) -> SharedResources:
    """`SharedResources`, or a proxy of it with the same method."""
    resources: SharedResources = pytestconfig.stash[_RESOURCES]
    return resources
