"""What every family of conversions is made of.

A `ConversionTarget` is one column or something inside one; its `Conversion` from the Arrow type that a file has there
is chosen once per column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask, to_numpy

Convert = Callable[[Any], Any]
# What a conversion raises for a value that the target cannot hold.
CONVERSION_ERRORS = (pa.ArrowInvalid, ValueError, OverflowError)


class DefiniteError(ValueError):
    """A value that no loss of precision would make one of the target."""


@dataclass(frozen=True)
class Conversion:
    """To ``arrow_type``; ``convert`` is None where the file's type is taken as it is."""

    arrow_type: Any
    convert: Convert | None = None
    note: str | None = None
    """How the file's type is read, where it is not one that an export gives: ``"int32 is widened to bigint"``."""

    def __call__(self, array: Any) -> Any:
        """The array in ``arrow_type``; raises one of `CONVERSION_ERRORS` for a value that does not fit."""
        return array if self.convert is None else self.convert(array)

    def after(self, first: Convert) -> Conversion:
        return Conversion(self.arrow_type, lambda array: self(first(array)), self.note)

    def then(self, second: Convert) -> Conversion:
        """Followed by ``second``, which leaves the type as it is."""
        return Conversion(self.arrow_type, lambda array: second(self(array)), self.note)


@dataclass(frozen=True)
class ConversionTarget:
    """A column, or what is inside it at ``path``."""

    cql_type: CqlType
    path: str
    column: str
    is_lossy_allowed: bool = False
    time_unit: str | None = None
    """What whole numbers that stand for moments count."""
    is_declared: bool = False
    """Whether the file says that the column is of this very type, as an export does."""

    @property
    def name(self) -> str:
        return self.cql_type.name

    def child(self, number: int) -> ConversionTarget:
        """What is inside: the element, the key or value, a field."""
        name, cql_type = self.cql_type.children[number]
        return replace(self, cql_type=cql_type, path=f"{self.path}.{name}", time_unit=None)

    def refuse(self, arrow_type: Any, reason: str = "") -> UnsupportedTypeError:
        """The error where there is no way."""
        detail = f": {reason}" if reason else ""
        return UnsupportedTypeError(
            f"{self.path}: {arrow_type} cannot become {self.cql_type}{detail}", column=self.path
        )

    def check_lossy_allowed(self, arrow_type: Any, loss: str) -> None:
        """Raise where values can lose something and the user did not name the column."""
        if not self.is_lossy_allowed:
            raise self.refuse(arrow_type, f"{loss}; allow_lossy={self.column!r} accepts that")


def cast(arrow_type: Any) -> Conversion:
    """Arrow's own checked cast: it raises for what is out of range or would be rounded."""
    return Conversion(arrow_type, lambda array: array.cast(arrow_type))


def parse_texts(arrow_type: Any, read: Callable[[str], Any]) -> Conversion:
    """Value by value; ``read`` raises ValueError for a text that is none."""

    def convert(array: Any) -> Any:
        return pa.array([None if text is None else read(text) for text in array.to_pylist()], arrow_type)

    return Conversion(arrow_type, convert)


def whole_numbers(array: Any) -> tuple[np.ndarray, np.ndarray]:
    """The 64-bit numbers behind a column of times, zero where it is null, and where that is."""
    return to_numpy(array.view(pa.int64()), np.int64), null_mask(array)


def first_of(values: np.ndarray, is_bad: np.ndarray) -> Any | None:
    """The first bad value, None where there is none."""
    found = np.flatnonzero(is_bad)
    return values[found[0]].item() if len(found) else None
