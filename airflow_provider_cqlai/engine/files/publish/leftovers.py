"""Removes what is not, or no longer, part of a dataset: files of replaced generations, and files, staging, intents and
unfinished uploads of attempts that were killed or superseded.

It runs when an attempt starts and after it commits, so a kill at any moment is made good by the next run of the run
key. No two attempts share a file name, so whatever an attempt older than a claim recorded, and no publication that
counts or may come to count lists, is dead.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Sequence

from airflow_provider_cqlai.engine.errors import PublishError
from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest, Source
from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog, EntryKind, LogEntry, RunKeyLog
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.publish import attempt as attempts
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt
from airflow_provider_cqlai.engine.files.storage.storage import join, parent


def remove_leftovers(dataset_log: DatasetLog, log: RunKeyLog, attempt: Attempt, source: Source) -> None:
    """Clean the run key of ``attempt``, of everything older than its claim."""
    _clean(dataset_log, log, attempt.first_number, attempt.name, numbers_below=attempt.first_part_number)
    publication = log.last_publication(source)
    if publication is not None and publication.manifest is not None and dataset_log.source() is not None:
        bury_replaced(dataset_log, publication.manifest, attempt)


def remove_replaced_generation(dataset_log: DatasetLog, log: RunKeyLog) -> None:
    """Only the files of publications that count no more, right after a commit: until then a glob finds both."""
    log.delete(_delete_dead(dataset_log, log, ()))


def repair_run_key(dataset_log: DatasetLog, run_key: RunKey) -> None:
    """Remove what a publication left that was killed after its commit. Nothing where an attempt holds the run key: it
    may be running, and the next one removes what it leaves."""
    log = dataset_log.run_key_log(run_key)
    top = log.top()
    if top is None or not top.is_publication:
        return
    if top.manifest is not None:
        bury_replaced(dataset_log, top.manifest, Attempt.after(log, top))
    # An attempt that starts now has a higher claim and higher part numbers.
    _clean(dataset_log, log, top.number, "", numbers_below=top.next_part_number)


def bury_replaced(dataset_log: DatasetLog, manifest: Manifest, attempt: Attempt) -> None:
    """Mark the run keys that a live ``manifest`` replaced as such in their own logs, and remove their files."""
    names_by_run_key = dataset_log.names_by_run_key() if manifest.replaces else {}
    for run_key in manifest.replaces:
        if run_key not in names_by_run_key:
            continue
        log = dataset_log.run_key_log(run_key)
        mark = _mark_replaced(log, attempt)
        if len(names_by_run_key[run_key]) == 1 and mark.attempt != attempt.name:
            continue  # buried and cleaned before
        # No attempt at it can commit any more, so all its part numbers are dead.
        _clean(dataset_log, log, mark.number, "", numbers_below=sys.maxsize)


def remove_dropped(dataset_log: DatasetLog, log: RunKeyLog, mark: LogEntry) -> None:
    """Remove the files of a run key whose ``mark`` says that it has no rows any more."""
    # No attempt below the mark can commit any more, so all its part numbers are dead.
    _clean(dataset_log, log, mark.number, "", numbers_below=mark.next_part_number)


def remove_foreign_leftovers(dataset_log: DatasetLog, run_key: RunKey, dataset_source: Source) -> None:
    """Remove what attempts of another source than the dataset's left under ``run_key``: they can never commit."""
    log = dataset_log.run_key_log(run_key)
    entries = [entry for number in log.numbers() if (entry := log.read(number)) is not None]
    foreign = [entry for entry in entries if entry.source is not None and not entry.source.is_same_as(dataset_source)]
    foreign_attempts = {entry.attempt for entry in foreign}
    belongings = [name for name in log.names() if attempts.owner(name) in foreign_attempts]
    for name in belongings:
        if attempts.is_staging_directory(name):
            log.storage.remove_directory(join(log.directory, name))
    part_numbers = {
        number
        for entry in foreign
        if entry.kind is EntryKind.CLAIM
        for number in range(entry.first_part_number, entry.next_part_number)
    }
    log.storage.abort_uploads(
        dataset_log.root, lambda path: log.run_key.part_number(path.rpartition("/")[2]) in part_numbers
    )
    intended = [file for name in belongings if attempts.is_intent(name) for file in attempts.read_intent(log, name)]
    _delete_data(log, dataset_log.root, [*intended, *_files_of(foreign)])
    log.storage.delete([join(log.directory, name) for name in belongings if not attempts.is_staging_directory(name)])
    # Nor does anyone need the marks that foreign attempts ended or were blocked.
    if all(entry in foreign or entry.kind in (EntryKind.ENDED, EntryKind.BLOCKED) for entry in entries):
        log.delete([entry.number for entry in entries])
        log.storage.remove_empty_directories([log.directory], dataset_log.root)


