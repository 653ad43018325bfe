"""Which rows of a file ``where`` selects, and which of its row groups can have any.

What flows in are conditions and a file's Arrow schema; what flows out is an expression of pyarrow's, which its dataset
reader holds against row group statistics and the rest of us against record batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from airflow_provider_cqlai.engine.conditions import COMPARISONS, MEMBERSHIPS, Condition
from airflow_provider_cqlai.engine.importing.sources import SourceFile


@dataclass(frozen=True)
class RowFilter:
    """The conditions as one expression, and the columns of the file that it looks at."""

    expression: Any
    columns: tuple[str, ...]

    def select(self, record_batch: Any, row_numbers: Any) -> tuple[Any, Any]:
        """The rows that all conditions hold for, and their numbers (numpy)."""
        numbered = record_batch.append_column(_ROW_NUMBER, pa.array(row_numbers))
        kept = numbered.filter(self.expression)
        return kept.select(record_batch.schema.names), kept.column(_ROW_NUMBER).to_numpy()

    def find_row_groups(self, file: SourceFile) -> frozenset[int]:
        """The row groups whose statistics do not rule out every row."""
        with file.open_stream() as stream:
            fragment = ds.ParquetFileFormat().make_fragment(stream)
            groups = fragment.split_by_row_group(self.expression, fragment.physical_schema)
            return frozenset(group.id for part in groups for group in part.row_groups)


# No file has a column of this name that anybody could ask for.
_ROW_NUMBER = "\0row number"


def plan_row_filter(
    arrow_schema: Any, conditions: Sequence[Condition], described_file: str, problems: list[str]
) -> RowFilter | None:
    """The filter of one file, None without conditions; values that a column cannot be compared with are problems."""
    expressions = []
    for name, sign, value in conditions:
        index = arrow_schema.get_field_index(name)
        if index < 0:
            # Told by the schema's check already.
            continue
        try:
            expressions.append(_compare(name, arrow_schema.field(index).type, sign, value))
        except (pa.ArrowException, TypeError, ValueError) as error:
            problems.append(f"{described_file}: where: {name} {sign} {value!r}: {error}")
    if not expressions:
        return None
    whole = expressions[0]
    for expression in expressions[1:]:
        whole = whole & expression
    return RowFilter(whole, tuple(dict.fromkeys(name for name, _, _ in conditions)))


def _compare(name: str, arrow_type: Any, sign: str, value: Any) -> Any:
    field = pc.field(name)
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
        field = field.cast(arrow_type)
    if sign in MEMBERSHIPS:
        members = [_read_value(member, arrow_type) for member in value if member is not None]
        found = field.isin(pa.array([member.as_py() for member in members], arrow_type))
        if None in value:
            found = found | field.is_null()
        # Not among them is also a null, unless it is named.
        return found if sign == "in" else ~found
    if value is None:
        if sign not in ("=", "==", "!="):
            raise ValueError("null has no order")
        return field.is_null() if sign != "!=" else field.is_valid()
    return COMPARISONS[sign](field, _read_value(value, arrow_type))


def _read_value(value: Any, arrow_type: Any) -> Any:
    """``value`` as one of the column's type; a text, as templates give it, is read as such."""
    if isinstance(value, str):
        return pa.array([value], pa.string()).cast(arrow_type)[0]
    return pa.scalar(value, arrow_type)
