"""Reads a list of windows: what several events, each of an export, are about."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

import dateutil.parser

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.window import TimeWindow

_KEYS = (("start", "end"), ("window_start", "window_end"))


def read_windows(value: object) -> tuple[TimeWindow | None, ...]:
    """The windows of a list or of its JSON, each once and in order; None stands for an export of the whole table.

    Raises:
        OptionError: it is no list, it is empty, or an entry is no window. Detail: ``option``.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise OptionError(f"windows={value!r} is not a JSON list: {error}", option="windows") from error
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise OptionError(f"windows={value!r} must be a list of windows", option="windows")
    if not value:
        raise OptionError("windows is an empty list: there is nothing to choose", option="windows")
    windows = [_read_window(entry) for entry in value]
    told = sorted({window for window in windows if window is not None}, key=lambda window: (window.start, window.end))
    return (*told, *([None] if None in windows else []))


def _read_window(entry: Any) -> TimeWindow | None:
    if entry is None or isinstance(entry, TimeWindow):
        return entry
    moments: Sequence[Any]
    if isinstance(entry, Mapping):
        names = next((names for names in _KEYS if all(name in entry for name in names)), None)
        if names is None:
            raise _refuse(entry, "it has no start and end")
        moments = [entry[name] for name in names]
        if moments == [None, None]:
            return None
    elif isinstance(entry, Sequence) and not isinstance(entry, str | bytes) and len(entry) == 2:
        moments = entry
    else:
        raise _refuse(entry, "it is no pair and no mapping")
    try:
        start, end = (_read_moment(moment) for moment in moments)
        return TimeWindow(start=start, end=end)
    except (ValueError, OptionError) as error:
        raise _refuse(entry, str(error)) from error


def _read_moment(value: Any) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no moment")
    moment: datetime.datetime = dateutil.parser.isoparse(value)
    return moment


def _refuse(entry: object, reason: str) -> OptionError:
    return OptionError(f"windows: {entry!r} is no window: {reason}", option="windows")
