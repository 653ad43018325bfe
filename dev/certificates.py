"""Certificates for a local cluster with TLS: an authority, a server, a client, and an authority nobody trusts.

A directory gets PEM files for clients and PKCS12 stores for the server. Keys are thrown away with the directory, so the
stores' password protects nothing and is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from cryptography.x509 import load_pem_x509_certificate

_STORE_PASSWORD = "cassandra"


@dataclass(frozen=True)
class CertificateFiles:
    """Where the files lie. ``untrusted_authority`` signed none of them."""

    directory: Path
    store_password: str = _STORE_PASSWORD

    @property
    def authority(self) -> Path:
        return self.directory / "authority.pem"

    @property
    def untrusted_authority(self) -> Path:
        return self.directory / "untrusted-authority.pem"

    @property
    def client_certificate(self) -> Path:
        return self.directory / "client.pem"

    @property
    def client_key(self) -> Path:
        return self.directory / "client-key.pem"

    @property
    def server_keystore(self) -> Path:
        return self.directory / "server.p12"

    @property
    def truststore(self) -> Path:
        return self.directory / "authority.p12"


def write_certificates(directory: Path, host_names: tuple[str, ...]) -> CertificateFiles:
    """Makes all files anew; the server's certificate is valid for ``host_names``, addresses or names."""
    directory.mkdir(parents=True, exist_ok=True)
    files = CertificateFiles(directory)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(files.authority)
    trustme.CA().cert_pem.write_to_path(files.untrusted_authority)

    # Java refuses a certificate that names nobody.
    client = authority.issue_cert("client", common_name="client")
    client.cert_chain_pems[0].write_to_path(files.client_certificate)
    files.client_key.touch(mode=0o600)
    client.private_key_pem.write_to_path(files.client_key)

    server = authority.issue_cert(*host_names)
    key = load_pem_private_key(server.private_key_pem.bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    issuer = load_pem_x509_certificate(authority.cert_pem.bytes())
    certificate = load_pem_x509_certificate(server.cert_chain_pems[0].bytes())
    # Java reads neither of the formats that trustme writes, and Cassandra 4.0 takes no PEM.
    encryption = BestAvailableEncryption(files.store_password.encode())
    files.server_keystore.write_bytes(
        pkcs12.serialize_key_and_certificates(b"server", key, certificate, [issuer], encryption)
    )
    files.truststore.write_bytes(
        # Java trusts only certificates that carry its own "trusted" attribute, which the plain form lacks.
        pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(issuer, b"authority")], encryption)
    )
    return files
