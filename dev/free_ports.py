"""Addresses and ports of this machine that a server can listen on.

A port is free on every loopback address asked for at once, since all nodes of a cluster share their port numbers.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack

_TRIES = 100


class ServerStartError(Exception):
    """The local server could not start; the message says why and where its logs are."""

    def __init__(self, message: str, *, is_port_taken: bool = False) -> None:
        super().__init__(message)
        self.is_port_taken = is_port_taken


def check_loopback(hosts: Sequence[str]) -> None:
    """Raises ServerStartError where a loopback address does not exist: macOS has 127.0.0.1 only."""
    for host in hosts:
        with socket.socket() as probe:
            try:
                probe.bind((host, 0))
            except OSError as error:
                raise ServerStartError(
                    f"nothing can listen on {host} ({error}); on macOS add the address with"
                    f" `sudo ifconfig lo0 alias {host} up`"
                ) from error


def free_ports(hosts: Sequence[str], count: int) -> list[int]:
    """``count`` different ports, each free on all ``hosts``."""
    ports: list[int] = []
    # All stay bound until the last is found, so that none is found twice.
    with ExitStack() as bound:
        for _ in range(_TRIES):
            if len(ports) == count:
                return ports
            first = bound.enter_context(socket.socket())
            first.bind((hosts[0], 0))
            port = int(first.getsockname()[1])
            if all(_binds(bound.enter_context(socket.socket()), host, port) for host in hosts[1:]):
                ports.append(port)
    raise ServerStartError(f"no {count} ports are free on {', '.join(hosts)}")


def _binds(probe: socket.socket, host: str, port: int) -> bool:
    try:
        probe.bind((host, port))
    except OSError:
        return False
    return True
