"""What all operators do about a task that is to end: `on_kill` in, a cancelled engine out."""

from __future__ import annotations

from airflow_provider_cqlai.engine.cancellation import Cancellation


class CancelledByKill:
    """Comes before `BaseOperator` among an operator's bases, whose `execute` begins with `_begin_cancellation`."""

    _is_killed = False
    # Made when the task runs: before that Airflow copies the operator, and a lock cannot be copied.
    _cancellation: Cancellation | None = None

    def _begin_cancellation(self) -> Cancellation:
        """What the engine looks at; cancelled already where `on_kill` came first."""
        cancellation = self._cancellation = Cancellation()
        if self._is_killed:
            cancellation.cancel()
        return cancellation

    def on_kill(self) -> None:
        """Ask the engine to stop: before its commit point it publishes nothing, after it the publish finishes. Rows
        that an import has sent stay, and so does what earlier statements of a script did."""
        self._is_killed = True
        if self._cancellation is not None:
            self._cancellation.cancel()
