"""What the compiled half hands over: the C structures of an Arrow array, as pyarrow takes them without a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CapsulePair:
    """What Arrow's PyCapsule interface asks of an object with an array or a record batch inside."""

    schema: Any
    array: Any

    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]:
        return self.schema, self.array
