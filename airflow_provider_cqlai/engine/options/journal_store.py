"""What a caller gives an import that is to go on after a kill: a place for a text."""

from __future__ import annotations

from typing import Protocol


class JournalStore(Protocol):
    """A text that outlives the process, for one task instance."""

    owner: str
    """Who may go on from it: another owner starts over."""

    def load(self) -> str | None:
        """The text last saved; None where there is none."""

    def save(self, text: str) -> None:
        """Replace the text; durable on return. Raises StorageError, as the others do."""

    def clear(self) -> None:
        """Forget the text."""
