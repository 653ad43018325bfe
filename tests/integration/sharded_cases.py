"""What tests of sharded exports share: stores of two kinds, and the four steps of a group in one process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.results import CopyResult, ShardResult
from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files
from airflow_provider_cqlai.engine.verbs.sharded_export import (
    ShardedExportPlan,
    export_shard,
    plan_sharded_export,
    publish_sharded_export,
    remove_sharded_export,
)


@dataclass(frozen=True)
class Root:
    """A dataset root in a store; a file system is opened anew for each step, as each worker does."""

    path: str
    open_filesystem: Callable[[], Any]

    def names(self) -> list[str]:
        """All files below the root, relative to it."""
        filesystem = self.open_filesystem()
        stripped = filesystem._strip_protocol(self.path).rstrip("/")
        return sorted(path.removeprefix(stripped + "/") for path in filesystem.find(stripped))

    def visible(self) -> list[str]:
        """What a reader's ``**/*.parquet`` finds."""
        return [name for name in self.names() if name.endswith(".parquet")]

    def keys(self, paths: Iterable[str] | None = None) -> Counter[int]:
        """The column ``id`` of every row, of the manifests' files or of ``paths`` below the root."""
        filesystem = self.open_filesystem()
        listed = dataset_files(self.path, filesystem=filesystem)
        if paths is not None:
            listed = tuple(f"{self.path}/{path}" for path in paths)
        counts: Counter[int] = Counter()
        for path in listed:
            with filesystem.open(path, "rb") as file:
                counts.update(pq.read_table(file, columns=["id"])["id"].to_pylist())
        return counts

    def check(self, expected: Iterable[int]) -> None:
        """Every row once, for who reads by the manifest and for who globs, and nothing of an attempt left."""
        counts = Counter(expected)
        assert self.keys() == counts
        assert self.keys(self.visible()) == counts
        assert [name for name in self.names() if "attempt-" in name] == []


@dataclass
class Group:
    """The tasks of one sharded export."""

    session: Session
    root: Root
    options: CopyToOptions
    shards: int | str = 4
    tries: dict[int, str] = field(default_factory=dict)
    """What Airflow's XComs tell: the last try of each shard that ended well."""

    def plan(self) -> ShardedExportPlan:
        planned = plan_sharded_export(
            self.session, self.options, shards=self.shards, filesystem=self.root.open_filesystem()
        )
        self.tries.clear()
        # As XCom carries it.
        return ShardedExportPlan.from_dict(planned.to_dict())

    def export(self, plan: ShardedExportPlan, *indices: int) -> list[ShardResult]:
        chosen = indices or range(plan.shard_count)
        results = [
            export_shard(self.session, self.options, plan, index, filesystem=self.root.open_filesystem())
            for index in chosen
        ]
        self.tries.update({result.shard_index: result.shard_try for result in results})
        return results

    def publish(self, plan: ShardedExportPlan) -> CopyResult:
        return publish_sharded_export(
            self.session, self.options, plan, shard_tries=self.tries, filesystem=self.root.open_filesystem()
        )

    def remove(self, plan: ShardedExportPlan) -> bool:
        return remove_sharded_export(self.options, plan, filesystem=self.root.open_filesystem())

    def run(self) -> CopyResult:
        plan = self.plan()
        self.export(plan)
        return self.publish(plan)


def local_root(directory: Path) -> Root:
    return Root(str(directory / "data"), lambda: fsspec.filesystem("file"))
