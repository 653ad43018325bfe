"""Reads `ConnectionSettings` from an Airflow Connection, by the table of `connection_fields`.

Blank values count as not given, since forms store empty fields; everything else that is not understood is an error.

The extra ``ssl_options`` of the official Cassandra hook holds the arguments of Python's old ``ssl.wrap_socket``:
without ``cert_reqs`` certificates are verified and without ``check_hostname`` names are not, which is what the driver
makes of them. Note: Airflow itself reads extras that are not JSON as no extras at all, so the text is checked first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError
from airflow_provider_cqlai.engine.options.values.checks import hint_near_names
from airflow_provider_cqlai.hooks.connection_fields import (
    ATTRIBUTES,
    CONNECTION_TYPE,
    EXTRAS,
    ConnectionField,
    Kind,
)

if TYPE_CHECKING:
    from airflow_provider_cqlai.airflow_compat import Connection

# How the forms of Airflow 2 before 2.3, and some APIs, still write an extra's name.
_FORM_PREFIX = f"extra__{CONNECTION_TYPE}__"
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
# What says by itself that TLS is wanted.
_CERTIFICATES = ("tls.ca_certificate", "tls.client_certificate", "tls.client_private_key")
# The arguments of ``ssl.wrap_socket`` that mean something here.
_SSL_OPTIONS = ("ca_certs", "certfile", "keyfile", "cert_reqs", "check_hostname", "ciphers", "ssl_version")
# Python's numbers and names; CERT_OPTIONAL is CERT_REQUIRED for a client.
_SSL_VERIFIED = {"0": False, "CERT_NONE": False, "1": True, "CERT_OPTIONAL": True, "2": True, "CERT_REQUIRED": True}
# Every version that is not older than TLS 1.2 is negotiated, so these ask for nothing else.
_SSL_VERSIONS = ("2", "PROTOCOL_TLS", "PROTOCOL_SSLV23", "16", "PROTOCOL_TLS_CLIENT", "5", "PROTOCOL_TLSV1_2")


def read_connection(connection: Connection) -> ConnectionSettings:
    """Settings from a Connection of type ``cqlai`` or ``cassandra``.

    `ConnectionSettingsError` names the Connection, the field or extra, and the known ones where it is unknown.
    """
    try:
        given = {field: getattr(connection, field.name) for field in ATTRIBUTES}
        extras = _unprefixed(_read_extras(connection))
        given |= _read_fields(extras)
        settings = {
            field.setting if field.name != "ssl_options" else "ssl_options": _read_value(field, value)
            for field, value in given.items()
            if not _is_blank(value)
        }
        return ConnectionSettings(tls=_read_tls(settings), **settings)
    except ConnectionSettingsError as error:
        raise ConnectionSettingsError(f"connection {connection.conn_id!r}: {error.message}", **error.details) from None


def _read_extras(connection: Connection) -> Mapping[str, Any]:
    text = connection.extra
    if text is None or not text.strip():
        return {}
    try:
        extras = json.loads(text)
    except ValueError:
        # Not the decoder's own words: they may quote a secret.
        raise ConnectionSettingsError("the extra field is not JSON", setting="extra") from None
    if not isinstance(extras, Mapping):
        raise ConnectionSettingsError("the extra field must be a JSON object of names and values", setting="extra")
    # Airflow's own reading tells its log which values are secrets.
    masked: Mapping[str, Any] = connection.extra_dejson
    return masked


def _unprefixed(extras: Mapping[str, Any]) -> dict[str, Any]:
    """Extras by plain name; a plain name wins over the same one with the form's prefix."""
    prefixed = {
        name.removeprefix(_FORM_PREFIX): value for name, value in extras.items() if name.startswith(_FORM_PREFIX)
    }
    plain = {name: value for name, value in extras.items() if not name.startswith(_FORM_PREFIX)}
    return prefixed | {name: value for name, value in plain.items() if name not in prefixed or not _is_blank(value)}


