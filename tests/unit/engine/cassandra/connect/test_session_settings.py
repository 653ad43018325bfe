"""Connection settings are checked where they are built."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError


def refusal(**settings: Any) -> ConnectionSettingsError:
    with pytest.raises(ConnectionSettingsError) as caught:
        ConnectionSettings(**{"hosts": "a", **settings})
    return caught.value


def test_names_are_read_in_any_case() -> None:
    settings = ConnectionSettings(
        hosts="a", consistency_level="local_one", serial_consistency_level="Serial", compression="LZ4"
    )
    assert (settings.consistency_level, settings.serial_consistency_level, settings.compression) == (
        "LOCAL_ONE",
        "SERIAL",
        "lz4",
    )


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"consistency_level": "LOCAL_QUORUMM"}, "local_quorum"),
        ({"serial_consistency_level": "QUORUM"}, "local_serial"),
        ({"compression": "zip"}, "snappy"),
        ({"port": 0}, "65535"),
        ({"port": "9042"}, "65535"),
        ({"protocol_version": 6}, "3, 4, 5"),
        ({"protocol_version": "4"}, "3, 4, 5"),
        ({"protocol_version": True}, "3, 4, 5"),
        ({"page_size_rows": 0}, "page_size=0"),
        ({"connect_timeout_seconds": 0}, "connect_timeout_seconds=0"),
        ({"request_timeout_seconds": -1}, "request_timeout_seconds=-1"),
        ({"username": "u"}, "login without password"),
        ({"password": "p"}, "password without login"),
        ({"compression": "snappy", "protocol_version": 5}, "version 4"),
        ({"hosts": " , "}, "no host"),
        ({"load_balancing_policy": "DCAware"}, "DCAwareRoundRobinPolicy"),
    ],
)
def test_wrong_setting_is_an_error_that_names_what_would_do(settings: dict[str, Any], named: str) -> None:
    assert named in str(refusal(**settings))


def test_refused_credentials_do_not_show_the_password() -> None:
    assert "hunter2" not in str(refusal(password="hunter2"))


def test_secrets_are_not_in_the_repr() -> None:
    settings = ConnectionSettings(
        hosts="a",
        username="u",
        password="hunter2",
        tls=TlsSettings(
            client_certificate="cert-text", client_private_key="key-text", client_private_key_password="hunter3"
        ),
    )
    for secret in ("hunter2", "hunter3", "key-text"):
        assert secret not in repr(settings)


def make_bundle(path: Path, names: tuple[str, ...]) -> str:
    with zipfile.ZipFile(path, "w") as bundle:
        for name in names:
            bundle.writestr(name, "{}")
    return str(path)


def test_bundle_replaces_hosts(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle.zip", ("config.json", "ca.crt", "cert", "key", "cqlshrc"))
    assert ConnectionSettings(secure_connect_bundle=bundle).contact_points == ()
    for contradiction in ({"hosts": "a"}, {"hosts": (), "tls": TlsSettings()}):
        assert "its own hosts and TLS" in str(refusal(secure_connect_bundle=bundle, **contradiction))


def test_missing_bundle_is_an_error_that_names_its_path(tmp_path: Path) -> None:
    path = str(tmp_path / "absent.zip")
    assert path in str(refusal(hosts=(), secure_connect_bundle=path))


def test_file_that_is_no_bundle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_text("not a zip file")
    assert "cannot be read" in str(refusal(hosts=(), secure_connect_bundle=str(path)))
    incomplete = make_bundle(tmp_path / "incomplete.zip", ("config.json", "cert"))
    assert "lacks ca.crt, key" in str(refusal(hosts=(), secure_connect_bundle=incomplete))
