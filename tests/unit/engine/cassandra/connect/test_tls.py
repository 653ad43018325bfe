"""TLS settings become an SSL context; certificates are paths or PEM text."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings, build_ssl_context, read_pem
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError


@dataclass(frozen=True)
class Pems:
    certificate: str
    key: str
    locked_key: str


@pytest.fixture(scope="module")
def pems() -> Pems:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"letmein"))
    return Pems(
        certificate.public_bytes(Encoding.PEM).decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        locked.decode(),
    )


def refusal(settings: TlsSettings) -> str:
    with pytest.raises(ConnectionSettingsError) as caught:
        build_ssl_context(settings)
    return str(caught.value)


def test_server_is_verified_by_default() -> None:
    context = build_ssl_context(TlsSettings())
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_hostname_check_can_be_off_while_the_certificate_is_verified() -> None:
    context = build_ssl_context(TlsSettings(is_hostname_checked=False))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_given_authority_is_the_only_one_trusted(pems: Pems, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(pems.certificate)
    for ca_certificate in (str(path), pems.certificate):
        context = build_ssl_context(TlsSettings(ca_certificate=ca_certificate))
        assert [dict(part[0] for part in ca["subject"]) for ca in context.get_ca_certs()] == [{"commonName": "test"}]


@pytest.mark.parametrize("broken", [" ", "\\n", "\r\n", ""])
def test_pem_text_survives_a_single_line_form(pems: Pems, broken: str) -> None:
    text = pems.certificate.strip().replace("\n", broken)
    assert read_pem(text) == pems.certificate
    build_ssl_context(TlsSettings(ca_certificate=text))


def test_two_certificates_in_one_text_both_count(pems: Pems) -> None:
    assert read_pem((pems.certificate + pems.key).replace("\n", " ")) == pems.certificate + pems.key


@pytest.mark.parametrize("is_path", [True, False])
def test_client_certificate_loads_from_path_and_text(pems: Pems, tmp_path: Path, is_path: bool) -> None:
    certificate, key = pems.certificate, pems.locked_key
    if is_path:
        (tmp_path / "c.pem").write_text(certificate)
        (tmp_path / "k.pem").write_text(key)
        certificate, key = str(tmp_path / "c.pem"), str(tmp_path / "k.pem")
    build_ssl_context(
        TlsSettings(client_certificate=certificate, client_private_key=key, client_private_key_password="letmein")
    )


def test_key_may_lie_in_the_certificates_text(pems: Pems) -> None:
    build_ssl_context(TlsSettings(client_certificate=pems.certificate + pems.key))


def test_pem_text_leaves_no_file_behind(pems: Pems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    build_ssl_context(TlsSettings(client_certificate=pems.certificate, client_private_key=pems.key))
    assert list(tmp_path.iterdir()) == []


def test_locked_key_without_its_password_fails_instead_of_asking(pems: Pems) -> None:
    settings = TlsSettings(client_certificate=pems.certificate, client_private_key=pems.locked_key)
    message = refusal(settings)
    assert "tls_client_private_key_password" in message
    assert pems.locked_key.splitlines()[1] not in message


def test_key_without_certificate_is_an_error(pems: Pems) -> None:
    with pytest.raises(ConnectionSettingsError, match="tls_client_certificate"):
        TlsSettings(client_private_key=pems.key)


def test_missing_file_is_an_error_that_names_it() -> None:
    assert "'/nowhere/ca.pem'" in refusal(TlsSettings(ca_certificate="/nowhere/ca.pem"))


@pytest.mark.parametrize("length", [100, 10_000])
def test_key_without_its_pem_lines_stays_out_of_the_message(pems: Pems, length: int) -> None:
    message = refusal(TlsSettings(client_certificate=pems.certificate, client_private_key="c2VjcmV0" * (length // 8)))
    assert "c2VjcmV0" not in message
    assert "tls_client_private_key" in message


def test_text_that_is_no_certificate_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    assert "does not load" in refusal(TlsSettings(ca_certificate=str(path)))
    assert "does not load" in refusal(
        TlsSettings(ca_certificate="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
    )


def test_unknown_cipher_is_an_error() -> None:
    assert "ciphers='NOSUCH'" in refusal(TlsSettings(ciphers="NOSUCH"))


def test_hostname_of_an_unverified_certificate_cannot_be_checked() -> None:
    with pytest.raises(ConnectionSettingsError, match="check_hostname"):
        TlsSettings(is_certificate_verified=False)
    context = build_ssl_context(TlsSettings(is_certificate_verified=False, is_hostname_checked=False))
    assert context.verify_mode == ssl.CERT_NONE
