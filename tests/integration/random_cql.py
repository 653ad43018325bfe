"""Random CQL types of any depth, and random values of them: a literal for the server, and what must come back.

Expected values are in the form of `plain_values`; `canonical` makes those comparable where the order is the server's.
"""

from __future__ import annotations

import decimal
import ipaddress
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from tests.cassandra_versions import has_vectors
from tests.cql_values import plain_values

MAX_DEPTH = 3
_NAN_LITERALS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_MILLISECONDS_PER_DAY = 86_400_000


@dataclass(frozen=True)
class RandomType:
    """``cql_type`` with ``frozen`` where it is needed inside others; ``kind`` and ``arguments`` for `canonical`."""

    cql_type: str
    kind: str
    arguments: tuple[RandomType, ...] = ()
    dimension: int = 0
    is_comparable: bool = True

    @property
    def inner_text(self) -> str:
        return f"frozen<{self.cql_type}>" if self.kind in ("list", "set", "map", "tuple") else self.cql_type


def _whole_numbers(bits: int) -> st.SearchStrategy[tuple[str, Any]]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).map(lambda value: (str(value), value))


def _float_literal(value: float) -> str:
    return _NAN_LITERALS.get(repr(value), repr(value))


def _floats(width: int, arrow_type: Any) -> st.SearchStrategy[tuple[str, Any]]:
    # The server's literal for NaN has one bit pattern.
    values = st.floats(width=width).map(lambda value: float("nan") if value != value else value)  # type: ignore[call-overload]
    return values.map(lambda value: (_float_literal(value), plain_values(pa.array([value], arrow_type))[0]))


def _time_literal(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1_000)
    return f"'{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}'"


def _durations() -> st.SearchStrategy[tuple[str, Any]]:
    def make(months: int, days: int, nanoseconds: int, is_negative: bool) -> tuple[str, Any]:
        sign = -1 if is_negative else 1
        literal = f"{'-' if is_negative else ''}{months}mo{days}d{nanoseconds}ns"
        return literal, {"months": sign * months, "days": sign * days, "nanoseconds": sign * nanoseconds}

    whole = st.integers(0, 2**31 - 1)
    return st.builds(make, whole, whole, st.integers(0, 2**63 - 1), st.booleans())


def _decimals() -> st.SearchStrategy[tuple[str, Any]]:
    def make(unscaled: int, scale: int) -> tuple[str, Any]:
        return f"{unscaled}E-{scale}", decimal.Decimal(unscaled).scaleb(-scale).normalize()

    return st.builds(make, st.integers(-(10**20) + 1, 10**20 - 1), st.integers(0, 18))


