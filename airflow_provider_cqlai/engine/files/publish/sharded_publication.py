"""Publishes what the shards of a shared attempt have staged, all of them by one commit, or removes it.

The attempt outlives its processes, so what a single one holds elsewhere is found in the log each time: a publication
that is killed is gone on with by the next process, which places the same files; one that fails leaves them to it, or to
`remove_shared_attempt`. A shard that is exported anew after the commit has a further attempt of the same plan, in which
the others keep their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_cqlai.engine.errors import PublishError
from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog, EntryKind, RunKeyLog
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.manifests.sharding import Sharding
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt, find_commit, intent_name, read_intent
from airflow_provider_cqlai.engine.files.publish.attempt_files import AttemptFiles
from airflow_provider_cqlai.engine.files.publish.dataset_publication import DatasetPublication
from airflow_provider_cqlai.engine.files.publish.leftovers import remove_dropped
from airflow_provider_cqlai.engine.files.publish.publication import PublishedResult
from airflow_provider_cqlai.engine.files.publish.shards import (
    ShardManifest,
    read_shard_manifests,
    remove_belongings,
)
from airflow_provider_cqlai.engine.files.storage.local_storage import LocalStorage
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage.storage import join
from airflow_provider_cqlai.engine.progress import count_of
from airflow_provider_cqlai.engine.results import DataFile

if TYPE_CHECKING:
    from typing_extensions import Self

_MOST_NAMED = 10


class ShardedPublication(DatasetPublication):
    """What publishes a shared attempt. As every publication a context manager, which removes nothing on failure."""

    shards: dict[int, ShardManifest]
    """What is staged, by shard; without those whose files a commit of the same plan holds already."""

    def __enter__(self) -> Self:
        assert self._sharding is not None
        self.shards = {}
        committed = find_commit(self._log, self._sharding.plan_id)
        self._committed = committed.manifest if committed is not None else None
        top = self._log.top()
        if top is not None and top.kind is EntryKind.CLAIM and top.plan_id == self._sharding.plan_id:
            self._attempt = Attempt.shared(self._log, top)
            self._files = AttemptFiles(
                self._storage, self._root, self._attempt, self._run_key, self._file_format.extension
            )
            self.shards = read_shard_manifests(self._log, self._attempt)
            self._check_all_are_there()
        elif self._committed is not None and committed is not None:
            # Perhaps by one that was killed right after.
            self._attempt = Attempt.after(self._log, committed)
            self._confirm_source()
            self._remove_old_generation(self._committed)
            self.already_published = self._result(self._committed)
        else:
            raise describe_missing_attempt(self._log, None)
        return self

    def commit(self, written: Sequence[WrittenFile]) -> PublishedResult:
        """Make the files of all shards, and ``written`` beside them, the run key's rows."""
        attempt = self._active_attempt
        result = super().commit(written)
        remove_belongings(self._log, attempt)
        return result

    @property
    def staged_rows(self) -> int:
        """Rows of all shards, those that are published already included."""
        staged: int = sum(file["rows"] for shard in self.shards.values() for file in shard.files)
        return staged + sum(file.rows for file in self._kept())

    def _take(self, written: Sequence[WrittenFile]) -> list[DataFile]:
        attempt, files = self._active_attempt, self._active_files
        taken = files.take(written)
        taken += [files.attach(file) for shard in self.shards.values() for file in shard.files]
        taken += self._kept()
        # Names that a publication was giving when it was killed, to files of a shard that was exported anew since.
        intended = set(read_intent(self._log, intent_name(attempt.name))) - {file.path for file in taken}
        self._storage.delete([join(self._root, path) for path in sorted(intended)])
        return sorted(taken, key=lambda file: file.path)

    def _kept(self) -> list[DataFile]:
        """Files of shards that were published before and are not exported anew."""
        if self._committed is None:
            return []
        assert self._sharding is not None
        count = self._sharding.shard_count
        return [file for file in self._committed.files if _shard_of(file, self._run_key, count) not in self.shards]

    def _check_all_are_there(self) -> None:
        assert self._sharding is not None
        missing = sorted(set(range(self._sharding.shard_count)) - set(self.shards))
        if missing and self._committed is None:
            named = ", ".join(map(str, missing[:_MOST_NAMED])) + (", ..." if len(missing) > _MOST_NAMED else "")
            raise PublishError(
                f"{self.path}: {count_of(len(missing), 'shard is', 'shards are')} missing of"
                f" {self._sharding.shard_count} ({named}); nothing was published. Run those first: each stages its part"
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


def find_kept_shard(log: RunKeyLog, plan_id: str, shard_index: int) -> list[DataFile] | None:
    """The files of a shard that is published and must stay as it is, of an incremental log; else None."""
    committed = find_commit(log, plan_id)
    if committed is None or committed.manifest is None or not committed.manifest.is_log:
        return None
    sharding = committed.manifest.sharding
    assert sharding is not None
    files = committed.manifest.files
    return [file for file in files if _shard_of(file, log.run_key, sharding.shard_count) == shard_index]


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
    """End the attempt of ``plan_id`` unless it was published, and remove what it staged; whether there was one."""
    top = log.top()
    if top is None or top.kind is not EntryKind.CLAIM or top.plan_id != plan_id:
        return False
    ended = Attempt.shared(log, top).end_for_all()
    if ended is None:
        return False
    remove_dropped(dataset_log, log, ended)
    return True


def _shard_of(file: DataFile, run_key: RunKey, shard_count: int) -> int:
    number = run_key.part_number(file.path.rpartition("/")[2])
    assert number is not None
    return number % shard_count


def describe_missing_attempt(log: RunKeyLog, planning_host: str | None) -> PublishError:
    """The error that the attempt of a plan is not to be found; ``planning_host`` where that may be why."""
    described = log.storage.describe(log.directory)
    if planning_host is not None and isinstance(log.storage, LocalStorage):
        return PublishError(
            f"{described} on this worker does not have what the plan wrote there on {planning_host}: a local path of a"
            " sharded export must be on a disk that all workers share; use an object store, or one worker. If they do"
            " share it, the attempt was removed after it failed, or another took over: run the plan again"
        )
    return PublishError(
        f"{described}: the attempt of this plan is not there: it was removed after it failed, or another attempt at the"
        " same window started later and took over; nothing of it is published. Run the plan again"
    )
