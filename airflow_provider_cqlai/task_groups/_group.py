"""What task groups share: which keyword arguments are the group's, which go to each of its tasks, and which to one."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_cqlai.airflow_compat import BaseOperator, TaskGroup
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import hint_near_names

# Of Airflow's arguments for tasks: those about what comes before a task are the first one's, those about what it made
# are of the one that publishes, and limits of tasks at once are of those that there are several of. The values are what
# the other tasks have instead, whatever default_args say.
_OF_THE_FIRST = {"trigger_rule": "all_success", "depends_on_past": False, "wait_for_downstream": False}
_OF_THE_LAST: Mapping[str, Any] = {
    "outlets": [],
    "inlets": [],
    "on_success_callback": None,
    "on_skipped_callback": None,
}
_OF_THE_MAPPED: Mapping[str, Any] = {"max_active_tis_per_dag": None, "max_active_tis_per_dagrun": None}
# What the group says itself.
_OWN_NAMES = {
    "task_id": "the group has group_id",
    "map_index_template": "the group names its tasks itself",
    "do_xcom_push": "the tasks of the group need the XComs of each other",
}


class GroupArguments:
    """The keyword arguments of a task group, with those of ``default_args`` that its tasks will have.

    Args:
        name: of the group's class, for messages.
        given: what it was called with, beside its own.
        operator_arguments: names that its operators know.
        refused: those of them that the group does not take.
    """

    def __init__(
        self, name: str, given: Mapping[str, Any], operator_arguments: Iterable[str], refused: Iterable[str]
    ) -> None:
        self._name = name
        self._refused = {*refused, *_OWN_NAMES}
        group_names = set(inspect.signature(TaskGroup.__init__).parameters) - {"self", "group_id"}
        self.of_group = {name: value for name, value in given.items() if name in group_names}
        self._given = {name: value for name, value in given.items() if name not in group_names}
        self._operator_arguments = set(operator_arguments) - self._refused
        airflow_names = set(inspect.signature(BaseOperator.__init__).parameters) - {"self", "args", "kwargs"}
        known = self._operator_arguments | airflow_names | group_names
        for argument in self._given:
            self._check(argument)
            if argument not in known:
                hint = hint_near_names(argument, known)
                raise OptionError(f"{name} has no argument {argument!r}{hint}", option=argument)
        self._defaults: dict[str, Any] = {}

    def take_defaults(self, group: TaskGroup) -> None:
        """Read ``default_args`` of ``group``, which is there by now, and of its DAG."""
        self._defaults = {**group.dag.default_args, **group.default_args}
        for argument in self._defaults:
            self._check(argument)
        self._given["dag"] = group.dag

    def value(self, name: str, default: Any = None) -> Any:
        """What the tasks get for an argument, also by ``default_args``."""
        return self._given.get(name, self._defaults.get(name, default))

    @property
    def tasks_at_once(self) -> int | None:
        """How many of the mapped tasks run at the same time at most; None for all of them."""
        limit: int | None = self.value("max_active_tis_per_dagrun") or self.value("max_active_tis_per_dag")
        return limit

    def for_first(self) -> dict[str, Any]:
        return self._without(_OF_THE_LAST, _OF_THE_MAPPED)

    def for_mapped(self) -> dict[str, Any]:
        return self._without(_OF_THE_FIRST, _OF_THE_LAST)

    def for_last(self) -> dict[str, Any]:
        return self._without(_OF_THE_FIRST, _OF_THE_MAPPED)

    def for_clean_up(self) -> dict[str, Any]:
        return self._without(_OF_THE_FIRST, _OF_THE_LAST, _OF_THE_MAPPED)

    def _without(self, *others: Mapping[str, Any]) -> dict[str, Any]:
        neutral = {name: value for other in others for name, value in other.items()}
        kept = {name: value for name, value in self._given.items() if name not in neutral}
        return {**kept, **{name: value for name, value in neutral.items() if name in self._defaults}}

    def _check(self, argument: str) -> None:
        if argument in self._refused:
            reason = _OWN_NAMES.get(argument, "it is decided by the group")
            raise OptionError(f"{argument} is no argument of {self._name}: {reason}", option=argument)
