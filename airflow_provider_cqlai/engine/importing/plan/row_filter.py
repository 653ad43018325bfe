"""Which rows of a file ``where`` selects, and which of its row groups can have any.

The conditions become an expression of pyarrow's, which its dataset reader checks against row group statistics and this
package against record batches.
"""

from __future__ import annotations

import math
import operator
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.importing.plan.filter_values import (
    FILTER_VALUE_ERRORS,
    find_plain_type,
    read_filter_value,
)
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile
from airflow_provider_cqlai.engine.options.values.conditions import COMPARISONS, MEMBERSHIPS, Condition


@dataclass(frozen=True)
class RowFilter:
    """The conditions as one expression, and the columns of the file that it looks at."""

    expression: Any
    columns: tuple[str, ...]
    statistics_expression: Any | None
    """Those of the conditions that row group statistics can be held against; None is none of them."""

    def select(self, record_batch: Any, row_numbers: Any) -> tuple[Any, Any]:
        """The rows that all conditions hold for, and their numbers (numpy)."""
        numbered = record_batch.append_column(_ROW_NUMBER, pa.array(row_numbers))
        found = pa.Table.from_batches([numbered]).filter(self.expression)
        # Not filtered as a record batch: pyarrow 18 fails where no row is left.
        kept = found.combine_chunks().to_batches()[0] if found.num_rows else numbered.slice(0, 0)
        return kept.select(record_batch.schema.names), kept.column(_ROW_NUMBER).to_numpy()

    def find_row_groups(self, file: SourceFile) -> frozenset[int] | None:
        """The row groups whose statistics do not rule out every row; None where they say nothing."""
        if self.statistics_expression is None:
            return None
        # Half a second to import.
        import pyarrow.dataset as ds

        with file.open_stream() as stream:
            fragment = ds.ParquetFileFormat().make_fragment(stream)
            groups = fragment.split_by_row_group(self.statistics_expression, fragment.physical_schema)
            return frozenset(group.id for part in groups for group in part.row_groups)


# No file has a column of this name that anybody could ask for.
_ROW_NUMBER = "\0row number"


def plan_row_filter(
    arrow_schema: Any,
    conditions: Sequence[Condition],
    described_file: str,
    problems: list[str],
    uncompared_columns: Collection[str] = (),
) -> RowFilter | None:
    """The filter of one file, None without conditions; values that a column cannot be compared with are problems.

    Args:
        arrow_schema: of the file, as its rows are read.
        conditions: all of which must hold.
        described_file: for the problems.
        problems: lines of text.
        uncompared_columns: of the file, whose statistics are not looked at.
    """
    expressions, told_by_statistics = [], []
    for name, sign, value in conditions:
        index = arrow_schema.get_field_index(name)
        if index < 0:
            # Told by the schema's check already.
            continue
        try:
            expression = _compare(name, arrow_schema.field(index).type, sign, value)
            # Whether Arrow can compare such values at all shows only when it is asked to.
            arrow_schema.empty_table().select([name]).filter(expression)
        except FILTER_VALUE_ERRORS as error:
            problems.append(f"{described_file}: where: {name} {sign} {value!r}: {error}")
        else:
            expressions.append(expression)
            arrow_type = arrow_schema.field(index).type
            is_told = _has_statistics(arrow_type, sign) and not _is_uuid_in_texts(find_plain_type(arrow_type), value)
            if is_told and name not in uncompared_columns:
                told_by_statistics.append(expression)
    if not expressions:
        return None
    columns = tuple(dict.fromkeys(name for name, _, _ in conditions))
    return RowFilter(_all_of(expressions), columns, _all_of(told_by_statistics) if told_by_statistics else None)


def _all_of(expressions: Sequence[Any]) -> Any:
    return reduce(operator.and_, expressions)


def _has_statistics(arrow_type: Any, sign: str) -> bool:
    # Arrow cannot compare those of uuids. Those of floats leave NaN out, which differs from every value, and name one
    # of the two zeros, which `in` tells apart.
    is_blind = pa.types.is_floating(find_plain_type(arrow_type)) and sign in ("!=", *MEMBERSHIPS)
    return not isinstance(arrow_type, pa.BaseExtensionType) and not is_blind


def _compare(name: str, arrow_type: Any, sign: str, value: Any) -> Any:
    field = pc.field(name)
    plain = find_plain_type(arrow_type)
    if plain != arrow_type:
        field = field.cast(plain)
    if _is_uuid_in_texts(plain, value):
        return _compare_uuid_texts(field, sign, value)
    if sign in MEMBERSHIPS:
        members = [read_filter_value(member, arrow_type) for member in value if member is not None]
        found = _is_among(field, plain, members)
        if None in value:
            found = found | field.is_null()
        # Not among them is also a null, unless it is named.
        return found if sign == "in" else ~found
    if value is None:
        if sign not in ("=", "==", "!="):
            raise ValueError("null has no order")
        return field.is_null() if sign != "!=" else field.is_valid()
    return COMPARISONS[sign](field, read_filter_value(value, arrow_type))


def _is_uuid_in_texts(plain: Any, value: Any) -> bool:
    is_text = pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain)
    members = value if isinstance(value, list | tuple) else [value]
    return is_text and any(isinstance(member, uuid.UUID) for member in members)


def _compare_uuid_texts(field: Any, sign: str, value: Any) -> Any:
    """As an import reads texts of UUIDs: also with capitals, braces, ``urn:uuid:`` or without hyphens."""
    digits = pc.replace_substring_regex(pc.utf8_lower(field), "^urn:uuid:|[{}-]", "")
    if sign in MEMBERSHIPS:
        found = digits.isin(pa.array([_hex_digits(member) for member in value if member is not None]))
        found = pc.coalesce(found, False)
        found = found | field.is_null() if None in value else found
        return found if sign == "in" else ~found
    if sign not in ("=", "==", "!="):
        raise ValueError("UUIDs in texts have no order")
    return COMPARISONS[sign](digits, _hex_digits(value))


def _hex_digits(value: Any) -> str:
    return uuid.UUID(str(value)).hex


def _is_among(field: Any, plain: Any, members: list[Any]) -> Any:
    """Whether a value is one of ``members``; never null."""
    if not pa.types.is_floating(plain):
        return field.isin(pa.array(members, plain))
    # `isin` tells bits apart: both zeros are one number, and there are many NaN.
    numbers = [float(member.as_py()) for member in members]
    zeros = [pa.scalar(zero, plain) for zero in (0.0, -0.0)] if 0.0 in numbers else []
    found = field.isin(pa.array([*members, *zeros], plain))
    return found | (field.is_valid() & field.is_nan()) if any(map(math.isnan, numbers)) else found
