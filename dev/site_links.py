"""A hook of MkDocs: a link of a page to a file outside of ``docs`` becomes plain text, which names the file.

The pages are read in the repository too, where such links lead somewhere. One whose file is missing is left as it is,
so that ``make docs`` fails for it, as for any other broken link.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[([^\]\n]+)\]\((\.\./[^)#\s]*)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The text of ``page`` without links that leave the site."""
    docs = Path(config["docs_dir"]).resolve()
    folder = (docs / page.file.src_uri).parent

    def unlink(match: re.Match[str]) -> str:
        target = (folder / match[2]).resolve()
        is_outside = docs not in (target, *target.parents)
        return match[1] if is_outside and target.exists() else match[0]

    return _LINK.sub(unlink, markdown)
