"""Reads the hosts of a Connection as people write them: names, IPv4 and IPv6 addresses, with optional ports.

Note: ``::1`` and ``fe80::1`` are whole addresses; an IPv6 address with a port needs brackets.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_cqlai.engine.errors import ConnectionSettingsError

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_EXPECTED = "expected names or addresses with commas between them, such as 'node1, 10.0.0.2:9042, [::1]:9042'"


@dataclass(frozen=True)
class ContactPoint:
    """A node to ask first. ``port`` is None where the settings' own port applies."""

    address: str
    port: int | None = None

    def __str__(self) -> str:
        if self.port is None:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def read_contact_points(hosts: str | Iterable[str | ContactPoint] | None) -> tuple[ContactPoint, ...]:
    """Contact points from ``"h1, h2:9043, ::1, [::1]:9043"`` or a list of such texts, each once, in the order given.

    Empty places between commas are left out. `ConnectionSettingsError` for a text that is not a host.
    """
    parts = hosts.split(",") if isinstance(hosts, str) else list(hosts or ())
    points = [part if isinstance(part, ContactPoint) else _read_one(part) for part in parts if part or part is None]
    return tuple(dict.fromkeys(point for point in points if point is not None))


def _read_one(host: object) -> ContactPoint | None:
    if not isinstance(host, str):
        raise ConnectionSettingsError(f"host {host!r} is not a text: {_EXPECTED}", setting="hosts")
    text = host.strip()
    if not text:
        return None
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConnectionSettingsError(f"host {text!r}: {_EXPECTED}", setting="hosts")
        return ContactPoint(_check_ipv6(address, text), _read_port(rest[1:], text) if rest else None)
    if text.count(":") > 1:
        return ContactPoint(_check_ipv6(text, text))
    name, colon, port = text.partition(":")
    if not _HOST_NAME.fullmatch(name):
        raise ConnectionSettingsError(f"host {text!r}: {_EXPECTED}", setting="hosts")
    return ContactPoint(name, _read_port(port, text) if colon else None)


def _check_ipv6(address: str, text: str) -> str:
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise ConnectionSettingsError(f"host {text!r} is not an IPv6 address: {_EXPECTED}", setting="hosts") from None
    return address


def _read_port(port: str, text: str) -> int:
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ConnectionSettingsError(f"host {text!r} has no port from 1 to 65535 after the colon", setting="hosts")
    return int(port)
