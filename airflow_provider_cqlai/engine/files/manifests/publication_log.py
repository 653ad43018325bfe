"""What happened to a dataset, as small files below ``_cqlai/``: who attempts to publish, what is published.

``_cqlai/source.json`` says whose rows the dataset holds. Each run key has a directory with a log: entries
``00000001.json``, ``00000002.json`` and on, each created exclusively and never changed, so creating number N+1 is a
compare-and-set on every storage. An attempt begins by creating a *claim* N and can only *commit* as N+1, so the last
one to start is the only one that can commit.

Entries may only be removed below a commit that counts (or below the mark of a replaced run key), or by an attempt that
ends and whose claim stood in nobody's way: removing any other would let a superseded attempt commit after all.

Note: the commit that counts for a run key is the highest one **of the dataset's source**. A commit written before
``source.json`` was there waits for it: of two sources that begin a dataset at once, one wins.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from airflow_provider_cqlai.engine.errors import PublishError, StorageError
from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest, Source, decode_json, encode_json, now_text
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey, parse_run_key
from airflow_provider_cqlai.engine.files.manifests.sharding import Sharding
from airflow_provider_cqlai.engine.files.storage.storage import Storage, join

LOG_DIRECTORY = "_cqlai"
_SOURCE_FILE = "source.json"
_ENTRY_NAME = re.compile(r"(\d{8,})\.json")
# Manifests read at once; on an object store each takes some 20 ms.
_CONCURRENT_READS = 16
# A reader starts over when something was published while it looked; this often only in a storm of publications.
_MAX_SNAPSHOT_ATTEMPTS = 100


class EntryKind(str, enum.Enum):
    CLAIM = "claim"
    """An attempt started, or reserved more part numbers."""
    ENDED = "ended"
    """The attempt below ended without publishing."""
    BLOCKED = "blocked"
    """An attempt at an overlapping run key, about to commit itself, took the number that the one below needed."""
    COMMIT = "commit"
    """A publication; the entry is the manifest."""
    REPLACED = "replaced"
    """Its rows were dropped, or a larger window took this run key's place: they are the larger window's now."""


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    number: int
    kind: EntryKind
    attempt: str
    next_part_number: int
    """The first part number that no attempt up to here can have used."""
    first_part_number: int = 0
    """The first one that a claim reserves."""
    source: Source | None = None
    """What the attempt exports; None where that does not matter."""
    manifest: Manifest | None = None
    sharding: Sharding | None = None
    """Of a claim that several tasks share."""

    @property
    def plan_id(self) -> str | None:
        """Of the sharded publication that claims, or that committed, here."""
        sharding = self.manifest.sharding if self.manifest is not None else self.sharding
        return sharding.plan_id if sharding is not None else None

    @property
    def is_publication(self) -> bool:
        """Whether it decides what the run key's rows are."""
        return self.kind in (EntryKind.COMMIT, EntryKind.REPLACED)

    def counts_for(self, source: Source) -> bool:
        if self.manifest is not None:
            return self.manifest.source.is_same_as(source)
        return self.kind is EntryKind.REPLACED

    def to_bytes(self) -> bytes:
        head = {"kind": self.kind.value, "number": self.number}
        if self.manifest is not None:
            return encode_json({**head, **self.manifest.to_json()})
        sharding = {} if self.sharding is None else {"sharding": self.sharding.to_json()}
        return encode_json(
            {
                **head,
                **sharding,
                "attempt": self.attempt,
                "first_part_number": self.first_part_number,
                "next_part_number": self.next_part_number,
                "source": None if self.source is None else self.source.to_json(),
                "created": now_text(),
            }
        )


class RunKeyLog:
    """The log of one run key, and the directory in which its attempts keep what nobody else reads."""

    def __init__(self, storage: Storage, root: str, run_key: RunKey) -> None:
        self.storage = storage
        self.run_key = run_key
        self.directory = join(root, LOG_DIRECTORY, run_key.name)

    def names(self) -> list[str]:
        """Everything in the directory: log entries and attempts' belongings."""
        return self.storage.list_names(self.directory)

    def numbers(self) -> list[int]:
        """Numbers of all entries, ascending."""
        return entry_numbers(self.names())

    def entry_path(self, number: int) -> str:
        return join(self.directory, f"{number:08d}.json")

    def read(self, number: int) -> LogEntry | None:
        """The entry, or None when it was removed since it was listed."""
        path = self.entry_path(number)
        try:
            content = self.storage.read(path)
        except FileNotFoundError:
            return None
        values = decode_json(content, self.storage.describe(path))
        kind = EntryKind(values["kind"])
        is_commit = kind is EntryKind.COMMIT
        return LogEntry(
            number=number,
            kind=kind,
            attempt=values["attempt"],
            next_part_number=values["next_part_number"],
            first_part_number=values.get("first_part_number", 0),
            source=Source.from_json(values["source"]) if values["source"] is not None else None,
            manifest=Manifest.from_json(values, number) if is_commit else None,
            sharding=Sharding.from_json(values["sharding"]) if "sharding" in values and not is_commit else None,
        )

    def top(self) -> LogEntry | None:
        """The highest entry; None for an empty log."""
        while numbers := self.numbers():
            entry = self.read(numbers[-1])
            if entry is not None:
                return entry
        return None

    def create(self, entry: LogEntry, *, through: str) -> None:
        """Append; raises FileExistsError when the number is taken, FileNotFoundError when ``through`` was removed."""
        self.storage.create(self.entry_path(entry.number), entry.to_bytes(), through=through)

    def delete(self, numbers: Sequence[int]) -> None:
        """Remove entries; see the head of this file for which may be."""
        for number in sorted(numbers, reverse=True):
            self.storage.delete([self.entry_path(number)])

    def publications(self) -> Iterator[LogEntry]:
        """Commits and marks of replacement, highest first, counting or not; read one by one."""
        for number in reversed(self.numbers()):
            entry = self.read(number)
            if entry is not None and entry.is_publication:
                yield entry

    def last_publication(self, source: Source) -> LogEntry | None:
        """The entry that says what the run key's rows are."""
        return next((entry for entry in self.publications() if entry.counts_for(source)), None)


