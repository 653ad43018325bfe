"""What task groups share: which of the keyword arguments are the group's, which go to each task, and which to one."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_cqlai.airflow_compat import TaskGroup

# Of Airflow's arguments for tasks: those about what comes before a task are the first one's, those about what it made
# are of the one that publishes, and limits of tasks at once are of those that there are several of.
_OF_THE_FIRST = frozenset({"trigger_rule", "depends_on_past", "wait_for_downstream", "ignore_first_depends_on_past"})
_OF_THE_LAST = frozenset({"outlets", "inlets", "on_success_callback", "on_skipped_callback"})
_OF_THE_MAPPED = frozenset({"max_active_tis_per_dag", "max_active_tis_per_dagrun"})


def split_group_arguments(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """``given`` as those of Airflow's `TaskGroup` and all others."""
    parameters = inspect.signature(TaskGroup.__init__).parameters
    names = set(parameters) - {"self", "group_id", "dag"}
    return (
        {name: value for name, value in given.items() if name in names},
        {name: value for name, value in given.items() if name not in names},
    )


class StepArguments:
    """The arguments of a group's tasks: ``own`` are what the group's operators are about, ``rest`` are Airflow's."""

    def __init__(self, given: Mapping[str, Any], own_names: Iterable[str]) -> None:
        names = set(own_names)
        self.own = {name: value for name, value in given.items() if name in names}
        self._rest = {name: value for name, value in given.items() if name not in names}

    def for_first(self) -> dict[str, Any]:
        return self._without(_OF_THE_LAST | _OF_THE_MAPPED)

    def for_mapped(self) -> dict[str, Any]:
        return self._without(_OF_THE_FIRST | _OF_THE_LAST)

    def for_last(self) -> dict[str, Any]:
        return self._without(_OF_THE_FIRST | _OF_THE_MAPPED)

    def for_clean_up(self) -> dict[str, Any]:
        return self._without(_OF_THE_FIRST | _OF_THE_LAST | _OF_THE_MAPPED)

    def _without(self, names: frozenset[str]) -> dict[str, Any]:
        return {**self.own, **{name: value for name, value in self._rest.items() if name not in names}}
