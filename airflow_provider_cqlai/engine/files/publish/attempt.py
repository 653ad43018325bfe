"""One attempt to publish a run key: its claim in the log, the part numbers it may use, its private files.

Everything an attempt keeps beside the log begins with its name, which begins with its claim's number, so a later
attempt knows what is older than itself.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_cqlai.engine.errors import SupersededError
from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest, Source, decode_json, encode_json, now_text
from airflow_provider_cqlai.engine.files.manifests.publication_log import EntryKind, LogEntry, RunKeyLog
from airflow_provider_cqlai.engine.files.manifests.sharding import Sharding
from airflow_provider_cqlai.engine.files.storage.storage import join

# Part numbers that a claim reserves; more are reserved by doubling. After a killed attempt numbers go on behind them.
_FIRST_RESERVATION = 10
# Starting over because others start at the same moment.
_MAX_CLAIMS = 50
# Writing a temporary file over again because others clean up at the same moment.
_MAX_WRITES = 10
_NAME = re.compile(r"(?P<attempt>attempt-(?P<number>\d{8,})-[0-9a-f]{12})(?P<suffix>.*)")
_INTENT = ".json"
_INTENT_SUFFIX = re.compile(r"(?:\.publish-[0-9a-f]{12})?\.json")


class Attempt:
    """Holds the highest claim of a run key's log until a newer attempt makes a higher one.

    One with a `Sharding` is shared by processes: each may reserve part numbers, and the one that publishes commits.
    """

    def __init__(self, log: RunKeyLog, claim: LogEntry, below: LogEntry | None) -> None:
        self.name = claim.attempt
        self.first_number = claim.number
        self.first_part_number = claim.first_part_number
        self._log = log
        self._claim = claim
        # Removing a claim on top of another claim would let that one's attempt commit; one that other processes share
        # may be theirs to commit.
        self._is_removable = claim.sharding is None and (below is None or below.kind is not EntryKind.CLAIM)
        self._temporary_count = itertools.count()
        # Processes that share an attempt must not share what they write.
        self._process = None if claim.sharding is None else uuid.uuid4().hex[:12]

    @classmethod
    def start(
        cls, log: RunKeyLog, source: Source, check: Callable[[], None], *, sharding: Sharding | None = None
    ) -> Attempt:
        """Claim the run key. ``check`` raises if that must not be; it holds at the moment of the claim.

        With ``sharding`` the attempt is one that other processes go on with, see `shared`.

        Raises:
            SupersededError: someone else started at the same moment, and later.
        """
        for _ in range(_MAX_CLAIMS):
            below = log.top()
            check()
            number = 1 if below is None else below.number + 1
            first_part_number = 0 if below is None else below.next_part_number
            claim = _first_claim(number, first_part_number, source, sharding)
            attempt = cls(log, claim, below)
            try:
                log.create(claim, through=attempt.temporary_path())
            except (FileExistsError, FileNotFoundError):
                continue
            higher = [entry for found in log.numbers() if found > number and (entry := log.read(found)) is not None]
            if not higher:
                return attempt
            if not any(entry.is_publication for entry in higher):
                raise attempt.superseded()
            # The number was free because entries below a publication are removed: this is not the end of the log.
            if attempt._is_removable:
                log.delete([number])
        raise SupersededError(f"{log.storage.describe(log.directory)}: too many attempts start at the same moment")

    @classmethod
    def after(cls, log: RunKeyLog, publication: LogEntry) -> Attempt:
        """Stands for the attempt of ``publication``, which may be dead, to do what comes after the commit."""
        name = f"attempt-{publication.number:08d}-{uuid.uuid4().hex[:12]}"
        return cls(log, replace(publication, attempt=name), None)

    @classmethod
    def shared(cls, log: RunKeyLog, claim: LogEntry) -> Attempt:
        """The attempt that ``claim`` is the top of, in one more of the processes that share it."""
        attempt = cls(log, claim, None)
        match = _NAME.fullmatch(claim.attempt)
        assert match is not None
        attempt.first_number = int(match["number"])
        first = log.read(attempt.first_number)
        attempt.first_part_number = (claim if first is None else first).first_part_number
        return attempt

    @classmethod
    def join(cls, log: RunKeyLog, plan_id: str) -> Attempt | None:
        """The attempt that processes of ``plan_id`` share; where it was committed, a further one, which takes the place
        of some of its shards. None where there is none any more.
        """
        while True:
            top = log.top()
            if top is None:
                return None
            if top.kind is EntryKind.CLAIM:
                return cls.shared(log, top) if top.plan_id == plan_id else None
            committed = find_commit(log, plan_id)
            if committed is None or committed.manifest is None:
                return None
            manifest = committed.manifest
            claim = _first_claim(top.number + 1, top.next_part_number, manifest.source, manifest.sharding)
            attempt = cls(log, claim, None)
            try:
                log.create(claim, through=attempt.temporary_path())
            except (FileExistsError, FileNotFoundError):
                continue
            return attempt

    @property
    def sharding(self) -> Sharding | None:
        """Of an attempt that several processes share."""
        return self._claim.sharding

    @property
    def staging_directory(self) -> str:
        return join(self._log.directory, self.name)

    @property
    def intent_path(self) -> str:
        """This process's own: what another one is about to do is not this one's to overwrite."""
        suffix = _INTENT if self._process is None else f".publish-{self._process}{_INTENT}"
        return join(self._log.directory, self.name + suffix)

    @property
    def commit_number(self) -> int:
        return self._claim.number + 1

    def temporary_path(self) -> str:
        """A path of this attempt's own, another one each time."""
        process = "" if self._process is None else f".{self._process}"
        return join(self._log.directory, f"{self.name}{process}.{next(self._temporary_count)}.tmp")

    def write_through(self, write: Callable[[str], None]) -> None:
        """``write(temporary path)``: what may also be done after the commit, when a repair takes the commit's attempt
        for dead and removes the file.

        Raises:
            SupersededError: a newer attempt removed it.
        """
        for _ in range(_MAX_WRITES):
            try:
                write(self.temporary_path())
                return
            except FileNotFoundError:
                numbers = self._log.numbers()
                if not numbers or numbers[-1] > self.commit_number:
                    break
        raise self.superseded()

    def write_intent(self, files: Sequence[str]) -> None:
        """Record the files that are about to get their final names, so that somebody removes them if this is killed."""
        self._write_intent(self.intent_path, files)
        if self._process is not None:
            # What attempts at overlapping run keys look for.
            self._write_intent(join(self._log.directory, self.name + _INTENT), ())

    def _write_intent(self, path: str, files: Sequence[str]) -> None:
        content = encode_json({"attempt": self.name, "created": now_text(), "files": list(files)})
        try:
            self._log.storage.replace(path, content, through=self.temporary_path())
        except FileNotFoundError as error:
            raise self.superseded() from error

    def reserve(self, part_number: int) -> None:
        """Make sure that no other attempt ever uses ``part_number``."""
        while part_number >= self._claim.next_part_number:
            reserved = self._claim.next_part_number - self.first_part_number
            claim = LogEntry(
                number=self._claim.number + 1,
                kind=EntryKind.CLAIM,
                attempt=self.name,
                first_part_number=self._claim.next_part_number,
                next_part_number=self._claim.next_part_number + reserved,
                source=self._claim.source,
                sharding=self._claim.sharding,
            )
            try:
                self._append(claim)
            except SupersededError:
                if not self._follow():
                    raise
            else:
                self._claim = claim

    def is_superseded(self) -> bool:
        numbers = self._log.numbers()
        return not numbers or (numbers[-1] != self._claim.number and not self._follow())

    def _follow(self) -> bool:
        """Whether the top is a claim of this attempt that another of its processes made: it is this one's as well."""
        top = self._log.top() if self._claim.sharding is not None else None
        if top is None or top.kind is not EntryKind.CLAIM or top.attempt != self.name:
            return False
        self._claim = top
        return True

    def check_not_superseded(self) -> None:
        if self.is_superseded():
            raise self.superseded()

    def commit(self, manifest: Manifest) -> None:
        """Append the manifest: the commit point.

        Raises:
            SupersededError: a newer attempt made its claim; nothing was published.
            StorageError: whether it was published is unknown.
        """
        entry = LogEntry(
            number=manifest.number,
            kind=EntryKind.COMMIT,
            attempt=self.name,
            next_part_number=manifest.next_part_number,
            source=manifest.source,
            manifest=manifest,
        )
        self._append(entry)

    def drop(self) -> LogEntry:
        """Append the mark that the run key has no rows of its own any more: a commit point, too.

        Raises:
            SupersededError: a newer attempt made its claim; the rows are as they were.
            StorageError: whether they were dropped is unknown.
        """
        mark = LogEntry(
            number=self.commit_number,
            kind=EntryKind.REPLACED,
            attempt=self.name,
            next_part_number=self._claim.next_part_number,
        )
        self._append(mark)
        return mark

    def end(self, *, next_part_number: int) -> None:
        """Nothing was published: leave the log as if this had not started, or say that it ended.

        ``next_part_number`` is the first that did not become visible, not even for a moment.
        """
        top = self._log.top()
        is_blocked = top is not None and top.kind is EntryKind.BLOCKED and top.number == self.commit_number
        if top is None or not (is_blocked or top.number == self._claim.number):
            return
        if self._is_removable and next_part_number == self.first_part_number:
            # A block was there for this attempt only.
            self._log.delete(range(self.first_number, top.number + 1))
            return
        if is_blocked:
            return
        ended = LogEntry(
            number=self.commit_number, kind=EntryKind.ENDED, attempt=self.name, next_part_number=next_part_number
        )
        try:
            self._log.create(ended, through=self.temporary_path())
        except (FileExistsError, FileNotFoundError):
            return

    def end_for_all(self) -> LogEntry | None:
        """Of a shared attempt: no process can commit it any more. None where it did, or was superseded."""
        while not self.is_superseded():
            ended = LogEntry(
                number=self.commit_number,
                kind=EntryKind.ENDED,
                attempt=self.name,
                next_part_number=self._claim.next_part_number,
            )
            try:
                self._log.create(ended, through=self.temporary_path())
            except (FileExistsError, FileNotFoundError):
                continue
            return ended
        return None

    def superseded(self) -> SupersededError:
        described = self._log.storage.describe(self._log.directory)
        top = self._log.top() if self._process is not None else None
        if top is not None and top.attempt == self.name and top.kind is EntryKind.ENDED:
            return SupersededError(
                f"{described}: this attempt was ended, after it had failed; nothing of it is published"
            )
        if top is not None and top.attempt == self.name:
            return SupersededError(f"{described}: another process of the same attempt has published it, or is about to")
        return SupersededError(
            f"{described}: another attempt at {self._log.run_key}, or at a window"
            " that overlaps it, started later and took over; nothing of this one is published"
        )

    def _append(self, entry: LogEntry) -> None:
        try:
            self._log.create(entry, through=self.temporary_path())
        except (FileExistsError, FileNotFoundError) as error:
            raise self.superseded() from error


