"""A TLS server of the tests' own with a certificate for any name: it shakes hands, counts, and closes.

What a client makes of a certificate is decided before the first byte of CQL, so no Cassandra stands behind it.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class TlsEndpoint:
    """Where it listens, the certificate that clients must trust, and how many trusted it."""

    def __init__(self, listener: socket.socket, authority: Path, context: ssl.SSLContext) -> None:
        self.port = int(listener.getsockname()[1])
        self.authority = authority
        self.handshakes = 0
        self._listener = listener
        self._context = context

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            # A client that does not trust the certificate says so in the first read.
            with contextlib.suppress(OSError), self._context.wrap_socket(client, server_side=True) as trusted:
                if trusted.recv(1):
                    self.handshakes += 1


@contextlib.contextmanager
def open_tls_endpoint(name: str, directory: Path) -> Iterator[TlsEndpoint]:
    """An endpoint on 127.0.0.1 whose certificate, signed by itself, names only ``name``."""
    certificate = _write_certificate(name, directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = TlsEndpoint(listener, certificate, context)
        thread = threading.Thread(target=endpoint.serve)
        thread.start()
        try:
            yield endpoint
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()


def _write_certificate(name: str, directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "endpoint.pem"
    path.write_bytes(
        certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return path
