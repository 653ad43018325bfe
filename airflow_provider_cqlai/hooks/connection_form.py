"""Makes the two forms of Airflow from the table of connection fields: plain dicts for 3.2 and later, widgets for 2.11.

Note: 2.11 shows a stored False as the default True, and saves it so, which is why its form writes booleans as text.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_cqlai.hooks.connection_fields import ATTRIBUTES, EXTRAS, ConnectionField, Kind

_JSON_TYPES = {
    Kind.TEXT: "string",
    Kind.WHOLE_NUMBER: "integer",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.MAPPING: "object",
    Kind.PEM: "string",
}


def conn_fields() -> dict[str, dict[str, Any]]:
    """``conn-fields`` of the provider's metadata: the form's extras for Airflow 3.2 and later."""
    return {field.name: _conn_field(field) for field in EXTRAS if field.is_in_form}


def _conn_field(field: ConnectionField) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": [_JSON_TYPES[field.kind], "null"]}
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.is_secret:
        schema["format"] = "password"
    elif field.kind is Kind.PEM:
        schema["format"] = "multiline"
    if field.default is not None:
        schema["default"] = field.default
    described: dict[str, Any] = {"label": field.label, "schema": schema}
    if field.description:
        described["description"] = field.description
    return described


def ui_field_behaviour() -> dict[str, Any]:
    """``ui-field-behaviour`` of the provider's metadata: names of the standard fields, and what an empty one shows."""
    return {
        "hidden-fields": [],
        "relabeling": {field.name: field.label for field in ATTRIBUTES},
        "placeholders": {field.name: field.placeholder for field in ATTRIBUTES if field.placeholder},
    }


def ui_field_behaviour_2() -> dict[str, Any]:
    """The same for Airflow 2.11, which spells it with underscores."""
    return {name.replace("-", "_"): value for name, value in ui_field_behaviour().items()}


def form_widgets_2() -> dict[str, Any]:
    """The form's extras for Airflow 2.11, whose web server has WTForms and Flask-AppBuilder."""
    return {field.name: _widget(field) for field in EXTRAS if field.is_in_form}


def _widget(field: ConnectionField) -> Any:
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import Optional, any_of

    validators = [Optional()]
    if field.choices:
        validators.append(any_of(field.choices))
    if field.kind is Kind.BOOLEAN:
        validators.append(any_of(("true", "false")))
    if field.is_secret:
        field_type, widget = PasswordField, BS3PasswordFieldWidget()
    elif field.kind is Kind.WHOLE_NUMBER:
        field_type, widget = IntegerField, BS3TextFieldWidget()
    else:
        field_type, widget = StringField, BS3TextFieldWidget()
    known = " or ".join(map(str, field.choices)) if field.choices else ""
    if field.kind is Kind.BOOLEAN:
        known = "true or false"
    description = f"{field.description} ({known})".strip() if known else field.description
    return field_type(field.label, widget=widget, description=description, validators=validators)
