"""Certificates for a local cluster with TLS: an authority, a server, a client, and an authority nobody trusts.

In: a directory. Out: PEM files for clients and PKCS12 stores for the server. Keys are thrown away with the directory,
so the stores' password protects nothing and is fixed.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

_STORE_PASSWORD = "cassandra"
_VALIDITY = datetime.timedelta(days=2)


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


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def write_certificates(directory: Path, host_names: tuple[str, ...]) -> CertificateFiles:
    """Makes all files anew; the server's certificate is valid for ``host_names``, addresses or names."""
    directory.mkdir(parents=True, exist_ok=True)
    files = CertificateFiles(directory)
    authority = _authority("local test authority")
    files.authority.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    untrusted = _authority("authority nobody trusts")
    files.untrusted_authority.write_bytes(untrusted.certificate.public_bytes(Encoding.PEM))

    certificate, key = _signed(authority, "client", ())
    files.client_certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    files.client_key.touch(mode=0o600)
    files.client_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    encryption = BestAvailableEncryption(files.store_password.encode())
    certificate, key = _signed(authority, "server", host_names)
    files.server_keystore.write_bytes(
        pkcs12.serialize_key_and_certificates(b"server", key, certificate, [authority.certificate], encryption)
    )
    files.truststore.write_bytes(
        # Java trusts only certificates that carry its own "trusted" attribute, which the plain form lacks.
        pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(authority.certificate, b"authority")], encryption)
    )
    return files


def _authority(name: str) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _Authority(builder.sign(key, hashes.SHA256()), key)


def _signed(
    authority: _Authority, name: str, host_names: tuple[str, ...]
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = "local test authority"
    # Python 3.13 checks strictly and refuses a certificate without these two.
    builder = (
        _builder(name, issuer, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    if host_names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(host) for host in host_names]), critical=False
        )
    return builder.sign(authority.key, hashes.SHA256()), key


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _VALIDITY)
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
