"""The extra ``ssl_options`` of the official Cassandra hook in, `TlsSettings` out.

It holds the arguments of Python's old ``ssl.wrap_socket``. The surprising thing: without ``cert_reqs`` certificates are
verified and without ``check_hostname`` names are not, which is what the driver makes of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError

_KNOWN = ("ca_certs", "certfile", "keyfile", "cert_reqs", "check_hostname", "ciphers", "ssl_version")
# Python's numbers and names; CERT_OPTIONAL is CERT_REQUIRED for a client.
_VERIFIED = {"0": False, "CERT_NONE": False, "1": True, "CERT_OPTIONAL": True, "2": True, "CERT_REQUIRED": True}
# Every version that is not older than TLS 1.2 is negotiated, so these ask for nothing else.
_VERSIONS = ("2", "PROTOCOL_TLS", "PROTOCOL_SSLV23", "16", "PROTOCOL_TLS_CLIENT", "5", "PROTOCOL_TLSV1_2")


def read_ssl_options(options: Mapping[str, Any]) -> TlsSettings:
    """Settings from ``{"ca_certs": path, "certfile": path, "keyfile": path, "cert_reqs": "CERT_REQUIRED", ...}``."""
    for name in options:
        if name not in _KNOWN:
            near = difflib.get_close_matches(name, _KNOWN, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ConnectionSettingsError(
                f"ssl_options: unknown option {name!r}{hint}; known options: {', '.join(_KNOWN)}", setting="ssl_options"
            )
    given = {name: value for name, value in options.items() if value is not None and value != ""}
    for name in ("ca_certs", "certfile", "keyfile", "ciphers"):
        if name in given and not isinstance(given[name], str):
            raise ConnectionSettingsError(f"ssl_options: {name} must be a text", setting="ssl_options")
    version = _constant(given.get("ssl_version", "PROTOCOL_TLS"))
    if version not in _VERSIONS:
        raise ConnectionSettingsError(
            f"ssl_options: ssl_version={given['ssl_version']!r} is unknown or older than TLS 1.2; leave it out",
            setting="ssl_options",
        )
    verified = _VERIFIED.get(_constant(given.get("cert_reqs", "CERT_REQUIRED")))
    if verified is None:
        raise ConnectionSettingsError(
            f"ssl_options: cert_reqs={given['cert_reqs']!r} is unknown; known: CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED",
            setting="ssl_options",
        )
    is_hostname_checked = given.get("check_hostname", False)
    if not isinstance(is_hostname_checked, bool):
        raise ConnectionSettingsError("ssl_options: check_hostname must be true or false", setting="ssl_options")
    return TlsSettings(
        ca_certificate=given.get("ca_certs"),
        client_certificate=given.get("certfile"),
        client_private_key=given.get("keyfile"),
        is_hostname_checked=is_hostname_checked,
        is_certificate_verified=verified,
        ciphers=given.get("ciphers"),
    )


def _constant(value: object) -> str:
    return str(value).removeprefix("ssl.").upper()
