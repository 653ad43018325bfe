"""An Airflow Connection becomes settings: every field, blank ones, mistyped ones, those of other hooks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_cqlai.airflow_compat import Connection
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError
from airflow_provider_cqlai.hooks.connection_fields import EXTRAS
from airflow_provider_cqlai.hooks.connection_reading import read_connection

CA = "/etc/cassandra/ca.pem"

# 2.11 warns of extras that are not a JSON object, and goes on without them.
pytestmark = pytest.mark.filterwarnings("ignore:Encountered:DeprecationWarning")


def connection(extra: Any = None, **fields: Any) -> Connection:
    text = extra if isinstance(extra, str) or extra is None else json.dumps(extra)
    return Connection(**{"conn_id": "prod", "conn_type": "cqlai", "host": "node1", "extra": text, **fields})


def refusal(extra: Any = None, **fields: Any) -> ConnectionSettingsError:
    with pytest.raises(ConnectionSettingsError) as caught:
        read_connection(connection(extra, **fields))
    assert str(caught.value).startswith("connection 'prod': ")
    return caught.value


def test_host_alone_is_enough() -> None:
    assert read_connection(connection()) == ConnectionSettings(hosts="node1")


def test_every_field_becomes_its_setting() -> None:
    extra = {
        "local_data_centre": "dc1",
        "consistency_level": "ALL",
        "serial_consistency_level": "LOCAL_SERIAL",
        "load_balancing_policy": "DCAwareRoundRobinPolicy",
        "load_balancing_policy_args": {"used_hosts_per_remote_dc": 1},
        "protocol_version": 4,
        "compression": "none",
        "connect_timeout_seconds": 3,
        "request_timeout_seconds": 4.5,
        "page_size": 100,
        "tls": True,
        "tls_ca_certificate": CA,
        "tls_client_certificate": "/c.pem",
        "tls_client_private_key": "/k.pem",
        "tls_client_private_key_password": "letmein",
        "tls_check_hostname": False,
        "application_name": "nightly",
        "cql_version": "3.4.7",
    }
    fields = {field.name for field in EXTRAS}
    assert fields - set(extra) == {"secure_connect_bundle", "ssl_options"}
    settings = read_connection(
        connection(extra, host="a, [::1]:9043", port=9142, login="u", password="p", schema="MyKeyspace")
    )
    assert settings == ConnectionSettings(
        hosts="a, [::1]:9043",
        port=9142,
        username="u",
        password="p",
        keyspace="MyKeyspace",
        local_data_centre="dc1",
        consistency_level="ALL",
        serial_consistency_level="LOCAL_SERIAL",
        load_balancing_policy="DCAwareRoundRobinPolicy",
        load_balancing_policy_args={"used_hosts_per_remote_dc": 1},
        protocol_version=4,
        compression="none",
        connect_timeout_seconds=3.0,
        request_timeout_seconds=4.5,
        page_size_rows=100,
        tls=TlsSettings(
            ca_certificate=CA,
            client_certificate="/c.pem",
            client_private_key="/k.pem",
            client_private_key_password="letmein",
            is_hostname_checked=False,
        ),
        application_name="nightly",
        cql_version="3.4.7",
    )


def test_values_as_a_uri_or_the_form_of_2_11_writes_them() -> None:
    settings = read_connection(
        connection(
            {
                "extra__cqlai__protocol_version": "4",
                "extra__cqlai__page_size": 7,
                "load_balancing_policy": "TokenAwarePolicy",
                "load_balancing_policy_args": '{"shuffle_replicas": true}',
                "request_timeout_seconds": "2.5",
                "tls": "true",
                "tls_check_hostname": "False",
            }
        )
    )
    assert (settings.protocol_version, settings.page_size_rows, settings.request_timeout_seconds) == (4, 7, 2.5)
    assert settings.load_balancing.is_shuffled
    assert settings.tls == TlsSettings(is_hostname_checked=False)


def test_plain_name_wins_over_the_forms_prefix_unless_it_is_blank() -> None:
    extra = {
        "extra__cqlai__page_size": 1,
        "page_size": 2,
        "extra__cqlai__application_name": "a",
        "application_name": "",
    }
    settings = read_connection(connection(extra))
    assert (settings.page_size_rows, settings.application_name) == (2, "a")


@pytest.mark.parametrize("name", ["local_dc", "localDatacenter", "local_datacenter", "local_data_center", "datacenter"])
def test_the_local_data_centre_has_other_spellings(name: str) -> None:
    assert read_connection(connection({name: "dc1"})).local_data_centre == "dc1"
    assert read_connection(connection({name: "dc1", "local_data_centre": ""})).local_data_centre == "dc1"
    assert read_connection(connection({"local_data_centre": None, name: "dc1"})).local_data_centre == "dc1"
    assert read_connection(connection({"local_data_centre": "dc1", name: "dc1"})).local_data_centre == "dc1"


def test_two_spellings_that_differ_are_refused() -> None:
    error = refusal({"local_data_centre": "dc1", "local_dc": "dc2"})
    assert "local_dc='dc2' contradicts local_data_centre='dc1'" in str(error)
    assert error.setting == "local_data_centre"


def test_blank_fields_count_as_not_given() -> None:
    blanks: dict[str, Any] = {field.name: blank for field, blank in zip(EXTRAS, ["", None, "  "] * 9, strict=False)}
    blanks |= {"load_balancing_policy_args": {}, "ssl_options": {}}
    settings = read_connection(connection(blanks, login="", password="", schema=" ", port=None))
    assert settings == ConnectionSettings(hosts="node1")


@pytest.mark.parametrize(
    ("name", "near"), [("local_dcs", "local_data_centre"), ("protocol_versions", "protocol_version")]
)
def test_mistyped_extra_is_an_error_that_names_the_near_and_the_known_ones(name: str, near: str) -> None:
    error = refusal({name: "x"})
    assert f"unknown extra {name!r} (did you mean {near!r}?)" in str(error)
    for field in EXTRAS:
        assert field.name in str(error)
    assert error.setting == name


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"protocol_version": "four"}, "protocol_version='four' must be a whole number"),
        ({"page_size": 1.5}, "page_size=1.5 must be a whole number"),
        ({"page_size": True}, "page_size=True must be a whole number"),
        ({"connect_timeout_seconds": "soon"}, "must be a number"),
        ({"tls": "perhaps"}, "tls='perhaps' must be a boolean"),
        ({"load_balancing_policy": "TokenAwarePolicy", "load_balancing_policy_args": "[1]"}, "must be a mapping"),
        ({"application_name": 5}, "application_name=5 must be a text"),
        ({"consistency_level": "MOST"}, "local_quorum"),
        ({"tls": False, "tls_ca_certificate": CA}, "tls_ca_certificate is given"),
        ({"tls_client_private_key": "/k.pem"}, "without tls_client_certificate"),
        ("not json", "is not JSON"),
        ("[1, 2]", "must be a JSON object"),
    ],
)
def test_wrong_value_is_an_error(extra: Any, said: str) -> None:
    assert said in str(refusal(extra))


def test_wrong_secret_is_not_shown() -> None:
    assert "12345" not in str(refusal({"tls_client_private_key_password": 12345}))
    assert "hunter2" not in str(refusal('{"tls_client_private_key_password": "hunter2"'))


def test_certificate_switches_tls_on() -> None:
    assert read_connection(connection({"tls_ca_certificate": CA})).tls == TlsSettings(ca_certificate=CA)


def test_hostname_check_alone_does_not_switch_tls_on() -> None:
    # The form of 3.2 stores the box as it shows it.
    assert read_connection(connection({"tls_check_hostname": True})).tls is None


def test_connection_of_the_official_hook_works() -> None:
    extra = {
        "load_balancing_policy": "TokenAwarePolicy",
        "load_balancing_policy_args": {
            "child_load_balancing_policy": "DCAwareRoundRobinPolicy",
            "child_load_balancing_policy_args": {"local_dc": "dc1", "used_hosts_per_remote_dc": 0},
        },
        "ssl_options": {"ca_certs": CA, "cert_reqs": "CERT_REQUIRED", "certfile": "/c.pem", "keyfile": "/k.pem"},
        "protocol_version": 4,
        "cql_version": "3.4.4",
    }
    settings = read_connection(connection(extra, conn_type="cassandra", host="a,b", schema="ks"))
    assert settings.load_balancing.data_centre_policy is not None
    assert settings.load_balancing.data_centre_policy.local_data_centre == "dc1"
    assert settings.tls == TlsSettings(
        ca_certificate=CA, client_certificate="/c.pem", client_private_key="/k.pem", is_hostname_checked=False
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ca_certs": CA, "check_hostname": True}, TlsSettings(ca_certificate=CA)),
        (
            {"ca_certs": CA, "cert_reqs": 0},
            TlsSettings(ca_certificate=CA, is_certificate_verified=False, is_hostname_checked=False),
        ),
        (
            {"ca_certs": CA, "ssl_version": "PROTOCOL_TLSv1_2", "cert_reqs": "ssl.CERT_REQUIRED", "ciphers": "HIGH"},
            TlsSettings(ca_certificate=CA, is_hostname_checked=False, ciphers="HIGH"),
        ),
    ],
)
def test_ssl_options_are_read(options: dict[str, Any], expected: TlsSettings) -> None:
    assert read_connection(connection({"ssl_options": options})).tls == expected


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"ssl_options": {"ca_cert": CA}}, "did you mean 'ca_certs'"),
        ({"ssl_options": {"ca_certs": CA, "cert_reqs": "ALWAYS"}}, "CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED"),
        ({"ssl_options": {"ca_certs": CA, "ssl_version": "PROTOCOL_TLSv1"}}, "older than TLS 1.2"),
        ({"ssl_options": {"ca_certs": CA, "check_hostname": "yes"}}, "must be true or false"),
        ({"ssl_options": {"ca_certs": 1}}, "ca_certs must be a text"),
        ({"ssl_options": {"ca_certs": CA}, "tls_ca_certificate": CA}, "contradict"),
        ({"ssl_options": {"ca_certs": CA}, "tls": False}, "tls is false"),
    ],
)
def test_wrong_ssl_options_are_an_error(extra: dict[str, Any], said: str) -> None:
    assert said in str(refusal(extra))
