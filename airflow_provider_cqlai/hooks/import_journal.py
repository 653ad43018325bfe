"""Where an import's journal lies between two tries of a task: an Airflow Variable, on 2.11 as on 3.x.

Note: nothing of a task instance itself outlives a try on 2.11, and what does on 3.3, its state store, outlives a clear
as well; so the text says whose it is: a clear gives the task instance more tries (``max_tries``) and its run another
``clear_number``, a retry neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow_provider_cqlai.airflow_compat import Variable
from airflow_provider_cqlai.engine.errors import StorageError

_VariableError: type[Exception]
try:
    from airflow.sdk.exceptions import AirflowRuntimeError

    _VariableError = AirflowRuntimeError
except ImportError:
    # A task of 2.11 asks the database itself.
    from sqlalchemy.exc import SQLAlchemyError

    _VariableError = SQLAlchemyError

PREFIX = "cqlai_import_"


class VariableJournalStore:
    """The journal of one task instance. Holds row numbers and hashes, never a row."""

    def __init__(self, context: Mapping[str, Any], *, is_counting: bool, part: str | None = None) -> None:
        """``part`` tells the imports of one task apart.

        ``is_counting``: for counters, where a second try must be refused rather than started over.
        A run's ``clear_number`` also rises when another of its tasks is cleared. That makes an upsert start over, which
        costs time; counters would be counted twice.
        """
        self._is_counting = is_counting
        instance = context["ti"]
        place = [instance.dag_id, instance.task_id, instance.run_id, instance.map_index]
        place += [part] if part is not None else []
        clears = 0 if is_counting else getattr(context.get("dag_run"), "clear_number", 0)
        self.owner = "/".join(str(part) for part in (*place, instance.max_tries, clears))
        self.key = PREFIX + hashlib.sha256(repr(place).encode()).hexdigest()[:32]
        name = instance.task_id if instance.map_index < 0 else f"{instance.task_id}[{instance.map_index}]"
        self._description = (
            f"What the import {instance.dag_id}.{name} of {instance.run_id} has finished; removed when it succeeds"
        )

    def load(self) -> str | None:
        """The text last saved; None where there is none.

        Raises:
            StorageError: there is one that cannot be read.
        """
        # The default's name differs between Airflow 2 and 3.
        text: str | None = Variable.get(self.key, None)
        if text is None and self._is_hidden():
            raise StorageError(f"the Airflow Variable {self.key}, the journal of this import, cannot be read")
        return text

    def _is_hidden(self) -> bool:
        """Whether the Variable may be there all the same: `get` tells a failure like a missing one."""
        if hasattr(Variable, "keys"):
            return self.key in list(Variable.keys(prefix=self.key))
        if not self._is_counting:
            # Starting over costs time and nothing else.
            return False
        # Before 3.3 names are not listed: a Variable that is surely there must be given before the other's absence is
        # believed.
        probe = f"{self.key}_probe"
        with self._translating("looked for"):
            Variable.set(probe, "is given", description=self._description)
            is_given = Variable.get(probe, None) is not None
            is_found = Variable.get(self.key, None) is not None
            Variable.delete(probe)
        return is_found or not is_given

    def save(self, text: str) -> None:
        """Replace the text; durable on return.

        Raises:
            StorageError: Airflow did not take it.
        """
        with self._translating("saved"):
            Variable.set(self.key, text, description=self._description)

    def clear(self) -> None:
        """Forget the text; raises as `save` does."""
        with self._translating("removed"):
            Variable.delete(self.key)

    @contextmanager
    def _translating(self, what: str) -> Iterator[None]:
        try:
            yield
        except _VariableError as error:
            raise StorageError.from_cause(
                f"the Airflow Variable {self.key}, the journal of this import, could not be {what}", error
            ) from error
