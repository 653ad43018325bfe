"""The orders of two in which tests press what makes a run of a daily DAG; each has a DAG and a dataset of its own.

Note: read by `dag_files/daily_orders.py` in Airflow's processes, too.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

TRIGGER = "trigger"
BACKFILL = "backfill"
CLEAR = "clear"
NIGHT = "night"
TRIGGER_LONG_AGO = "trigger_long_ago"
TRIGGER_WITHOUT_DATE = "trigger_without_date"


@dataclass(frozen=True)
class ButtonOrder:
    """One thing pressed after the other has ended."""

    first: str
    second: str

    @property
    def dag_id(self) -> str:
        """The DAG whose buttons they are."""
        return f"daily_{self.first}_then_{self.second}"

    @property
    def has_two_nights(self) -> bool:
        """Whether two nights are due at once, which come one after the other, as after a pause."""
        return self.first == self.second == NIGHT

    @property
    def presses(self) -> tuple[str, ...]:
        """What to press. Something has to be there for the first clear: a run that was triggered days ago."""
        if self.has_two_nights:
            return (NIGHT,)
        return (*((TRIGGER_LONG_AGO,) if self.first == CLEAR else ()), self.first, self.second)

    @property
    def runs(self) -> int:
        """How many runs there are in the end. A clear adds none, and the night finds its run made by a backfill."""
        triggered = sum(button.startswith(TRIGGER) for button in self.presses)
        return triggered + (2 if self.has_two_nights or BACKFILL in self.presses else NIGHT in self.presses)


ORDERS = [
    *itertools.starmap(ButtonOrder, itertools.product((TRIGGER, BACKFILL, CLEAR, NIGHT), repeat=2)),
    ButtonOrder(TRIGGER_WITHOUT_DATE, NIGHT),
]
SAMPLE = [ButtonOrder(TRIGGER, NIGHT)]
