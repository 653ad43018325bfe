"""A flag that one thread raises and the engine's threads poll.

`Cancellation.cancel` only sets a flag, so it is safe inside a signal handler, where Airflow calls ``on_kill``.
"""

from __future__ import annotations

import threading

from airflow_provider_cqlai.engine.errors import CopyCancelledError

# How long a wait inside the engine may last before it looks at the flag again.
POLL_SECONDS = 0.1


class Cancellation:
    """Asks a running verb to stop. Before the commit point it publishes nothing; after it, the publish finishes."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask to stop; may be called from a signal handler and more than once."""
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise `CopyCancelledError` once `cancel` was called."""
        if self._event.is_set():
            raise CopyCancelledError("stopped on request")

    def wait(self, seconds: float) -> None:
        """Sleep for ``seconds``, but wake and raise `CopyCancelledError` when asked to stop."""
        if self._event.wait(seconds):
            self.raise_if_cancelled()
