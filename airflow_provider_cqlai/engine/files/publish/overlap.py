"""Keeps a row from being in a dataset twice: windows, shards and the whole dataset against each other.

Run keys have logs of their own, so two overlapping ones could commit at the same moment. Hence the order before a
commit: an attempt first records its intent, then takes the next number from every overlapping attempt that has recorded
one, and only then looks for overlapping commits. Of two attempts at once, at least one sees the other's intent.
"""

from __future__ import annotations

from airflow_provider_cqlai.engine.errors import WindowOverlapError
from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest, Source
from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog, EntryKind, LogEntry
from airflow_provider_cqlai.engine.files.manifests.run_key import Relation, RunKey
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt, intent_name


def find_replaced(dataset_log: DatasetLog, run_key: RunKey, source: Source, *, may_replace: bool) -> tuple[RunKey, ...]:
    """The run keys whose place a publication of ``run_key`` takes.

    Raises:
        WindowOverlapError: rows of it are published under another run key, and may not be replaced.
    """
    publications = dataset_log.publications(
        source, lambda other: other == run_key or run_key.relation_to(other) is not Relation.DISJOINT
    )
    manifests = {other: entry.manifest for other, entry in publications.items() if entry.manifest is not None}
    ended_by = {other: manifest for manifest in manifests.values() for other in manifest.replaces}
    replaced: list[RunKey] = []
    for other, manifest in sorted(manifests.items(), key=lambda item: item[0].name):
        if other == run_key:
            continue
        is_contained = run_key.relation_to(other) is Relation.CONTAINED
        # Ended, but killed before it was buried. If it is not ours to bury, what ended it overlaps, too.
        if other in ended_by:
            if is_contained:
                replaced.append(other)
        elif is_contained and may_replace:
            replaced.append(other)
        else:
            raise _overlap(dataset_log, run_key, manifest, is_contained=is_contained)
    return tuple(replaced)


def block_overlapping_attempts(dataset_log: DatasetLog, run_key: RunKey, attempt: Attempt) -> None:
    """Take the number from every attempt that is about to commit rows of ``run_key`` under another run key."""
    for other, names in dataset_log.names_by_run_key().items():
        if other != run_key and run_key.relation_to(other) is not Relation.DISJOINT:
            _block(dataset_log, other, names, attempt)


def _block(dataset_log: DatasetLog, other: RunKey, names: list[str], attempt: Attempt) -> None:
    log = dataset_log.run_key_log(other)
    while True:
        top = log.top()
        # An attempt without an intent looks for ours after it has recorded its own.
        if top is None or top.kind is not EntryKind.CLAIM or intent_name(top.attempt) not in names:
            return
        block = LogEntry(
            number=top.number + 1,
            kind=EntryKind.BLOCKED,
            attempt=attempt.name,
            next_part_number=top.next_part_number,
        )
        try:
            log.create(block, through=attempt.temporary_path())
        except FileExistsError:
            names = log.names()
        except FileNotFoundError as error:
            raise attempt.superseded() from error
        else:
            return


def _overlap(dataset_log: DatasetLog, run_key: RunKey, present: Manifest, *, is_contained: bool) -> WindowOverlapError:
    if is_contained and not present.is_log:
        remedy = "on_overlap='replace' publishes it in the place of the one that is there"
    elif is_contained:
        remedy = "choose windows that do not overlap, since an export by writetime never replaces an earlier one"
    else:
        remedy = (
            "choose a window and shards that match those there, another path, or take that one out (python -m"
            " airflow_provider_cqlai dataset drop)"
        )
    return WindowOverlapError(
        f"the window overlaps one that is published; {remedy}. {dataset_log.storage.describe(dataset_log.root)}:"
        f" {run_key} overlaps {present.run_key}, so rows would be in the dataset twice",
        option="on_overlap" if is_contained else "path",
    )
