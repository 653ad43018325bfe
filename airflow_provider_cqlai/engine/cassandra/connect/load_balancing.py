"""Makes the driver's load balancing policy from its name and arguments.

Note: `DCAwareRoundRobinPolicy` without a data centre takes that of the first contact point that answers, so an empty
text never reaches it, and `check_data_centre` checks afterwards which one it took.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from airflow_provider_cqlai.engine.cassandra.connect.contact_points import read_contact_points
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError
from airflow_provider_cqlai.engine.options.values.checks import hint_near_names

log = logging.getLogger(__name__)

# Policies by name, each with the arguments it takes.
POLICIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "RoundRobinPolicy": (),
        "DCAwareRoundRobinPolicy": ("local_dc", "used_hosts_per_remote_dc"),
        "WhiteListRoundRobinPolicy": ("hosts",),
        "TokenAwarePolicy": ("child_load_balancing_policy", "child_load_balancing_policy_args", "shuffle_replicas"),
    }
)


@dataclass(frozen=True, kw_only=True)
class LoadBalancing:
    """A policy as settings describe it, checked: ``name`` is one of `POLICIES`."""

    name: str
    local_data_centre: str | None = None
    used_hosts_per_remote_dc: int = 0
    hosts: tuple[str, ...] = ()
    child: LoadBalancing | None = None
    is_shuffled: bool = False

    @property
    def data_centre_policy(self) -> LoadBalancing | None:
        """The data centre aware policy in the chain, where there is one."""
        if self.name == "DCAwareRoundRobinPolicy":
            return self
        return self.child.data_centre_policy if self.child else None


def read_load_balancing(name: str | None, arguments: Mapping[str, Any], local_data_centre: str | None) -> LoadBalancing:
    """What ``load_balancing_policy`` and its arguments ask for; None is token aware over data centre aware.

    `ConnectionSettingsError` names the known policies or arguments, and a data centre that no policy would look at.
    """
    if name is None:
        if arguments:
            raise ConnectionSettingsError(
                f"load_balancing_policy_args without load_balancing_policy; known policies: {', '.join(POLICIES)}",
                setting="load_balancing_policy_args",
            )
        name = "TokenAwarePolicy"
    policy = _read_policy(name, arguments, local_data_centre)
    if local_data_centre and policy.data_centre_policy is None:
        raise ConnectionSettingsError(
            f"local_data_centre={local_data_centre!r} has no effect with load_balancing_policy {name}: leave one out,"
            " or take DCAwareRoundRobinPolicy",
            setting="local_data_centre",
        )
    return policy


def _read_policy(name: str, arguments: Mapping[str, Any], local_data_centre: str | None) -> LoadBalancing:
    _refuse_unknown("load_balancing_policy", [name], POLICIES)
    _refuse_unknown(f"argument of {name}", arguments, POLICIES[name], setting="load_balancing_policy_args")
    if name == "DCAwareRoundRobinPolicy":
        return _read_data_centre_policy(arguments, local_data_centre)
    if name == "WhiteListRoundRobinPolicy":
        hosts = tuple(point.address for point in read_contact_points(arguments.get("hosts")))
        if not hosts:
            raise ConnectionSettingsError(
                "WhiteListRoundRobinPolicy needs load_balancing_policy_args={'hosts': [...]}",
                setting="load_balancing_policy_args",
            )
        return LoadBalancing(name=name, hosts=hosts)
    if name == "TokenAwarePolicy":
        child_arguments = arguments.get("child_load_balancing_policy_args") or {}
        if not isinstance(child_arguments, Mapping):
            raise ConnectionSettingsError(
                f"child_load_balancing_policy_args={child_arguments!r} must be a mapping of arguments",
                setting="load_balancing_policy_args",
            )
        child_name = arguments.get("child_load_balancing_policy") or "DCAwareRoundRobinPolicy"
        if child_name == "TokenAwarePolicy":
            raise ConnectionSettingsError(
                "TokenAwarePolicy cannot be its own child policy", setting="load_balancing_policy_args"
            )
        child = _read_policy(child_name, child_arguments, local_data_centre)
        return LoadBalancing(name=name, child=child, is_shuffled=bool(arguments.get("shuffle_replicas", False)))
    return LoadBalancing(name=name)


def _read_data_centre_policy(arguments: Mapping[str, Any], local_data_centre: str | None) -> LoadBalancing:
    local_dc = arguments.get("local_dc")
    if local_dc is not None and not isinstance(local_dc, str):
        raise ConnectionSettingsError(f"local_dc={local_dc!r} must be a text", setting="load_balancing_policy_args")
    local_dc = (local_dc or "").strip() or None
    if local_dc and local_data_centre and local_dc != local_data_centre:
        raise ConnectionSettingsError(
            f"local_dc={local_dc!r} contradicts local_data_centre={local_data_centre!r}", setting="local_data_centre"
        )
    used_hosts = arguments.get("used_hosts_per_remote_dc", 0)
    if isinstance(used_hosts, bool) or not isinstance(used_hosts, int) or used_hosts < 0:
        raise ConnectionSettingsError(
            f"used_hosts_per_remote_dc={used_hosts!r} must be a whole number of at least 0",
            setting="load_balancing_policy_args",
        )
    return LoadBalancing(
        name="DCAwareRoundRobinPolicy",
        local_data_centre=local_dc or local_data_centre,
        used_hosts_per_remote_dc=used_hosts,
    )


def build_policy(policy: LoadBalancing) -> Any:
    """The driver's policy; each call builds a new one, since a policy belongs to one cluster."""
    from cassandra import policies

    if policy.name == "TokenAwarePolicy":
        assert policy.child is not None
        return policies.TokenAwarePolicy(build_policy(policy.child), shuffle_replicas=policy.is_shuffled)
    if policy.name == "DCAwareRoundRobinPolicy":
        arguments: dict[str, Any] = {"used_hosts_per_remote_dc": policy.used_hosts_per_remote_dc}
        if policy.local_data_centre:
            arguments["local_dc"] = policy.local_data_centre
        return policies.DCAwareRoundRobinPolicy(**arguments)
    if policy.name == "WhiteListRoundRobinPolicy":
        return policies.WhiteListRoundRobinPolicy(list(policy.hosts))
    return policies.RoundRobinPolicy()


