"""Both forms come from the one table, and the table knows what the engine knows."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_provider_cqlai.engine.cassandra.connect import settings
from airflow_provider_cqlai.engine.cassandra.connect.load_balancing import POLICIES
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings
from airflow_provider_cqlai.hooks.connection_fields import ATTRIBUTES, CONSISTENCY_LEVELS, EXTRAS, Kind
from airflow_provider_cqlai.hooks.connection_form import (
    conn_fields,
    form_widgets_2,
    ui_field_behaviour,
    ui_field_behaviour_2,
)

CHOICES = {field.name: field.choices for field in EXTRAS}


def test_every_setting_can_be_reached_by_a_connection() -> None:
    reached = {field.setting for field in (*ATTRIBUTES, *EXTRAS)}
    settings = {field.name for field in dataclasses.fields(ConnectionSettings)}
    tls = {f"tls.{field.name}" for field in dataclasses.fields(TlsSettings)}
    # Only connections of the official hook say these two, inside ssl_options.
    assert reached == settings | tls - {"tls.is_certificate_verified", "tls.ciphers"}


def test_choices_are_those_of_the_engine() -> None:
    # ANY is a level for writes.
    assert set(CONSISTENCY_LEVELS) == set(settings.CONSISTENCY_LEVELS) - {"ANY"}
    assert CHOICES["consistency_level"] == CONSISTENCY_LEVELS
    assert CHOICES["serial_consistency_level"] == settings.SERIAL_CONSISTENCY_LEVELS
    assert CHOICES["load_balancing_policy"] == tuple(POLICIES)
    assert CHOICES["protocol_version"] == settings.PROTOCOL_VERSIONS
    assert CHOICES["compression"] == settings.COMPRESSIONS


def test_form_of_3_2_holds_every_extra_that_is_not_for_other_hooks() -> None:
    assert list(conn_fields()) == [field.name for field in EXTRAS if field.name not in ("cql_version", "ssl_options")]


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("local_data_centre", {"type": ["string", "null"]}),
        ("protocol_version", {"type": ["integer", "null"], "enum": [3, 4, 5]}),
        ("request_timeout_seconds", {"type": ["number", "null"]}),
        ("load_balancing_policy_args", {"type": ["object", "null"]}),
        ("tls_ca_certificate", {"type": ["string", "null"], "format": "multiline"}),
        ("tls_client_private_key", {"type": ["string", "null"], "format": "password"}),
        ("tls_check_hostname", {"type": ["boolean", "null"], "default": True}),
    ],
)
def test_field_of_3_2_has_the_json_type_of_its_kind(name: str, schema: dict[str, Any]) -> None:
    assert conn_fields()[name]["schema"] == schema


def test_secrets_are_masked_in_logs_by_their_names() -> None:
    sdk = pytest.importorskip("airflow.providers.common.compat.sdk", reason="common-compat 1.8 knows where redact is")
    secrets = {field.name: "hunter2" for field in EXTRAS if field.is_secret}
    assert len(secrets) == 2
    assert set(sdk.redact(secrets).values()) == {"***"}


def test_standard_fields_are_named_in_cassandras_words() -> None:
    behaviour = ui_field_behaviour()
    assert behaviour["relabeling"]["schema"] == "Keyspace"
    assert "[::1]" in behaviour["placeholders"]["host"]
    assert ui_field_behaviour_2() == {
        "hidden_fields": [],
        "relabeling": behaviour["relabeling"],
        "placeholders": behaviour["placeholders"],
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_form_of_2_11_has_the_fields_of_3_2() -> None:
    pytest.importorskip("wtforms")
    pytest.importorskip("flask_appbuilder")
    widgets = form_widgets_2()
    assert list(widgets) == list(conn_fields())
    kinds = {name: widget.field_class.__name__ for name, widget in widgets.items()}
    for field in EXTRAS:
        if not field.is_in_form:
            continue
        expected = "IntegerField" if field.kind is Kind.WHOLE_NUMBER else "StringField"
        assert kinds[field.name] == ("PasswordField" if field.is_secret else expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_form_of_2_11_takes_blanks_and_known_choices_only() -> None:
    wtforms = pytest.importorskip("wtforms")
    datastructures = pytest.importorskip("werkzeug.datastructures")
    pytest.importorskip("flask_appbuilder")
    form_type = type("ConnectionForm", (wtforms.Form,), form_widgets_2())

    def errors(**values: str) -> set[str]:
        blank = dict.fromkeys(conn_fields(), "")
        form = form_type(datastructures.MultiDict(blank | values))
        form.validate()
        return set(form.errors)

    assert errors() == set()
    assert errors(protocol_version="4", tls="true", consistency_level="ALL", compression="lz4") == set()
    wrong = {"protocol_version": "9", "tls": "maybe", "consistency_level": "MOST", "page_size": "x"}
    assert errors(**wrong) == set(wrong)