def _first_claim(number: int, first_part_number: int, source: Source | None, sharding: Sharding | None) -> LogEntry:
    """The claim that a new attempt begins with, which has its number in its name."""
    shard_count = sharding.shard_count if sharding is not None else 1
    return LogEntry(
        number=number,
        kind=EntryKind.CLAIM,
        attempt=f"attempt-{number:08d}-{uuid.uuid4().hex[:12]}",
        first_part_number=first_part_number,
        next_part_number=first_part_number + _FIRST_RESERVATION * shard_count,
        source=source,
        sharding=sharding,
    )


def find_commit(log: RunKeyLog, plan_id: str) -> LogEntry | None:
    """The commit of ``plan_id`` where nothing came after it but attempts of the same plan, and others that ended."""
    publication = next(log.publications(), None)
    top = log.top()
    if publication is None or publication.plan_id != plan_id or top is None:
        return None
    return publication if top.kind is EntryKind.ENDED or top.plan_id == plan_id else None


def others_belongings(names: Sequence[str], claim_number: int, own_name: str) -> list[str]:
    """Those of ``names`` that attempts before the one with this first claim keep beside the log.

    Others of the same number were killed before they made the claim, or lost it to this one.
    """
    return [
        name
        for name in names
        if (match := _NAME.fullmatch(name)) and int(match["number"]) <= claim_number and match["attempt"] != own_name
    ]


def owner(name: str) -> str | None:
    """The attempt that ``name`` belongs to; None for a log entry."""
    match = _NAME.fullmatch(name)
    return match["attempt"] if match else None


def is_intent(name: str) -> bool:
    match = _NAME.fullmatch(name)
    return match is not None and _INTENT_SUFFIX.fullmatch(match["suffix"]) is not None


def is_staging_directory(name: str) -> bool:
    match = _NAME.fullmatch(name)
    return match is not None and match["suffix"] in ("", ".dead")


def intent_name(attempt: str) -> str:
    return attempt + _INTENT


def read_intent(log: RunKeyLog, name: str) -> list[str]:
    """The files an attempt was about to place; none when its intent is gone."""
    path = join(log.directory, name)
    try:
        content = log.storage.read(path)
    except FileNotFoundError:
        return []
    values: dict[str, Any] = decode_json(content, log.storage.describe(path))
    files: list[str] = values["files"]
    return files