def _texts(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.text(alphabet, max_size=12).map(lambda text: ("'" + text.replace("'", "''") + "'", text))


LEAVES: dict[str, st.SearchStrategy[tuple[str, Any]]] = {
    "ascii": _texts(st.characters(max_codepoint=127)),
    "text": _texts(st.characters(exclude_categories=["Cs"])),
    "tinyint": _whole_numbers(8),
    "smallint": _whole_numbers(16),
    "int": _whole_numbers(32),
    "bigint": _whole_numbers(64),
    "float": _floats(32, pa.float32()),
    "double": _floats(64, pa.float64()),
    "boolean": st.booleans().map(lambda value: (str(value).lower(), value)),
    "timestamp": _whole_numbers(64),
    "date": st.integers(0, 2**32 - 1).map(lambda value: (str(value), value - 2**31)),
    "time": st.integers(0, _MILLISECONDS_PER_DAY - 1).map(lambda value: (_time_literal(value), value)),
    "uuid": st.uuids().map(lambda value: (str(value), str(value))),
    "timeuuid": st.integers(0, 2**128 - 1).map(lambda value: (str(uuid.UUID(int=value, version=1)),) * 2),
    "blob": st.binary(max_size=12).map(lambda value: (f"0x{value.hex()}", value)),
    "decimal": _decimals(),
    "varint": st.integers(-(10**38) + 1, 10**38 - 1).map(lambda value: (str(value), decimal.Decimal(value))),
    "duration": _durations(),
    "inet": st.ip_addresses().map(lambda value: (f"'{value}'", str(value))),
}


def types(depth: int = MAX_DEPTH) -> st.SearchStrategy[RandomType]:
    """Types with at most ``depth`` levels around a plain one."""
    leaves = st.sampled_from(sorted(LEAVES)).map(lambda name: RandomType(name, name, is_comparable=name != "duration"))
    if depth == 0:
        return leaves
    inner = types(depth - 1)
    keys = inner.filter(lambda found: found.is_comparable)
    return st.one_of(
        leaves,
        inner.map(lambda element: _collection("list", element)),
        keys.map(lambda element: _collection("set", element)),
        st.builds(lambda key, value: _collection("map", key, value), keys, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda fields: _collection("tuple", *fields)),
        *([st.builds(_vector, inner, st.integers(1, 4))] if has_vectors() else []),
    )


def _collection(kind: str, *arguments: RandomType) -> RandomType:
    inner = ", ".join(argument.inner_text for argument in arguments)
    is_comparable = all(argument.is_comparable for argument in arguments)
    return RandomType(f"{kind}<{inner}>", kind, arguments, is_comparable=is_comparable)


def _vector(element: RandomType, dimension: int) -> RandomType:
    text = f"vector<{element.inner_text}, {dimension}>"
    return RandomType(text, "vector", (element,), dimension, is_comparable=element.is_comparable)


def values(found: RandomType) -> st.SearchStrategy[tuple[str, Any]]:
    """A literal and the expected value; never null."""
    if not found.arguments:
        return LEAVES[found.kind]
    inner = [values(argument) for argument in found.arguments]
    if found.kind == "vector":
        return st.lists(inner[0], min_size=found.dimension, max_size=found.dimension).map(_joined("[", "]"))
    if found.kind == "list":
        return st.lists(inner[0], max_size=3).map(_joined("[", "]"))
    if found.kind == "set":
        unique = st.lists(inner[0], max_size=3, unique_by=lambda pair: repr(canonical(found.arguments[0], pair[1])))
        return unique.map(_joined("{", "}"))
    if found.kind == "map":
        key = found.arguments[0]
        pairs = st.lists(st.tuples(*inner), max_size=3, unique_by=lambda pair: repr(canonical(key, pair[0][1])))
        return pairs.map(
            lambda entries: (
                "{" + ", ".join(f"{key[0]}: {value[0]}" for key, value in entries) + "}",
                [(key[1], value[1]) for key, value in entries],
            )
        )
    # The server takes a tuple of nothing but nulls for null in some places: one field is there.
    fields = st.tuples(inner[0], *(st.one_of(st.just(("null", None)), field) for field in inner[1:]))
    return fields.map(
        lambda row: (
            "(" + ", ".join(literal for literal, _ in row) + ")",
            {f"f{index}": value for index, (_, value) in enumerate(row)},
        )
    )


def _joined(start: str, end: str) -> Callable[[list[tuple[str, Any]]], tuple[str, Any]]:
    return lambda pairs: (
        start + ", ".join(literal for literal, _ in pairs) + end,
        [value for _, value in pairs],
    )


def canonical(found: RandomType, value: Any) -> Any:
    """``value`` with sets and maps in an order of their own, and addresses as bytes."""
    if value is None:
        return None
    if found.kind == "inet":
        address = ipaddress.ip_address(value)
        # The server's parser takes ::ffff:1.2.3.4 for 1.2.3.4.
        return (getattr(address, "ipv4_mapped", None) or address).packed
    if found.kind == "decimal":
        return decimal.Decimal(value).normalize() + 0
    if found.kind == "map":
        key, item = found.arguments
        return sorted(((canonical(key, pair[0]), canonical(item, pair[1])) for pair in value), key=repr)
    if found.kind == "tuple":
        return [canonical(argument, field) for argument, field in zip(found.arguments, value.values(), strict=True)]
    if found.kind in ("list", "vector", "set"):
        elements = [canonical(found.arguments[0], element) for element in value]
        return sorted(elements, key=repr) if found.kind == "set" else elements
    return value
