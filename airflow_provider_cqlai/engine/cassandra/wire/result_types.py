"""Parses the Java class texts of results, such as ``...VectorType(...UserType(ks,61646472,7a6970:...Int32Type), 3)``.

Such a text stands for a custom type on the wire, which a vector is, and becomes the driver's type class. Note: the
driver's own parser takes the hexadecimal name of a user-defined type for a number where it has only digits, as that of
``addr`` (61646472), and cannot read names that are not ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cassandra.cqltypes import UserType, VectorType, lookup_casstype_simple

_TOKEN = re.compile(r"[^\s(),]+|[(),]")
_MARSHAL_PACKAGE = "org.apache.cassandra.db.marshal."


@dataclass
class _Node:
    """``alias:name(arguments)``."""

    name: str
    alias: str | None = None
    arguments: list[_Node] = field(default_factory=list)


def read_type_class(text: str) -> Any:
    """The driver's type class for a Java class text.

    Raises:
        ValueError: ``text`` is not one.
    """
    try:
        return _build(_parse(text))
    except (IndexError, ValueError) as error:
        raise ValueError(f"not a type class: {text!r}") from error


def _parse(text: str) -> _Node:
    root = _Node("")
    open_nodes = [root]
    for token in _tokens(text):
        if token == "(":
            open_nodes.append(open_nodes[-1].arguments[-1])
        elif token == ")":
            open_nodes.pop()
        elif token != ",":
            *aliases, name = re.split(":|=>", token)
            open_nodes[-1].arguments.append(_Node(name, aliases[0] if aliases else None))
    if len(open_nodes) != 1 or len(root.arguments) != 1:
        raise ValueError("parentheses do not match, or not one class")
    return root.arguments[0]


def _tokens(text: str) -> Iterator[str]:
    return (match[0] for match in _TOKEN.finditer(text))


def _build(node: _Node) -> Any:
    class_name = node.name.removeprefix(_MARSHAL_PACKAGE)
    if class_name == "UserType":
        keyspace, name, *fields = node.arguments
        field_names = tuple(_from_hex(child.alias or "") for child in fields)
        field_types = tuple(_build(child) for child in fields)
        return UserType.make_udt_class(keyspace.name, _from_hex(name.name), field_names, field_types)
    if class_name == "VectorType":
        element, dimension = node.arguments
        return VectorType.apply_parameters((_build(element), int(dimension.name)), None)
    type_class = lookup_casstype_simple(node.name)
    if not node.arguments:
        return type_class
    return type_class.apply_parameters(
        tuple(_build(child) for child in node.arguments), [child.alias for child in node.arguments]
    )


def _from_hex(name: str) -> str:
    return bytes.fromhex(name).decode("utf-8")
