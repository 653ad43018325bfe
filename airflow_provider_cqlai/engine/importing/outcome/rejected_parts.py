"""The part files in which rejected rows wait, beside the file that they will be in: those of one attempt.

Each attempt has a directory of its own, and says by a claim file that the place is its own from now on. Whoever comes
later takes over, and the earlier one, frozen for an hour or a second import with the same path, ends before it changes
anything more. The rows that it had put aside are copied by the one that goes on from it, or lost with its journal.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.errors import SourceFileError, SupersededError
from airflow_provider_cqlai.engine.files.storage.storage import Storage, join, parent
from airflow_provider_cqlai.engine.importing.outcome.rejected_path import parts_directory
from airflow_provider_cqlai.engine.importing.sources.source_stream import DAMAGE_ERRORS

_CLAIM = "claim"


class RejectedParts:
    """The part files of one attempt at the rejected file ``path``."""

    def __init__(self, storage: Storage, path: str) -> None:
        self._storage = storage
        self._path = path
        self._directory = parts_directory(path)
        self.attempt = uuid.uuid4().hex
        self._own: list[str] = []

    def __len__(self) -> int:
        """How many files this attempt has written."""
        return len(self._own)

    def claim(self) -> None:
        """Take the place over from whoever had it."""
        self._storage.make_directory(self._directory)
        path = join(self._directory, _CLAIM)
        try:
            self._storage.replace(path, self.attempt.encode(), through=f"{path}.{self.attempt}")
        except FileNotFoundError as error:
            # Another one has begun at the same moment, and taken this for a leftover.
            raise self._superseded() from error

    def check_claim(self) -> None:
        """Look whether the place is still this attempt's.

        Raises:
            SupersededError: another one took it over.
        """
        if not self._is_claimed():
            raise self._superseded()

    def _is_claimed(self) -> bool:
        try:
            return self._storage.read(join(self._directory, _CLAIM)).decode() == self.attempt
        except FileNotFoundError:
            return False

    def write(self, table: pa.Table) -> None:
        """One more file, durable on return."""
        content = io.BytesIO()
        pq.write_table(table, content, write_page_checksum=True)
        directory = join(self._directory, self.attempt)
        self._storage.make_directory(directory)
        path = join(directory, f"{len(self._own):05}.parquet")
        try:
            self._storage.replace(path, content.getvalue(), through=f"{path}.staging")
        except FileNotFoundError as error:
            raise self._superseded() from error
        self._own.append(path)

    def count(self, attempt: str) -> int:
        """How many files there are of ``attempt``."""
        return len(self._list(attempt))

    def read(self, attempt: str) -> Iterator[pa.Table]:
        """The rows of ``attempt``, file by file.

        Raises:
            SupersededError: they are this attempt's, and another one removed them.
            SourceFileError: a file is damaged.
        """
        for path in self._own if attempt == self.attempt else self._list(attempt):
            try:
                content = io.BytesIO(self._storage.read(path))
                table = pq.read_table(content, page_checksum_verification=True)
            except FileNotFoundError as error:
                raise self._superseded() from error
            except DAMAGE_ERRORS as error:
                raise SourceFileError(f"{self._storage.describe(path)}: the file is damaged: {error}") from error
            yield table

    def remove_others(self) -> None:
        """Remove what earlier attempts have left."""
        self._remove(lambda name: name != _CLAIM and not name.startswith(f"{self.attempt}/"))

    def remove(self) -> None:
        """Remove the files of this attempt, and its claim: nothing will go on from it."""
        self._own = []
        is_claimed = self._is_claimed()
        self._remove(lambda name: name.startswith(f"{self.attempt}/") or (name == _CLAIM and is_claimed))

    def _remove(self, is_removed: Callable[[str], bool]) -> None:
        names = [name for name in self._storage.list_files(self._directory) if is_removed(name)]
        self._storage.delete([join(self._directory, name) for name in names])
        directories = {parent(join(self._directory, name)) for name in names}
        self._storage.remove_empty_directories(sorted(directories), parent(self._path))

    def _list(self, attempt: str) -> list[str]:
        directory = join(self._directory, attempt)
        names = sorted(name for name in self._storage.list_files(directory) if name.endswith(".parquet"))
        return [join(directory, name) for name in names]

    def _superseded(self) -> SupersededError:
        return SupersededError(
            "rejected_path is another attempt's by now, which started later; imports that run at the same time need"
            " paths of their own: {run_id}, {table} and {window_start} in rejected_path are filled in."
            f" {self._storage.describe(self._path)}"
        )