def _read_fields(extras: Mapping[str, Any]) -> dict[ConnectionField, Any]:
    """Values by field. Of several spellings of one, those that are blank say nothing and the others must agree."""
    given: dict[ConnectionField, Any] = {}
    names: dict[ConnectionField, str] = {}
    for name, value in extras.items():
        field = _find_extra(name)
        if field in given and _is_blank(value):
            continue
        if field in given and not _is_blank(given[field]) and given[field] != value:
            raise ConnectionSettingsError(
                f"{name}={value!r} contradicts {names[field]}={given[field]!r}: both stand for {field.name}, leave one"
                " out",
                setting=field.name,
            )
        given[field], names[field] = value, name
    return given


def _find_extra(name: str) -> ConnectionField:
    known = {spelling: field for field in EXTRAS for spelling in (field.name, *field.other_names)}
    if name in known:
        return known[name]
    hint = hint_near_names(name, known, spell=lambda spelling: repr(known[spelling].name))
    names = ", ".join(field.name for field in EXTRAS)
    raise ConnectionSettingsError(f"unknown extra {name!r}{hint}; known extras: {names}", setting=name)


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == {}


def _read_value(field: ConnectionField, value: object) -> Any:
    """``value`` as its kind: forms and URIs give numbers, booleans and mappings as text."""
    read = _READERS[field.kind](value)
    if read is None:
        shown = "" if field.is_secret else f"={value!r}"
        raise ConnectionSettingsError(f"{field.name}{shown} must be a {field.kind.value}", setting=field.name)
    return read


def _read_text(value: object) -> str | None:
    return value.strip() if isinstance(value, str) else None


def _read_whole_number(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value)
    # The form of 3.2 may give 5.0 for 5.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _read_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _read_boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else _BOOLEANS.get(str(value).strip().lower())


def _read_mapping(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


_READERS = {
    Kind.TEXT: _read_text,
    Kind.WHOLE_NUMBER: _read_whole_number,
    Kind.NUMBER: _read_number,
    Kind.BOOLEAN: _read_boolean,
    Kind.MAPPING: _read_mapping,
    Kind.PEM: _read_text,
}


def _read_tls(settings: dict[str, Any]) -> TlsSettings | None:
    """Take what concerns TLS out of ``settings``."""
    is_asked_for = settings.pop("tls", None)
    options = settings.pop("ssl_options", None)
    tls = {name: settings.pop(name) for name in [*settings] if name.startswith("tls.")}
    certificates = [name for name in _CERTIFICATES if name in tls]
    if options is not None:
        if certificates:
            raise ConnectionSettingsError(
                "ssl_options and tls_ certificates contradict each other: take the tls_ extras alone",
                setting="ssl_options",
            )
        if is_asked_for is False:
            raise ConnectionSettingsError("tls is false, but ssl_options are given", setting="tls")
        return read_ssl_options(options)
    if is_asked_for is False and certificates:
        raise ConnectionSettingsError(
            f"tls is false, but {certificates[0].replace('.', '_')} is given: switch tls on, or leave it out",
            setting="tls",
        )
    if not is_asked_for and not certificates:
        return None
    return TlsSettings(**{name.removeprefix("tls."): value for name, value in tls.items()})


def read_ssl_options(options: Mapping[str, Any]) -> TlsSettings:
    """Settings from ``{"ca_certs": path, "certfile": path, "keyfile": path, "cert_reqs": "CERT_REQUIRED", ...}``."""
    for name in options:
        if name not in _SSL_OPTIONS:
            hint = hint_near_names(name, _SSL_OPTIONS)
            raise ConnectionSettingsError(
                f"ssl_options: unknown option {name!r}{hint}; known options: {', '.join(_SSL_OPTIONS)}",
                setting="ssl_options",
            )
    given = {name: value for name, value in options.items() if value is not None and value != ""}
    for name in ("ca_certs", "certfile", "keyfile", "ciphers"):
        if name in given and not isinstance(given[name], str):
            raise ConnectionSettingsError(f"ssl_options: {name} must be a text", setting="ssl_options")
    version = _ssl_constant(given.get("ssl_version", "PROTOCOL_TLS"))
    if version not in _SSL_VERSIONS:
        raise ConnectionSettingsError(
            f"ssl_options: ssl_version={given['ssl_version']!r} is unknown or older than TLS 1.2; leave it out",
            setting="ssl_options",
        )
    verified = _SSL_VERIFIED.get(_ssl_constant(given.get("cert_reqs", "CERT_REQUIRED")))
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


def _ssl_constant(value: object) -> str:
    return str(value).removeprefix("ssl.").upper()
