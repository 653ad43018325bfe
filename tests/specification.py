"""The specification's SQL examples, by the headings that they stand under."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

_DOCUMENT = Path(__file__).with_name("specification_examples.md").read_text(encoding="utf-8")
PLANNED = "Planned Features"
CAPTURE = "Advanced Features / Capture Mode Integration"
CAPTURE_USES = f"{CAPTURE} / Use Cases for Capture with Parquet"


def _read_examples() -> Mapping[str, list[str]]:
    examples: dict[str, list[str]] = defaultdict(list)
    section = ""
    for heading, block in re.findall(r"^## ([^\n]+)$|^```sql\n(.*?)^```$", _DOCUMENT, re.MULTILINE | re.DOTALL):
        if heading:
            section = heading
        else:
            examples[section].append(block)
    return examples


EXAMPLES = _read_examples()
