"""Whether a dataset's publications cover the window that an import asks for: a run that is missing is no empty run."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.options.window import TimeWindow

logger = logging.getLogger(__name__)

_MAX_LISTED = 10


def check_coverage(dataset: str, window: TimeWindow, run_keys: Iterable[RunKey], on_uncovered_window: str) -> None:
    """Look for parts of ``window`` that none of the published ``run_keys``, which overlap it, is about.

    Raises:
        OptionError: there are some, and ``on_uncovered_window`` is ``"error"``.
    """
    parts = find_uncovered(window, run_keys)
    if not parts:
        return
    texts = [f"{part.start.isoformat()} to {part.end.isoformat()}" for part in parts[:_MAX_LISTED]]
    more = f" and {len(parts) - _MAX_LISTED} more parts" if len(parts) > _MAX_LISTED else ""
    message = f"{dataset}: no complete export covers {', '.join(texts)}{more}"
    if on_uncovered_window == "error":
        raise OptionError(
            f"window: {message}; export it first, or import what is there with on_uncovered_window='ignore'",
            option="on_uncovered_window",
        )
    logger.warning("%s: nothing of it is imported (on_uncovered_window)", message)


def find_uncovered(window: TimeWindow, run_keys: Iterable[RunKey]) -> list[TimeWindow]:
    """The parts of ``window`` outside of ``run_keys``, in order; a run counts when all of its shards are there."""
    shards: dict[tuple[TimeWindow | None, int], set[int]] = {}
    for run_key in run_keys:
        shards.setdefault((run_key.window, run_key.shard_count), set()).add(run_key.shard_index)
    complete = [covered for (covered, count), indexes in shards.items() if len(indexes) == count]
    if None in complete:
        return []
    position, uncovered = window.start, []
    for start, end in sorted((covered.start, covered.end) for covered in complete if covered is not None):
        if position < start:
            uncovered.append(TimeWindow(start=position, end=start))
        position = max(position, end)
    if position < window.end:
        uncovered.append(TimeWindow(start=position, end=window.end))
    return uncovered
