"""One shard of an attempt that several tasks share: staged here, described in a shard manifest, published by another.

Each try of a shard begins with a claim of its own beside the log, ``<attempt>.shard-00003.00000001.claim``, and ends
with the shard manifest, ``....00000001.done``. The last try to start is the shard's: what earlier ones staged goes, and
a manifest that one of them still writes counts for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CqlaiError, StorageError, SupersededError
from airflow_provider_cqlai.engine.files.manifests.footer_metadata import describe_publication
from airflow_provider_cqlai.engine.files.manifests.manifest import Source, decode_json, encode_json
from airflow_provider_cqlai.engine.files.manifests.publication_log import RunKeyLog
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt
from airflow_provider_cqlai.engine.files.publish.attempt_files import AttemptFiles, DatasetFile
from airflow_provider_cqlai.engine.files.publish.publication import Due, PublishedResult
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage.storage import Storage, join
from airflow_provider_cqlai.engine.options.values.file_formats import FileFormat

if TYPE_CHECKING:
    from typing_extensions import Self

_CLAIM = "claim"
_DONE = "done"
# Shard manifests read at once; on an object store each takes some 20 ms.
_CONCURRENT_READS = 16


@dataclass(frozen=True)
class ShardManifest:
    """What the last try of a shard staged. ``files`` are for `AttemptFiles.attach`; ``report`` is the caller's."""

    files: tuple[Mapping[str, Any], ...]
    report: Mapping[str, Any]
    shard_try: str
    """Which try it is, for `is_older`."""


class ShardPublication:
    """One try of a shard. A context manager: leaving it without `commit` drops what it staged."""

    already_published: PublishedResult | None = None

    def __init__(
        self,
        *,
        storage: Storage,
        root: str,
        log: RunKeyLog,
        attempt: Attempt,
        shard_index: int,
        source: Source,
        file_format: FileFormat,
        consistency_level: str,
        cancellation: Cancellation,
    ) -> None:
        self.path = storage.describe(root)
        self.footer_metadata = describe_publication(source, log.run_key, consistency_level)
        self.report: dict[str, Any] = {}
        """What the publishing process is to know of the shard; JSON."""
        self._storage = storage
        self._root = root
        self._log = log
        self._attempt = attempt
        self._shard_index = shard_index
        self._extension = file_format.extension
        self._cancellation = cancellation
        self._is_due = Due()
        self._number = 0
        self._files: AttemptFiles | None = None

    def __enter__(self) -> Self:
        self._number = self._claim()
        self._files = AttemptFiles(
            self._storage,
            self._root,
            self._attempt,
            self._log.run_key,
            self._extension,
            shard_index=self._shard_index,
            shard_directory=self._directory(self._number),
        )
        self._remove_earlier_tries()
        self._storage.make_directory(self._staging_directory(self._number))
        # A directory that was made after the attempt was removed would stay.
        if self._attempt.is_superseded():
            self._storage.remove_directory(self._attempt.staging_directory)
            raise self._attempt.superseded()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._files is None:
            return
        try:
            self._files.discard()
            self._storage.remove_directory(self._staging_directory(self._number))
        except CqlaiError:
            # What ended the try says more, and the next one, or the end of the attempt, removes what it left.
            if error is None:
                raise
        if isinstance(error, StorageError):
            # What a newer attempt or try removed fails in words that differ between stores.
            try:
                self._check_is_last()
            except SupersededError as superseded:
                raise superseded from error

    @property
    def shard_try(self) -> str:
        """Which try this is, for `is_older`."""
        return f"{self._attempt.name}.{self._number}"

    def create_file(self, hive_partition: str, query_number: int | None = None) -> DatasetFile:
        """Begin a file in ``hive_partition``, under the next of the shard's numbers that is free there."""
        assert self._files is not None
        return self._files.create(hive_partition, query_number)

    def check_if_due(self) -> None:
        if self._is_due():
            # A store that does not answer now is asked again at the end.
            with suppress(StorageError):
                self._check_is_last()

    def commit(self, written: Sequence[WrittenFile]) -> PublishedResult:
        """Write the shard manifest: ``written`` are the shard's files, invisible until the attempt is published."""
        assert self._files is not None
        self._cancellation.raise_if_cancelled()
        files = self._files.take(written)
        content = encode_json({"files": self._files.detach(files), "report": self.report})
        path = self._path(self._number, _DONE)
        try:
            self._storage.create(path, content, through=self._attempt.temporary_path())
        except (FileExistsError, FileNotFoundError) as error:
            raise self._attempt.superseded() from error
        try:
            self._check_is_last()
        except SupersededError:
            self._storage.delete([path])
            raise
        self._files = None
        return PublishedResult(files=tuple(files))

    def _claim(self) -> int:
        while True:
            self._attempt.check_not_superseded()
            number = max([0, *(number for number, _ in self._tries())]) + 1
            content = encode_json({"shard_index": self._shard_index})
            try:
                self._storage.create(self._path(number, _CLAIM), content, through=self._attempt.temporary_path())
            except FileExistsError:
                continue
            except FileNotFoundError as error:
                raise self._attempt.superseded() from error
            return number

    def _remove_earlier_tries(self) -> None:
        sharding = self._attempt.sharding
        assert sharding is not None
        first, step = self._attempt.first_part_number, sharding.shard_count

        def is_own(path: str) -> bool:
            number = self._log.run_key.part_number(path.rpartition("/")[2])
            return number is not None and number >= first and number % step == self._shard_index

        earlier = [(number, kind) for number, kind in self._tries() if number < self._number]
        if not earlier:
            return
        for number in {number for number, _ in earlier}:
            self._storage.remove_directory(self._staging_directory(number))
        self._storage.abort_uploads(self._root, is_own)
        self._storage.delete([self._path(number, kind) for number, kind in earlier])

    def _check_is_last(self) -> None:
        self._attempt.check_not_superseded()
        if any(number > self._number for number, _ in self._tries()):
            raise SupersededError(
                f"{self.path}: a later try of shard {self._shard_index} has started and took over; what this one staged"
                " is dropped"
            )

    def _tries(self) -> list[tuple[int, str]]:
        found = _find_tries(self._log, self._attempt)
        return [(number, kind) for index, number, kind in found if index == self._shard_index]

    def _directory(self, number: int) -> str:
        return f"shard-{self._shard_index:05d}.{number:08d}"

    def _staging_directory(self, number: int) -> str:
        return join(self._attempt.staging_directory, self._directory(number))

    def _path(self, number: int, kind: str) -> str:
        return _path(self._log, self._attempt, self._shard_index, number, kind)