class DatasetLog:
    """All run keys of a dataset."""

    def __init__(self, storage: Storage, root: str) -> None:
        self.storage = storage
        self.root = root
        self._source_path = join(root, LOG_DIRECTORY, _SOURCE_FILE)

    def run_key_log(self, run_key: RunKey) -> RunKeyLog:
        return RunKeyLog(self.storage, self.root, run_key)

    def source(self) -> Source | None:
        """Whose rows the dataset holds; None before the first publication."""
        try:
            content = self.storage.read(self._source_path)
        except FileNotFoundError:
            return None
        return Source.from_json(decode_json(content, self.storage.describe(self._source_path))["source"])

    def published_source(self) -> Source:
        """The same where there must be one.

        Raises:
            PublishError: nothing was ever published.
        """
        source = self.source()
        if source is None:
            raise PublishError(f"{self.storage.describe(self.root)}: nothing was published there, it has no manifests")
        return source

    def create_source(self, source: Source, *, through: str) -> None:
        """Make the dataset this source's; raises FileExistsError when it has one."""
        self.storage.create(self._source_path, encode_json({"source": source.to_json()}), through=through)

    def names_by_run_key(self) -> dict[RunKey, list[str]]:
        """What lies in each run key's directory, from one listing."""
        found: dict[RunKey, list[str]] = {}
        for path in self.storage.list_files(join(self.root, LOG_DIRECTORY)):
            directory, slash, name = path.partition("/")
            run_key = parse_run_key(directory) if slash else None
            if run_key is not None:
                found.setdefault(run_key, []).append(name)
        return found

    def publications(self, source: Source, selects: Callable[[RunKey], bool]) -> dict[RunKey, LogEntry]:
        """The entry that counts of each selected run key that has one. Not one moment's: see `snapshot`."""
        run_keys = [run_key for run_key in self.names_by_run_key() if selects(run_key)]
        return self._read_publications(source, run_keys)

    def snapshot(self, source: Source, selects: Callable[[RunKey], bool]) -> dict[RunKey, Manifest]:
        """The manifests that hold at one moment, without run keys that a larger one replaced.

        Looks twice: entries only ever grow, so finding the same ones again means that they all held in between.
        """
        before = self.publications(source, selects)
        for _ in range(_MAX_SNAPSHOT_ATTEMPTS):
            after = self.publications(source, selects)
            if _numbers(before) == _numbers(after):
                return live_manifests(after)
            before = after
        raise StorageError(f"{self.storage.describe(self.root)}: publications come faster than they can be listed")

    def _read_publications(self, source: Source, run_keys: Sequence[RunKey]) -> dict[RunKey, LogEntry]:
        if not run_keys:
            return {}
        with ThreadPoolExecutor(min(_CONCURRENT_READS, len(run_keys)), thread_name_prefix="cqlai-manifests") as pool:
            entries = pool.map(lambda run_key: self.run_key_log(run_key).last_publication(source), run_keys)
            return {run_key: entry for run_key, entry in zip(run_keys, entries, strict=True) if entry is not None}


def live_manifests(publications: Mapping[RunKey, LogEntry]) -> dict[RunKey, Manifest]:
    """Those whose rows are in the dataset: a larger window's commit ends smaller ones at that moment."""
    manifests = {run_key: entry.manifest for run_key, entry in publications.items() if entry.manifest is not None}
    replaced = {run_key for manifest in manifests.values() for run_key in manifest.replaces}
    return {run_key: manifest for run_key, manifest in manifests.items() if run_key not in replaced}


def entry_numbers(names: Sequence[str]) -> list[int]:
    return sorted(int(match.group(1)) for name in names if (match := _ENTRY_NAME.fullmatch(name)))


def _numbers(publications: Mapping[RunKey, Any]) -> dict[RunKey, int]:
    return {run_key: entry.number for run_key, entry in publications.items()}
