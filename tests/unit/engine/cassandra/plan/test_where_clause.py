"""What a where may hold, told token by token."""

import pytest

from airflow_provider_cqlai.engine.cassandra.plan.where_clause import read_where
from airflow_provider_cqlai.engine.errors import OptionError


@pytest.mark.parametrize(
    ("text", "operators"),
    [
        ("a = 1", {"a": "="}),
        ('A=1 AND "A" > 2 and b in (1, 2)', {"a": "=", "A": ">", "b": "IN"}),
        ("status = 'x; LIMIT ''5'' AND b = 1' AND c <= 2", {"status": "=", "c": "<="}),
        ("s = $$it's ; ORDER BY$$ AND b != 1", {"s": "=", "b": "!="}),
        ('"limit" = 1 AND "a""b" = 2', {"limit": "=", 'a"b': "="}),
        ("a = 1 -- AND b = 2 LIMIT 5", {"a": "="}),
        ("a = 1 // ;\nAND b = 2", {"a": "=", "b": "="}),
        ("a = 1 /* LIMIT 1; ' */ AND b = 2", {"a": "=", "b": "="}),
        ("tags CONTAINS 'x' AND tags CONTAINS KEY 'y'", {"tags": "CONTAINS"}),
        ("m['k'] = 'v'", {"m": "["}),
        ("token(a) > 5 AND b = 1", {"b": "="}),
        ("(a) = (1) AND (b, c) > (1, 2)", {"a": ")", "b": ",", "c": ")"}),
        ('(a, b, "C") > (1, 2, 3) AND (d, 1) = (2, 3)', {"a": ",", "b": ",", "C": ")", "d": ","}),
        ("(a = 1) AND b = 2", {"a": "=", "b": "="}),
        ("a IN (1, (2)) AND b = {'x AND y': 1}", {"a": "IN", "b": "="}),
        ("group = 1 AND per = 2 AND filtering = 3", {"group": "=", "per": "=", "filtering": "="}),
        ("id = 5b6962dd-3f90-4c93-8f61-eabfa4a803e2 AND b = 0xab", {"id": "=", "b": "="}),
        ("unlimited = 1 AND ordering = 2", {"unlimited": "=", "ordering": "="}),
    ],
)
def test_restricted_columns_are_found(text: str, operators: dict[str, str]) -> None:
    assert read_where(text).operators == operators


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = 1 LIMIT 5", "LIMIT"),
        ("a = 1 limit 5", "LIMIT"),
        ("a = 1 PER PARTITION LIMIT 5", "LIMIT"),
        ("a = 1 ORDER BY b", "ORDER"),
        ("a = 1 ORDER BY v ANN OF [1.0]", "ORDER"),
        ("a = 1 GROUP /* x */ BY b", "GROUP BY"),
        ("a = 1 ALLOW FILTERING", "ALLOW"),
        ("a = 1/**/ALLOW--x\nFILTERING", "ALLOW"),
        ("a = 'it''s' LIMIT 5", "LIMIT"),
        ("a = $$x$$ LIMIT 5", "LIMIT"),
        ('"a" = 1 LIMIT 5', "LIMIT"),
        ("WHERE a = 1", "WHERE"),
        ("a = 1;", "semicolon"),
        ("a = 1; DROP TABLE t", "semicolon"),
        ("a = ?", "bind marker"),
        ("a IN (?, 1)", "bind marker"),
        ("a = 'open", "not closed"),
        ('a" = 1', "not closed"),
        ("a = 1 /* open", "comment is not closed"),
        ("a IN (1, 2", r"'\)' is missing"),
        ("a = 1) OR (b = 2", "closes nothing"),
        ("a IN (1]", "closes nothing"),
        ("", "is empty"),
        ("  -- nothing", "is empty"),
    ],
)
def test_anything_but_restrictions_is_refused(text: str, reason: str) -> None:
    with pytest.raises(OptionError, match=reason) as caught:
        read_where(text)
    assert caught.value.option == "where"


def test_text_is_kept_as_written_with_its_comment_ended() -> None:
    assert read_where("a = 1 -- one").restriction.cql == "a = 1 -- one\n"


@pytest.mark.parametrize(
    ("text", "is_fixed"),
    [
        ("a = 1 AND b = 2", True),
        ("a = 1 AND b IN (2, 3) AND c > 1", True),
        ("a = 1", False),
        ("a = 1 AND b > 2", False),
        ("a = 1 AND b CONTAINS 2", False),
        ("token(a, b) = 5", False),
    ],
)
def test_listed_keys_are_told_from_bounded_ones(text: str, is_fixed: bool) -> None:
    assert read_where(text).fixes(["a", "b"]) == is_fixed


@pytest.mark.parametrize(
    ("text", "does_cut"),
    [
        ("ts = 1", True),
        ("TS in (1)", True),
        ("n = 1 AND (ts >= 5)", True),
        ("ts BETWEEN 1 AND 2", True),
        ("(id, ts) > (1, 2)", True),
        ("(ts, id) > (1, 2)", True),
        ("token(ts) > 5", False),
        ("n = 5", False),
        # These go together with bounds where the server knows them, so they are for it to judge.
        ("ts != 5", False),
        ("ts CONTAINS 5", False),
    ],
)
def test_bounds_and_values_of_a_column_cut_it(text: str, does_cut: bool) -> None:
    assert read_where(text).cuts("ts") is does_cut