def remove_belongings(dataset_log: DatasetLog, log: RunKeyLog, attempt: Attempt) -> None:
    """After the commit of an attempt that processes share: what those of them left that did not get that far."""
    names = [name for name in log.names() if attempts.owner(name) == attempt.name]
    belongings = [name for name in names if not attempts.is_staging_directory(name)]
    intended = [file for name in belongings if attempts.is_intent(name) for file in attempts.read_intent(log, name)]
    _delete_dead(dataset_log, log, intended)
    log.storage.delete([join(log.directory, name) for name in belongings])


def safe_relative(path: str) -> str:
    """``path`` from a file below ``_cqlai/``, which must not lead out of the dataset."""
    if path.startswith("/") or ".." in path.split("/"):
        raise PublishError(f"a manifest names the file {path!r}, which is outside of its dataset")
    return path


def _clean(dataset_log: DatasetLog, log: RunKeyLog, claim_number: int, own_name: str, *, numbers_below: int) -> None:
    old = attempts.others_belongings(log.names(), claim_number, own_name)
    # First what attempts still need in order to place files: none appear behind the back of what follows.
    for name in old:
        if attempts.is_staging_directory(name):
            log.storage.remove_directory(join(log.directory, name))
    _abort_uploads(dataset_log, log, numbers_below)
    present = attempts.others_belongings(log.names(), claim_number, own_name)
    intents = [name for name in present if attempts.is_intent(name)]
    intended = [file for name in intents for file in attempts.read_intent(log, name)]
    removable = _delete_dead(dataset_log, log, intended)
    temporary = [name for name in old if not attempts.is_staging_directory(name) and not attempts.is_intent(name)]
    log.storage.delete([join(log.directory, name) for name in [*intents, *temporary]])
    log.delete(removable)


def _delete_dead(dataset_log: DatasetLog, log: RunKeyLog, intended: Sequence[str]) -> list[int]:
    """Delete the files of dead publications, and ``intended`` ones of dead attempts; the entries that may go now."""
    dead, kept, removable = _sort_publications(dataset_log, log)
    protected = set(_files_of(kept))
    _delete_data(log, dataset_log.root, [file for file in [*_files_of(dead), *intended] if file not in protected])
    return removable


def _sort_publications(dataset_log: DatasetLog, log: RunKeyLog) -> tuple[list[LogEntry], list[LogEntry], list[int]]:
    """Publications that are dead, those that count or may come to count, and the entries that may be removed."""
    dataset_source = dataset_log.source()
    publications = list(log.publications())
    if dataset_source is None:
        # Whichever source comes first makes its own count: nothing is dead yet.
        return [], publications, []
    live = next((entry for entry in publications if entry.counts_for(dataset_source)), None)
    dead = [entry for entry in publications if entry is not live]
    removable = [] if live is None else [number for number in log.numbers() if number < live.number]
    return dead, [] if live is None else [live], removable


def _delete_data(log: RunKeyLog, root: str, files: Sequence[str]) -> None:
    paths = [join(root, safe_relative(file)) for file in files]
    log.storage.delete(paths)
    log.storage.remove_empty_directories(sorted({parent(path) for path in paths}), root)


def _abort_uploads(dataset_log: DatasetLog, log: RunKeyLog, numbers_below: int) -> None:
    def is_stale(path: str) -> bool:
        number = log.run_key.part_number(path.rpartition("/")[2])
        return number is not None and number < numbers_below

    log.storage.abort_uploads(dataset_log.root, is_stale)


def _mark_replaced(log: RunKeyLog, attempt: Attempt) -> LogEntry:
    while True:
        top = log.top()
        if top is not None and top.kind is EntryKind.REPLACED:
            return top
        mark = LogEntry(
            number=1 if top is None else top.number + 1,
            kind=EntryKind.REPLACED,
            attempt=attempt.name,
            next_part_number=0 if top is None else top.next_part_number,
        )
        try:
            attempt.write_through(functools.partial(_create, log, mark))
        except FileExistsError:
            continue
        return mark


def _create(log: RunKeyLog, entry: LogEntry, temporary_path: str) -> None:
    log.create(entry, through=temporary_path)


def _files_of(entries: Iterable[LogEntry]) -> list[str]:
    return [file.path for entry in entries if entry.manifest is not None for file in entry.manifest.files]
