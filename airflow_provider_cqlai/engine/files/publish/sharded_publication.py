"""Publishes what the shards of a shared attempt have staged, all of them by one commit, or removes it.

The attempt outlives its processes, so what a single one holds elsewhere is found in the log each time: a publication
that is killed is gone on with by the next process, which places the same files; one that fails leaves them to it, or to
`remove_shared_attempt`. A shard that is exported anew after the commit has a further attempt of the same plan, in which
the others keep their files.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.engine.errors import CqlaiError, PublishError
from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest
from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog, EntryKind, RunKeyLog
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.manifests.sharding import Sharding
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt, find_commit, owner
from airflow_provider_cqlai.engine.files.publish.attempt_files import AttemptFiles
from airflow_provider_cqlai.engine.files.publish.dataset_publication import DatasetPublication
from airflow_provider_cqlai.engine.files.publish.leftovers import remove_belongings, remove_dropped, repair_run_key
from airflow_provider_cqlai.engine.files.publish.publication import PublishedResult
from airflow_provider_cqlai.engine.files.publish.shards import (
    ShardManifest,
    is_older,
    read_shard_manifests,
)
from airflow_provider_cqlai.engine.files.storage.local_storage import LocalStorage
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.progress import count_of
from airflow_provider_cqlai.engine.results import DataFile

if TYPE_CHECKING:
    from typing_extensions import Self

_MOST_NAMED = 10


class ShardedPublication(DatasetPublication):
    """What publishes a shared attempt. As every publication a context manager, which removes nothing on failure but
    what nobody can publish any more.

    ``expected`` are the tries of shards that have ended well, by shard: an older one is not published in their place.
    """

    shards: dict[int, ShardManifest]
    """What is staged, by shard; without those whose files a commit of the same plan holds already."""

    def __init__(self, *arguments: Any, expected: Mapping[int, str], **others: Any) -> None:
        super().__init__(*arguments, **others)
        self.shards = {}
        self._expected = expected
        self._committed: Manifest | None = None

    def __enter__(self) -> Self:
        assert self._sharding is not None
        committed = find_commit(self._log, self._sharding.plan_id)
        if committed is not None and committed.manifest is not None:
            self._committed = committed.manifest
            self._shard_tries.update(self._committed.shards)
        top = self._log.top()
        if top is not None and top.kind is EntryKind.CLAIM and top.plan_id == self._sharding.plan_id:
            self._attempt = Attempt.shared(self._log, top)
            self._files = AttemptFiles(
                self._storage, self._root, self._attempt, self._run_key, self._file_format.extension
            )
            self.shards, unfinished = read_shard_manifests(self._log, self._attempt)
            self._shard_tries.update({index: shard.shard_try for index, shard in self.shards.items()})
            self._check_all_are_there(unfinished)
        elif committed is not None and self._committed is not None:
            self._check_all_are_there(set())
            # Perhaps by one that was killed right after.
            self._attempt = Attempt.after(self._log, committed)
            self._confirm_source()
            self._remove_old_generation(self._committed)
            self.already_published = self._result(self._committed)
        else:
            raise describe_missing_attempt(self._log, None)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            super().__exit__(error_type, error, traceback)
        finally:
            if error is not None:
                with suppress(CqlaiError):
                    remove_if_dead(self._dataset_log, self._log)

    def commit(self, written: Sequence[WrittenFile]) -> PublishedResult:
        """Make the files of all shards, and ``written`` beside them, the run key's rows."""
        attempt = self._active_attempt
        result = super().commit(written)
        remove_belongings(self._dataset_log, self._log, attempt)
        return result

    @property
    def staged_rows(self) -> int:
        """Rows of all shards, those that are published already included."""
        staged: int = sum(file["rows"] for shard in self.shards.values() for file in shard.files)
        return staged + sum(file.rows for file in self._kept())

    def _take(self, written: Sequence[WrittenFile]) -> list[DataFile]:
        files = self._active_files
        taken = files.take(written)
        taken += [files.attach(file) for shard in self.shards.values() for file in shard.files]
        taken += self._kept()
        return sorted(taken, key=lambda file: file.path)

    def _kept(self) -> list[DataFile]:
        """Files of shards that were published before and are not exported anew."""
        if self._committed is None:
            return []
        assert self._sharding is not None
        count = self._sharding.shard_count
        return [file for file in self._committed.files if _shard_of(file, self._run_key, count) not in self.shards]

    def _check_all_are_there(self, unfinished: set[int]) -> None:
        assert self._sharding is not None
        missing = set(range(self._sharding.shard_count)) - set(self._shard_tries) | unfinished
        if missing:
            raise PublishError(
                f"{self.path}: {count_of(len(missing), 'shard is', 'shards are')} missing of"
                f" {self._sharding.shard_count} ({_name_some(missing)}); nothing was published. Run those first: each"
                " stages its part"
            )
        older = {index for index, shard_try in self._expected.items() if is_older(self._shard_tries[index], shard_try)}
        if older:
            raise PublishError(
                f"{self.path}: {count_of(len(older), 'shard was', 'shards were')} exported anew ({_name_some(older)}),"
                " and what was staged then is not there any more: it was removed after a failure, or came while another"
                " publication was at work. Nothing was published now. Run those shards again, and then this"
            )

    def _leave(self) -> None:
        """Nothing: the attempt is not this process's alone."""
        self._attempt = None


