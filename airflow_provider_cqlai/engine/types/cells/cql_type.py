"""A CQL type as a value: compared, hashed and written as CQL text.

It is made from the driver's type class in result metadata; the driver makes new classes for every page, so classes
cannot be compared. Note: result metadata never says ``frozen``, the text of ``system_schema.columns`` does.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# Cassandra's class names, without their package, and the CQL names of the types.
CQL_NAMES = {
    "AsciiType": "ascii",
    "BooleanType": "boolean",
    "BytesType": "blob",
    "ByteType": "tinyint",
    "CounterColumnType": "counter",
    # The name DateType is from Cassandra 1; it is a timestamp, as TimestampType is.
    "DateType": "timestamp",
    "DecimalType": "decimal",
    "DoubleType": "double",
    "DurationType": "duration",
    "FloatType": "float",
    "InetAddressType": "inet",
    "Int32Type": "int",
    "IntegerType": "varint",
    "LegacyTimeUUIDType": "timeuuid",
    "ListType": "list",
    "LongType": "bigint",
    "MapType": "map",
    "SetType": "set",
    "ShortType": "smallint",
    "SimpleDateType": "date",
    "TimestampType": "timestamp",
    "TimeType": "time",
    "TimeUUIDType": "timeuuid",
    "TupleType": "tuple",
    "UserType": "udt",
    "UTF8Type": "text",
    "UUIDType": "uuid",
    "VarcharType": "text",
    "VectorType": "vector",
}
_WRAPPERS = ("ReversedType", "FrozenType")
_MARSHAL_PACKAGE = "org.apache.cassandra.db.marshal."


@dataclass(frozen=True)
class CqlType:
    """One CQL type. ``str()`` is its CQL text, without ``frozen``."""

    name: str
    """``"int"``, ``"list"``, ``"tuple"``, ``"udt"``, ``"vector"``, ``"custom"`` and so on; ``varchar`` is ``text``."""
    arguments: tuple[CqlType, ...] = ()
    """Types of elements, of key and value, or of fields."""
    field_names: tuple[str, ...] = ()
    """Names of a UDT's fields."""
    dimension: int = 0
    """Number of elements of a vector."""
    udt_keyspace: str = ""
    udt_name: str = ""
    custom_class: str = ""
    """Full Java class of a custom type, with its parameters."""

    @classmethod
    def from_driver_type(cls, driver_type: Any) -> CqlType:
        """The type that a driver class of result metadata stands for."""
        # The driver's class of a vector carries its dimension in the name: VectorType(3).
        class_name = driver_type.cassname.removeprefix(_MARSHAL_PACKAGE).split("(")[0]
        if class_name in _WRAPPERS:
            return cls.from_driver_type(driver_type.subtypes[0])
        name = CQL_NAMES.get(class_name)
        if name is None:
            return cls("custom", custom_class=_full_class_name(driver_type))
        if name == "vector":
            element = cls.from_driver_type(driver_type.subtype)
            return cls(name, (element,), dimension=int(driver_type.vector_size))
        arguments = tuple(cls.from_driver_type(subtype) for subtype in driver_type.subtypes)
        if name == "udt":
            return cls(
                name,
                arguments,
                field_names=tuple(driver_type.fieldnames),
                udt_keyspace=driver_type.keyspace,
                udt_name=driver_type.typename,
            )
        return cls(name, arguments)

    @cached_property
    def children(self) -> tuple[tuple[str, CqlType], ...]:
        """Name and type of what is inside: ``element``, ``key`` and ``value``, ``f0``..., or a UDT's field names."""
        return tuple(zip(self._child_names(), self.arguments, strict=True))

    def contains(self, names: Collection[str]) -> bool:
        """Whether this type or one inside it has one of ``names``."""
        return self.name in names or any(argument.contains(names) for argument in self.arguments)

    def _child_names(self) -> tuple[str, ...]:
        if self.name == "udt":
            return self.field_names
        if self.name == "tuple":
            return tuple(f"f{position}" for position in range(len(self.arguments)))
        if self.name == "map":
            return ("key", "value")
        return ("element",) * len(self.arguments)

    def __str__(self) -> str:
        if self.name == "udt":
            return spell_name(self.udt_name)
        if self.name == "custom":
            return f"'{self.custom_class}'"
        if not self.arguments:
            return self.name
        inner = [str(argument) for argument in self.arguments]
        if self.name == "vector":
            inner.append(str(self.dimension))
        return f"{self.name}<{', '.join(inner)}>"


def quote_name(name: str) -> str:
    """``name`` in double quotes, as CQL takes any name.

    Statements always quote: a name that is a reserved word of some server version, or in mixed case, needs no list of
    its own then.
    """
    return '"' + name.replace('"', '""') + '"'


def spell_name(name: str) -> str:
    """``name`` as a user would write it: in double quotes only where CQL would read it otherwise."""
    return name if re.fullmatch(r"[a-z][a-z0-9_]*", name) else quote_name(name)


def _full_class_name(driver_type: Any) -> str:
    full_name: str = driver_type.cass_parameterized_type(full=True)
    return full_name
