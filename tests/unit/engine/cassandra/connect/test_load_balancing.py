"""Load balancing policies by name."""

from __future__ import annotations

from typing import Any

import pytest
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
    WhiteListRoundRobinPolicy,
)

from airflow_provider_cqlai.engine.cassandra.connect.load_balancing import (
    build_policy,
    check_data_centre,
    read_load_balancing,
)
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError


def test_default_is_token_aware_over_the_local_data_centre() -> None:
    policy = build_policy(read_load_balancing(None, {}, "dc1"))
    assert type(policy) is TokenAwarePolicy
    assert type(policy._child_policy) is DCAwareRoundRobinPolicy
    assert policy._child_policy.local_dc == "dc1"


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("RoundRobinPolicy", {}, RoundRobinPolicy),
        ("DCAwareRoundRobinPolicy", {"local_dc": "dc1", "used_hosts_per_remote_dc": 2}, DCAwareRoundRobinPolicy),
        ("WhiteListRoundRobinPolicy", {"hosts": ["127.0.0.1"]}, WhiteListRoundRobinPolicy),
        ("TokenAwarePolicy", {"child_load_balancing_policy": "RoundRobinPolicy"}, TokenAwarePolicy),
    ],
)
def test_every_policy_of_the_official_hook_is_built(name: str, arguments: dict[str, Any], expected: type) -> None:
    policy = build_policy(read_load_balancing(name, arguments, None))
    assert type(policy) is expected
    if expected is DCAwareRoundRobinPolicy:
        assert (policy.local_dc, policy.used_hosts_per_remote_dc) == ("dc1", 2)
    if expected is TokenAwarePolicy:
        assert type(policy._child_policy) is RoundRobinPolicy


def test_child_policy_takes_its_arguments() -> None:
    arguments = {
        "child_load_balancing_policy": "DCAwareRoundRobinPolicy",
        "child_load_balancing_policy_args": {"local_dc": "dc2", "used_hosts_per_remote_dc": 1},
    }
    child = build_policy(read_load_balancing("TokenAwarePolicy", arguments, None))._child_policy
    assert (child.local_dc, child.used_hosts_per_remote_dc) == ("dc2", 1)


@pytest.mark.parametrize(
    ("name", "arguments", "local_data_centre", "said"),
    [
        ("RoundRobbinPolicy", {}, None, "did you mean 'RoundRobinPolicy'"),
        ("TokenAwarePolicy", {"child_load_balancing_policy": "DCAware"}, None, "known: RoundRobinPolicy"),
        ("TokenAwarePolicy", {"child_load_balancing_policy": "TokenAwarePolicy"}, None, "its own child"),
        ("TokenAwarePolicy", {"child_load_balancing_policy_args": "x"}, None, "mapping"),
        ("DCAwareRoundRobinPolicy", {"local_dcc": "dc1"}, None, "did you mean 'local_dc'"),
        ("DCAwareRoundRobinPolicy", {"local_dc": "dc1"}, "dc2", "contradicts"),
        ("DCAwareRoundRobinPolicy", {"local_dc": 1}, None, "must be a text"),
        ("DCAwareRoundRobinPolicy", {"used_hosts_per_remote_dc": "1"}, None, "whole number"),
        ("WhiteListRoundRobinPolicy", {}, None, "'hosts'"),
        ("RoundRobinPolicy", {}, "dc1", "no effect"),
        (None, {"local_dc": "dc1"}, None, "without load_balancing_policy"),
    ],
)
def test_wrong_policy_is_an_error(
    name: str | None, arguments: dict[str, Any], local_data_centre: str | None, said: str
) -> None:
    with pytest.raises(ConnectionSettingsError) as caught:
        read_load_balancing(name, arguments, local_data_centre)
    assert said in str(caught.value)


def test_data_centre_that_does_not_exist_is_an_error_that_names_the_known_ones() -> None:
    policy = read_load_balancing(None, {}, "dc3")
    with pytest.raises(ConnectionSettingsError, match="'dc3'; the cluster has: dc1, dc2"):
        check_data_centre(policy, known=["dc2", "dc1", "dc1"], contacted=["dc1"])


def test_hosts_in_several_data_centres_need_a_local_one() -> None:
    policy = read_load_balancing(None, {}, None)
    check_data_centre(policy, known=["dc1", "dc2"], contacted=["dc1", "dc1"])
    with pytest.raises(ConnectionSettingsError, match=r"several data centres \(dc1, dc2\)"):
        check_data_centre(policy, known=["dc1", "dc2"], contacted=["dc1", "dc2"])
    check_data_centre(read_load_balancing(None, {}, "dc2"), known=["dc1", "dc2"], contacted=["dc1", "dc2"])
    check_data_centre(read_load_balancing("RoundRobinPolicy", {}, None), known=["dc1", "dc2"], contacted=["dc1", "dc2"])