def find_sharding(log: RunKeyLog, plan_id: str | None = None, *, planning_host: str | None = None) -> Sharding:
    """What the tasks of ``plan_id``, None for the one that is published, have in common.

    Raises:
        PublishError: neither its attempt nor its commit is there.
    """
    top = log.top()
    sharding = top.sharding if top is not None and top.kind is EntryKind.CLAIM else None
    if sharding is None or sharding.plan_id != plan_id:
        committed = next(log.publications(), None) if plan_id is None else find_commit(log, plan_id)
        sharding = committed.manifest.sharding if committed is not None and committed.manifest is not None else None
    if sharding is None:
        raise describe_missing_attempt(log, planning_host)
    return sharding


def find_kept_shard(log: RunKeyLog, plan_id: str, shard_index: int) -> tuple[list[DataFile], str] | None:
    """The files of a shard that is published and must stay as it is, of an incremental log, and its try; else None."""
    committed = find_commit(log, plan_id)
    if committed is None or committed.manifest is None or not committed.manifest.is_log:
        return None
    sharding = committed.manifest.sharding
    assert sharding is not None
    files = committed.manifest.files
    own = [file for file in files if _shard_of(file, log.run_key, sharding.shard_count) == shard_index]
    return own, committed.manifest.shards[shard_index]


def join_shared_attempt(log: RunKeyLog, plan_id: str, planning_host: str) -> Attempt:
    """The attempt that a shard of ``plan_id`` belongs to.

    Raises:
        PublishError: it is not there: removed after a failure, superseded, or on the disk of ``planning_host``.
    """
    attempt = Attempt.join(log, plan_id)
    if attempt is None:
        raise describe_missing_attempt(log, planning_host)
    log.storage.make_directory(attempt.staging_directory)
    return attempt


def remove_shared_attempt(dataset_log: DatasetLog, log: RunKeyLog, plan_id: str) -> bool:
    """End the attempt of ``plan_id`` unless it was published, and remove what it staged; whether there was something.

    What a publication left that was killed right after its commit goes as well.
    """
    top = log.top()
    if top is None:
        return False
    if top.kind is EntryKind.CLAIM and top.plan_id == plan_id:
        ended = Attempt.shared(log, top).end_for_all()
        if ended is not None:
            remove_dropped(dataset_log, log, ended)
        is_removed = ended is not None
    else:
        is_removed = remove_if_dead(dataset_log, log)
    if find_commit(log, plan_id) is not None:
        repair_run_key(dataset_log, log.run_key)
    return is_removed


def remove_if_dead(dataset_log: DatasetLog, log: RunKeyLog) -> bool:
    """Remove what the last attempt staged and placed where the log says that it can never be published: it was ended,
    or one at an overlapping run key took its number. Whether there was something."""
    top = log.top()
    if top is None or top.kind not in (EntryKind.BLOCKED, EntryKind.ENDED):
        return False
    is_something = any(owner(name) is not None for name in log.names())
    if is_something:
        remove_dropped(dataset_log, log, top)
    return is_something


def _name_some(shards: set[int]) -> str:
    return ", ".join(map(str, sorted(shards)[:_MOST_NAMED])) + (", ..." if len(shards) > _MOST_NAMED else "")


def _shard_of(file: DataFile, run_key: RunKey, shard_count: int) -> int:
    number = run_key.part_number(file.path.rpartition("/")[2])
    assert number is not None
    return number % shard_count


def describe_missing_attempt(log: RunKeyLog, planning_host: str | None) -> PublishError:
    """The error that the attempt of a plan is not to be found; ``planning_host`` where that may be why."""
    described = log.storage.describe(log.directory)
    top = log.top()
    is_local = isinstance(log.storage, LocalStorage)
    here = socket.gethostname()
    if is_local and planning_host is not None and (top is None or planning_host != here):
        return PublishError(
            f"{described} on this worker, {here}, does not have what the plan wrote there on {planning_host}: a local"
            " path of a sharded export must be on a disk that all workers share; use an object store, or one worker."
            " If they do share it, another attempt took over, or this one was removed: run the plan again"
        )
    if top is None:
        reason = "the dataset was deleted"
    elif top.kind is EntryKind.ENDED:
        reason = "it was removed after it had failed"
    else:
        reason = "another attempt at the same window, or at one that overlaps it, started later and took over"
    return PublishError(f"{described}: the attempt of this plan is not there: {reason}. Run the plan again")
