"""The length of a window, and how it is added to a moment by the calendar.

A DAG author writes it as ``"1 day"``, ``"P1M"`` or a timedelta; a `Period` moves a moment in a timezone. Note: years to
days follow the calendar of the timezone, so a day has 23 or 25 hours where the clocks change, and 24 hours of a
`datetime.timedelta` are such a day: Python cannot tell them apart.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

import pendulum
from dateutil.relativedelta import relativedelta
from pendulum.parsing.exceptions import ParserError

from airflow_provider_cqlai.engine.errors import OptionError

_WORDS = {"hourly": "1 hour", "daily": "1 day", "weekly": "1 week", "monthly": "1 month", "yearly": "1 year"}
_AMOUNT_AND_UNIT = re.compile(r"(?:(\d+)\s*)?(minute|hour|day|week|month|year)s?", re.IGNORECASE)
EXAMPLES = "'1 day', 'hour', '2 weeks', '1 month', ISO 8601 such as 'P1D', or a timedelta"


@dataclass(frozen=True, kw_only=True)
class Period:
    """A positive length: months and days by the calendar, the rest by the clock."""

    months: int = 0
    days: int = 0
    clock: datetime.timedelta = datetime.timedelta()

    def after(self, moment: pendulum.DateTime) -> pendulum.DateTime:
        """``moment`` plus this period, in the timezone of ``moment``."""
        return moment.add(months=self.months, days=self.days) + self.clock

    def before(self, moment: pendulum.DateTime) -> pendulum.DateTime:
        """``moment`` minus this period, in the timezone of ``moment``."""
        return moment.subtract(months=self.months, days=self.days) - self.clock

    def last_begin(self, moment: pendulum.DateTime) -> pendulum.DateTime | None:
        """The last moment at or before ``moment`` at which such a period begins by the calendar of its timezone.

        Days begin at midnight, weeks on Monday, months on the first; several are counted from 1970 on. None for a
        length of months and days, or with parts of days that do not divide a day.
        """
        midnight = moment.start_of("day")
        if self.months and not self.days and not self.clock:
            months = midnight.year * 12 + midnight.month - 1
            return midnight.set(day=1).subtract(months=months % self.months)
        if self.days and not self.months and not self.clock:
            # 1970-01-05 was a Monday.
            since_monday = midnight.toordinal() - datetime.date(1970, 1, 5).toordinal()
            return midnight.subtract(days=since_monday % self.days)
        if not self.months and not self.days and not datetime.timedelta(days=1) % self.clock:
            elapsed = (moment.naive() - midnight.naive()).as_timedelta()
            # Moved by the clock, so that an hour that comes twice is told apart.
            return moment - elapsed % self.clock
        return None

    def __str__(self) -> str:
        parts = [f"{count} {unit}" for count, unit in ((self.months, "month(s)"), (self.days, "day(s)")) if count]
        if self.clock:
            parts.append(str(self.clock))
        return " and ".join(parts)


def read_period(value: Any) -> Period:
    """`Period` of a text, a timedelta, a pendulum duration or a dateutil relativedelta."""
    length = _parse_text(value) if isinstance(value, str) else value
    if isinstance(length, pendulum.Duration):
        rest = length - pendulum.duration(years=length.years, months=length.months)
        return _checked(value, length.years * 12 + length.months, rest.as_timedelta())
    if isinstance(length, datetime.timedelta):
        return _checked(value, 0, length)
    if isinstance(length, relativedelta):
        return _read_relativedelta(length)
    raise OptionError(f"period={value!r} is not a length of time: write {EXAMPLES}", option="period")


def _parse_text(text: str) -> pendulum.Duration:
    cleaned = text.strip().lstrip("@").lower()
    if match := _AMOUNT_AND_UNIT.fullmatch(_WORDS.get(cleaned, cleaned)):
        return pendulum.duration(**{f"{match[2]}s": int(match[1] or 1)})
    try:
        parsed = pendulum.parse(text.strip(), exact=True) if cleaned.startswith("p") else None
    except (ParserError, ValueError):
        parsed = None
    if not isinstance(parsed, pendulum.Duration):
        raise OptionError(f"period={text!r} is not a length of time: write {EXAMPLES}", option="period")
    return parsed


def _read_relativedelta(value: relativedelta) -> Period:
    # Absolute parts (day=1, weekday=MO) replace fields of a date instead of moving it: they are not a length.
    absolute = ("year", "month", "day", "hour", "minute", "second", "microsecond", "weekday", "leapdays")
    if any(getattr(value, name) not in (None, 0) for name in absolute):
        raise OptionError(f"period={value!r} sets parts of a date instead of giving a length", option="period")
    parts = ("days", "hours", "minutes", "seconds", "microseconds")
    rest = datetime.timedelta(**{name: getattr(value, name) for name in parts})
    return _checked(value, value.years * 12 + value.months, rest)


def _checked(given: Any, months: int, rest: datetime.timedelta) -> Period:
    if months < 0 or rest < datetime.timedelta() or (not months and not rest):
        raise OptionError(f"period={given!r} must be longer than zero", option="period")
    return Period(months=months, days=rest.days, clock=rest - datetime.timedelta(days=rest.days))
