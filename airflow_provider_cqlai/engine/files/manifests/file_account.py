"""The account of a single file that cannot tell of itself: whose rows a text file holds, beside it.

Parquet says so in its footer. For a text ``x.json`` it is in ``.x.json.<moment>-<random>.account``, with the digest of
exactly the content that it speaks of. It is created before its file is put in place and those of older attempts are
removed after, so at every moment whichever file is there has its account; a file that nobody's account fits, also
because somebody changed it, is a foreign one.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_cqlai.engine.errors import PublishError
from airflow_provider_cqlai.engine.files.manifests.footer_metadata import Footer, read_description
from airflow_provider_cqlai.engine.files.manifests.manifest import decode_json, encode_json
from airflow_provider_cqlai.engine.files.storage.storage import Storage, TranslatedErrors, join, parent

# No longer than that of a staging name.
_ACCOUNT, _TEMPORARY = ".account", ".tmp"
_ATTEMPT = r"\d{20}-[0-9a-f]{12}"
_READ_BYTES = 1024 * 1024


class DigestStream:
    """A stream that knows the digest of what went through it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def write(self, content: Any) -> int:
        self._digest.update(content)
        taken: int = self._stream.write(content)
        return taken

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class FileAccounts:
    """The accounts beside one file."""

    def __init__(self, storage: Storage, path: str) -> None:
        self._storage = storage
        self._path = path
        self._directory = parent(path)
        self._prefix = f".{path.rpartition('/')[2]}."
        suffixes = "|".join(map(re.escape, (_ACCOUNT, _TEMPORARY)))
        self._pattern = re.compile(rf"{re.escape(self._prefix)}({_ATTEMPT})({suffixes})")
        self._found: tuple[str, Footer, int] | None = None

    def create(self, attempt: str, description: Mapping[str, str], *, rows: int, bytes: int, digest: str) -> None:
        """Write down what the file of ``attempt`` will be; it must not be in place yet."""
        content = encode_json({"description": dict(description), "rows": rows, "bytes": bytes, "sha256": digest})
        self._storage.replace(self._path_of(attempt, _ACCOUNT), content, through=self._path_of(attempt, _TEMPORARY))

    def find(self) -> tuple[Footer, int]:
        """Whose the file is, and its size in bytes.

        Raises:
            FileNotFoundError: there is none.
            PublishError: no account describes exactly its content.
        """
        while True:
            identity = self._storage.identify(self._path)
            if self._found is not None and self._found[0] == identity:
                return self._found[1:]
            found = self._match()
            if found is not None:
                self._found = (identity, *found)
                return found
            # Unless another attempt replaced the file, and its account, while they were read.
            if self._storage.identify(self._path) == identity:
                raise PublishError(
                    f"delete the file or choose another path: {self._storage.describe(self._path)} exists, and nothing"
                    " beside it says that this package wrote it as it is now, so it is not replaced"
                )

    def _match(self) -> tuple[Footer, int] | None:
        described = self._storage.describe(self._path)
        with TranslatedErrors("read", described), self._storage.open_read(self._path) as file:
            size, digest = file.seek(0, io.SEEK_END), None
            for account in self._read_all():
                if account["bytes"] != size:
                    continue
                digest = digest or _digest(file)
                footer = read_description(account["description"], account["rows"])
                if account["sha256"] == digest and footer is not None:
                    return footer, size
        return None

    def remove(self, attempt: str) -> None:
        """``attempt`` came to nothing."""
        self._storage.delete([self._path_of(attempt, _ACCOUNT)])

    def remove_older(self, attempt: str) -> None:
        """The file of ``attempt`` is in place. Newer attempts keep theirs: they may be in place as well by now."""
        older = [match[0] for match in self._names() if match[1] < attempt]
        self._storage.delete([join(self._directory, name) for name in older])

    def _names(self) -> list[re.Match[str]]:
        names = self._storage.list_names(self._directory)
        return [match for name in names if (match := self._pattern.fullmatch(name))]

    def _path_of(self, attempt: str, suffix: str) -> str:
        return join(self._directory, f"{self._prefix}{attempt}{suffix}")

    def _read_all(self) -> Iterator[dict[str, Any]]:
        # The newest first: it is the one that fits, but for a kill.
        for match in sorted(self._names(), key=lambda found: found[1], reverse=True):
            path = join(self._directory, match[0])
            if match[2] != _ACCOUNT:
                continue
            try:
                content = self._storage.read(path)
            except FileNotFoundError:
                # A newer attempt has just been published.
                continue
            yield decode_json(content, self._storage.describe(path))


def _digest(file: Any) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while content := file.read(_READ_BYTES):
        digest.update(content)
    return digest.hexdigest()
