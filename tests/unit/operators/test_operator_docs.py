"""Docstring and signature of each operator, and of a hook's capture, say what the fields of the options say."""

from __future__ import annotations

import inspect
import re
from typing import Any, get_args

import pytest

from airflow_provider_cqlai.engine.options.values import choices
from dev import operator_docs
from dev.operator_docs import TARGETS, Target, members_of

# Types of which a text is one, so that a template needs no further one.
TAKES_TEXT = {"str", "AnyPath"}

each_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@each_target
def test_every_argument_is_explained_as_at_its_field(target: Target) -> None:
    path, text = operator_docs.render_file(target)
    assert text == path.read_text("utf-8"), "run python -m dev.operator_docs"
    entries = re.findall(r"^ *:param (\w+):", target.documented.__doc__, re.MULTILINE)
    assert entries == list(target.parameters)
    assert not re.findall(r"AnyPath|Literal", target.documented.__doc__), "names that a DAG author does not know"


@each_target
def test_annotations_are_those_of_the_fields_and_text_where_a_template_may_stand(target: Target) -> None:
    for name, parameter in target.parameters.items():
        field = target.find_field(name)
        if field is None:
            continue
        expected = set(field.members)
        if field.is_factory:
            expected.add("None")
        if target.is_templated and not expected & TAKES_TEXT:
            expected.add("str")
        assert set(members_of(parameter.annotation)) == expected, name


@each_target
def test_defaults_are_those_of_the_fields(target: Target) -> None:
    for name, parameter in target.parameters.items():
        field = target.find_field(name)
        if field is None or (field.default is None and not field.is_factory):
            continue
        if target.documented.__name__ == "CaptureQueriesOperator" and name == "queries":
            # A session has no queries to begin with; a task must.
            assert parameter.default is inspect.Parameter.empty
            continue
        default = eval(field.default) if field.default is not None else None
        assert (parameter.default, type(parameter.default)) == (default, type(default)), name


def test_every_list_of_choices_is_an_annotation_of_a_field() -> None:
    lists = {name for name in vars(choices) if get_args(getattr(choices, name))}
    used: set[str] = set()
    for target in TARGETS:
        for name in target.parameters:
            field = target.find_field(name)
            used |= set(field.members) if field is not None else set()
    assert len(lists) > 10
    assert lists <= used


def test_a_field_that_says_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    target = TARGETS[0]
    changed = operator_docs.Field("int", "4", False, "What the field says now.")

    def find_field(self: Target, name: str, found: Any = Target.find_field) -> Any:
        return changed if name == "concurrency" else found(self, name)

    monkeypatch.setattr(Target, "find_field", find_field)
    path, text = operator_docs.render_file(target)
    assert ":param concurrency: ``int``, default ``4``. What the field says now." in text
    assert text != path.read_text("utf-8")
    assert operator_docs.main(["--check"]) == 1


def test_an_argument_that_nothing_explains_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_docs, "read_fields", lambda owner: {})
    with pytest.raises(LookupError, match="explains table"):
        list(operator_docs.render_entries(TARGETS[0], {}, ""))
