"""Host texts become contact points."""

from __future__ import annotations

import pytest

from airflow_provider_cqlai.engine.cassandra.connect.contact_points import ContactPoint, read_contact_points
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node1", [("node1", None)]),
        (" node1 , node2 ", [("node1", None), ("node2", None)]),
        ("node1,,", [("node1", None)]),
        ("node1:9043, 10.0.0.2", [("node1", 9043), ("10.0.0.2", None)]),
        ("::1", [("::1", None)]),
        ("[::1]", [("::1", None)]),
        ("[::1]:9043", [("::1", 9043)]),
        ("2001:db8::7, [2001:db8::8]:9043", [("2001:db8::7", None), ("2001:db8::8", 9043)]),
        ("fe80::1%eth0", [("fe80::1%eth0", None)]),
        ("node_1.rack-2.example.org.", [("node_1.rack-2.example.org.", None)]),
        ("node1, node1", [("node1", None)]),
    ],
)
def test_hosts_are_read_in_order(text: str, expected: list[tuple[str, int | None]]) -> None:
    assert read_contact_points(text) == tuple(ContactPoint(address, port) for address, port in expected)


def test_list_of_hosts_reads_like_a_text() -> None:
    assert read_contact_points([" a ", "b:1"]) == read_contact_points("a,b:1")


@pytest.mark.parametrize(
    "text",
    ["a b", "cassandra://a", "a:", "a:0", "a:65536", "a:x", "[::1", "[::1]9042", "[a]:1", "1:2:3", "a/b", "u@a", "-a"],
)
def test_what_is_no_host_is_an_error_that_quotes_it(text: str) -> None:
    with pytest.raises(ConnectionSettingsError) as caught:
        read_contact_points(text)
    assert repr(text) in str(caught.value)
    assert caught.value.setting == "hosts"


@pytest.mark.parametrize(
    ("point", "text"),
    [(ContactPoint("a"), "a"), (ContactPoint("a", 1), "a:1"), (ContactPoint("::1", 1), "[::1]:1")],
)
def test_contact_point_is_shown_as_it_is_written(point: ContactPoint, text: str) -> None:
    assert str(point) == text
    assert read_contact_points(text) == (point,)
