"""Makes an `ssl.SSLContext` from TLS settings: certificates and keys are paths, or PEM text from a connection's form.

Python loads a client certificate from files only, so PEM text passes through a private temporary directory that is gone
when the context is ready. Note: a form's single-line input turns the newlines of pasted PEM text into spaces, and an
environment variable writes them as ``\n``; both are repaired here.
"""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_cqlai.engine.errors import ConnectionSettingsError

_PEM_BLOCK = re.compile(r"[ \t]*(-----BEGIN [A-Z0-9 ]+-----)(.*?)(-----END [A-Z0-9 ]+-----)\s*", re.DOTALL)
_PEM_LINE_CHARACTERS = 64
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """How the connection is encrypted. Each certificate or key is a path, or the PEM text itself."""

    ca_certificate: str | None = field(default=None, repr=False)
    """Who signed the servers' certificates; None trusts what the system trusts."""

    client_certificate: str | None = field(default=None, repr=False)
    """The certificate that a server with mutual TLS asks for; may hold its key too."""

    client_private_key: str | None = field(default=None, repr=False)
    """The key of ``client_certificate``."""

    client_private_key_password: str | None = field(default=None, repr=False)
    """Of a key that is encrypted."""

    is_hostname_checked: bool = True
    """The server's certificate must name the IP address that was connected to: the driver resolves names first, and the
    nodes that the cluster tells about have only addresses."""

    is_certificate_verified: bool = True
    """False accepts any certificate: only for connections that say ``cert_reqs: CERT_NONE``."""

    ciphers: str | None = None
    """OpenSSL's list of ciphers; None takes Python's."""

    def __post_init__(self) -> None:
        if self.client_private_key and not self.client_certificate:
            raise ConnectionSettingsError(
                "tls_client_private_key without tls_client_certificate", setting="tls_client_certificate"
            )
        if self.is_hostname_checked and not self.is_certificate_verified:
            raise ConnectionSettingsError(
                "check_hostname needs cert_reqs CERT_REQUIRED: an unverified certificate proves no name",
                setting="check_hostname",
            )


def build_ssl_context(settings: TlsSettings) -> ssl.SSLContext:
    """A client context for ``settings``; `ConnectionSettingsError` names the certificate that does not load."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = settings.is_hostname_checked
    context.verify_mode = ssl.CERT_REQUIRED if settings.is_certificate_verified else ssl.CERT_NONE
    if settings.ca_certificate:
        _load_ca(context, settings.ca_certificate)
    elif settings.is_certificate_verified:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if settings.client_certificate:
        _load_client_certificate(context, settings)
    if settings.ciphers:
        try:
            context.set_ciphers(settings.ciphers)
        except ssl.SSLError as error:
            raise ConnectionSettingsError(f"ciphers={settings.ciphers!r}: {error}", setting="ciphers") from error
    return context


def is_pem(text: str) -> bool:
    """Whether ``text`` is PEM itself rather than a path to it."""
    return "-----BEGIN " in text


def read_pem(text: str) -> str:
    """PEM text with its line breaks restored."""
    return _PEM_BLOCK.sub(_restore_lines, text.replace("\\n", "\n").replace("\r", "")).strip() + "\n"


def _restore_lines(block: re.Match[str]) -> str:
    begin, body, end = block.groups()
    if ":" in body:
        # An encrypted key of the old kind has headers, whose lines cannot be told apart once they are joined.
        return block[0]
    packed = "".join(body.split())
    lines = [packed[at : at + _PEM_LINE_CHARACTERS] for at in range(0, len(packed), _PEM_LINE_CHARACTERS)]
    return "\n".join([begin, *lines, end, ""])


def _load_ca(context: ssl.SSLContext, ca_certificate: str) -> None:
    try:
        if is_pem(ca_certificate):
            context.load_verify_locations(cadata=read_pem(ca_certificate))
        else:
            path = _existing_path("tls_ca_certificate", ca_certificate)
            if path.is_dir():
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError) as error:
        raise ConnectionSettingsError(
            f"tls_ca_certificate {_describe(ca_certificate)} does not load: {error}", setting="tls_ca_certificate"
        ) from error


def _load_client_certificate(context: ssl.SSLContext, settings: TlsSettings) -> None:
    certificate, key = settings.client_certificate or "", settings.client_private_key
    described = f"tls_client_certificate {_describe(certificate)}"
    if key:
        described += f" with tls_client_private_key {_describe(key)}"
    # Without a password of ours OpenSSL would ask on the terminal and hang the task.
    password = settings.client_private_key_password or ""
    with tempfile.TemporaryDirectory(prefix="cqlai-tls-") as directory:
        try:
            certificate_file = _as_file("tls_client_certificate", certificate, Path(directory, "certificate.pem"))
            key_file = _as_file("tls_client_private_key", key, Path(directory, "key.pem")) if key else None
            context.load_cert_chain(certificate_file, key_file, password=lambda: password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise ConnectionSettingsError(
                f"{described} does not load: {error}; do the two belong together, and is"
                " tls_client_private_key_password right?",
                setting="tls_client_certificate",
            ) from error


def _as_file(setting: str, text: str, file: Path) -> Path:
    if not is_pem(text):
        return _existing_path(setting, text)
    file.touch(mode=0o600)
    file.write_text(read_pem(text), encoding="ascii")
    return file


def _existing_path(setting: str, text: str) -> Path:
    # Not Path.exists, which raises where the text is too long for a path.
    if not os.path.exists(text):
        # What should have been a path may be a key without its PEM lines: keys stay out of messages.
        shown = "" if setting == "tls_client_private_key" else f" {text[:_SHOWN_CHARACTERS]!r}"
        raise ConnectionSettingsError(f"{setting}: neither an existing file{shown} nor PEM text", setting=setting)
    return Path(text)


def _describe(text: str) -> str:
    return "(PEM text)" if is_pem(text) else repr(text)
