"""Type handlers: how a user's own code decodes a CQL type, usually a custom one.

A handler is registered when the DAG file is read (each task process reads it, so the handler is there when the task
runs) and looked up once per column. Note: a DAG file that imports the registration is read again and again, so pyarrow
is loaded only when something here is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import check_text
from airflow_provider_cqlai.engine.types.cells.cql_type import CQL_NAMES, CqlType

if TYPE_CHECKING:
    from airflow_provider_cqlai.engine.types.cells.cells import Cells, ColumnReading, Decode


@dataclass(frozen=True)
class TypeHandler:
    """``read`` turns the bytes of a value that is not null into what pyarrow takes for ``arrow_type``."""

    type_name: str
    arrow_type: Any
    read: Callable[[bytes], Any]


_handlers: dict[str, TypeHandler] = {}
_KNOWN_NAMES = frozenset(CQL_NAMES.values()) - {"udt"}


def register_type_handler(type_name: str, arrow_type: Any, read: Callable[[bytes], Any]) -> None:
    """Decode every value of a CQL type, at any depth, with a function of one's own.

    Args:
        type_name: a CQL type (``"inet"``, or with arguments ``"vector<float, 3>"``), a user-defined type
            (``"keyspace.type"``) or the Java class of a custom type (``"com.acme.MoneyType"``). Registering a name
            again replaces its handler.
        arrow_type: the `pyarrow.DataType` of the values.
        read: called with the bytes of each value as the server sent them, zero bytes included, never with null; returns
            a value for ``pyarrow.array(..., arrow_type)``, or None.

    Raises:
        OptionError: ``type_name`` is not a CQL type, ``arrow_type`` not an Arrow type, or ``read`` not a function.
    """
    import pyarrow as pa

    check_text("type_name", type_name)
    name = type_name.strip()
    is_known = name.split("<")[0] in _KNOWN_NAMES or "." in name
    if not is_known:
        raise OptionError(
            f"register_type_handler: {type_name!r} is not a CQL type; known: {', '.join(sorted(_KNOWN_NAMES))},"
            " keyspace.type of a user-defined type, or the full Java class of a custom type",
            option="type_name",
        )
    if not isinstance(arrow_type, pa.DataType):
        raise OptionError(f"arrow_type={arrow_type!r} must be a pyarrow.DataType", option="arrow_type")
    if not callable(read):
        raise OptionError(f"read={read!r} must be a function", option="read")
    _handlers[name] = TypeHandler(name, arrow_type, read)


def unregister_type_handler(type_name: str) -> None:
    """Forget a handler, if there is one."""
    _handlers.pop(type_name.strip(), None)


def find_type_handler(cql_type: CqlType) -> TypeHandler | None:
    """The handler for a type; one for its exact text comes before one for its name."""
    if not _handlers:
        return None
    if cql_type.name == "udt":
        names = [f"{cql_type.udt_keyspace}.{cql_type.udt_name}"]
    elif cql_type.name == "custom":
        names = [cql_type.custom_class, cql_type.custom_class.split("(")[0]]
    else:
        names = [str(cql_type), cql_type.name]
    return next((_handlers[name] for name in names if name in _handlers), None)


def decode_with_handler(handler: TypeHandler, path: str) -> Decode:
    """Values through the handler's function. What it raises is an error that names the row, never a null."""
    import pyarrow as pa

    from airflow_provider_cqlai.engine.types.cells.cells import MisfitCellError, as_array

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        values = []
        for position, cell in enumerate(cells):
            try:
                values.append(None if cell is None else handler.read(cell))
            except Exception as error:
                reason = f"which the type handler for {handler.type_name} refused ({type(error).__name__})"
                raise MisfitCellError(position, path, f"a value {reason}", ("binary",)) from error
        try:
            return as_array(values, handler.arrow_type, path)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            position = _first_misfit(values, handler.arrow_type)
            reason = f"a value that the type handler for {handler.type_name} made and pyarrow refused"
            raise MisfitCellError(position, path, reason, ("binary",)) from error

    return decode


def _first_misfit(values: list[Any], arrow_type: Any) -> int:
    import pyarrow as pa

    for position, value in enumerate(values):
        try:
            pa.array([value], arrow_type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return position
    return 0
