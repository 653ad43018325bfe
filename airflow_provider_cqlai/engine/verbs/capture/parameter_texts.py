"""Parameters that are texts, as templates render them, read by the type of the marker that they are bound to."""

from __future__ import annotations

import datetime
import re
import uuid
from typing import Any

from cassandra.util import Date

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType

_WHOLE = ("tinyint", "smallint", "int", "bigint", "varint", "counter")
_WHOLE_TEXT = re.compile(r"[+-]?[0-9]+")
_UUID_TEXT = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TRUTH = {"true": True, "false": False}


def read_parameter(text: str, cql_type: CqlType, name: str, description: str) -> Any:
    """The value of the marker ``:name``, of ``cql_type``, that ``text`` has one reading as.

    Whole numbers, canonical uuids, moments in ISO 8601 with an offset, days in ISO 8601, true and false; a text for any
    other type is left to the driver.

    Raises:
        OptionError: it is none of its type. Detail: ``option``.
    """
    read = _READERS.get(cql_type.name)
    if read is None:
        return text
    try:
        return read(text.strip())
    except ValueError as error:
        raise OptionError(
            f"{description}: parameters: :{name} is of type {cql_type}, and {text!r} is not {_expected(cql_type.name)}",
            option="parameters",
        ) from error


def _expected(name: str) -> str:
    if name in _WHOLE:
        return "a whole number"
    return {
        "uuid": "a uuid of 36 characters",
        "timeuuid": "a uuid of 36 characters",
        "timestamp": "a moment with an offset, such as 2024-01-01T00:00:00+00:00",
        "date": "a day, such as 2024-01-01",
        "boolean": "true or false",
    }[name]


def _read_whole(text: str) -> int:
    if _WHOLE_TEXT.fullmatch(text) is None:
        raise ValueError(text)
    return int(text)


def _read_uuid(text: str) -> uuid.UUID:
    if _UUID_TEXT.fullmatch(text) is None:
        raise ValueError(text)
    return uuid.UUID(text)


def _read_moment(text: str) -> datetime.datetime:
    # Python 3.10 does not read the Z.
    moment = datetime.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _read_day(text: str) -> Date:
    return Date(datetime.date.fromisoformat(text))


def _read_truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(text)
    return _TRUTH[text.lower()]


_READERS: dict[str, Any] = {
    **dict.fromkeys(_WHOLE, _read_whole),
    **dict.fromkeys(("uuid", "timeuuid"), _read_uuid),
    "timestamp": _read_moment,
    "date": _read_day,
    "boolean": _read_truth,
}
