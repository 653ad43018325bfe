"""The part of a cloud service that a secure connect bundle leads to: an HTTPS page which tells where the nodes are.

The nodes' proxy, which such a service puts in front of them, is left out: the page names a real Cassandra with TLS and
client certificates, which takes no notice of the node's name in the handshake.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

if TYPE_CHECKING:
    from dev.server_address import ServerAddress


@contextlib.contextmanager
def open_cloud_service(server: ServerAddress, directory: Path) -> Iterator[Path]:
    """The path of a bundle that leads to ``server``, alone in a directory of its own."""
    with server.connect() as session:
        host_id = str(session.execute("SELECT host_id FROM system.local").one().host_id)
    page = {
        "contact_info": {
            "local_dc": "datacenter1",
            "contact_points": [host_id],
            "sni_proxy_address": f"{server.host}:{server.port}",
        }
    }

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(page).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as service:
        service.socket = _server_context(server, directory).wrap_socket(service.socket, server_side=True)
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        try:
            yield _write_bundle(server, directory / "bundle", service.server_port)
        finally:
            service.shutdown()
            thread.join()


def _server_context(server: ServerAddress, directory: Path) -> ssl.SSLContext:
    assert server.certificates is not None
    store = server.certificates.server_keystore.read_bytes()
    key, certificate, _ = pkcs12.load_key_and_certificates(store, server.certificates.store_password.encode())
    assert key is not None
    assert certificate is not None
    path = directory / "service.pem"
    path.write_bytes(
        certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _write_bundle(server: ServerAddress, directory: Path, port: int) -> Path:
    assert server.certificates is not None
    directory.mkdir()
    bundle = directory / "bundle.zip"
    with zipfile.ZipFile(bundle, "w") as files:
        files.writestr("config.json", json.dumps({"host": "127.0.0.1", "port": port, "localDC": "datacenter1"}))
        files.write(server.certificates.authority, "ca.crt")
        files.write(server.certificates.client_certificate, "cert")
        files.write(server.certificates.client_key, "key")
    return bundle