def is_older(shard_try: str, other: str) -> bool:
    """Whether a try of a shard began before another one of the same plan."""
    return _order(shard_try) < _order(other)


def _order(shard_try: str) -> tuple[str, int]:
    # The name of an attempt begins with its number.
    attempt, _, number = shard_try.rpartition(".")
    return attempt, int(number)


def read_shard_manifests(log: RunKeyLog, attempt: Attempt) -> tuple[dict[int, ShardManifest], set[int]]:
    """By shard, what its last try staged; and the shards whose last try has not finished."""
    last: dict[int, tuple[int, set[str]]] = {}
    for index, number, kind in _find_tries(log, attempt):
        if number > last.get(index, (0,))[0]:
            last[index] = (number, set())
        if number == last[index][0]:
            last[index][1].add(kind)
    done = {index: number for index, (number, kinds) in last.items() if _DONE in kinds}
    unfinished = set(last) - set(done)
    if not done:
        return {}, unfinished

    def read(index: int) -> ShardManifest:
        path = _path(log, attempt, index, done[index], _DONE)
        try:
            values = decode_json(log.storage.read(path), log.storage.describe(path))
        except FileNotFoundError as error:
            raise attempt.superseded() from error
        return ShardManifest(tuple(values["files"]), values["report"], f"{attempt.name}.{done[index]}")

    with ThreadPoolExecutor(min(_CONCURRENT_READS, len(done)), thread_name_prefix="cqlai-shards") as pool:
        return dict(zip(done, pool.map(read, done), strict=True)), unfinished


def _find_tries(log: RunKeyLog, attempt: Attempt) -> list[tuple[int, int, str]]:
    pattern = re.compile(rf"{re.escape(attempt.name)}\.shard-(\d{{5,}})\.(\d{{8,}})\.({_CLAIM}|{_DONE})")
    matches = [match for name in log.names() if (match := pattern.fullmatch(name))]
    return [(int(match[1]), int(match[2]), match[3]) for match in matches]


def _path(log: RunKeyLog, attempt: Attempt, shard_index: int, number: int, kind: str) -> str:
    return join(log.directory, f"{attempt.name}.shard-{shard_index:05d}.{number:08d}.{kind}")