def check_data_centre(policy: LoadBalancing, *, known: Iterable[str], contacted: Iterable[str]) -> None:
    """Raise where the local data centre does not exist, or could be any of several.

    ``known`` are the cluster's data centres, ``contacted`` those of the contact points.
    """
    data_centre_policy = policy.data_centre_policy
    if data_centre_policy is None:
        return
    known, contacted = sorted(set(known)), sorted(set(contacted))
    asked = data_centre_policy.local_data_centre
    if asked is None:
        if len(contacted) > 1:
            raise ConnectionSettingsError(
                f"local_data_centre of the connection must say which one is local: its hosts are in several data"
                f" centres ({', '.join(contacted)})",
                setting="local_data_centre",
            )
        if contacted:
            log.info("local_data_centre is not set: taking %s, that of the contact points", contacted[0])
    elif known and asked not in known:
        raise ConnectionSettingsError(
            f"local_data_centre of the connection: there is no data centre {asked!r}; the cluster has:"
            f" {', '.join(known)}",
            setting="local_data_centre",
        )


def _refuse_unknown(what: str, names: Iterable[object], known: Iterable[str], setting: str | None = None) -> None:
    known = list(known)
    for name in names:
        if name in known:
            continue
        hint = hint_near_names(str(name), known)
        raise ConnectionSettingsError(
            f"unknown {what} {name!r}{hint}; known: {', '.join(known) or 'none'}", setting=setting or what
        )
