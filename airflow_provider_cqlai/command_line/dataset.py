"""``dataset list | check | drop PATH``: what exports and captures published, by its manifests."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.engine import check_dataset, dataset_windows, drop_windows

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from airflow_provider_cqlai.engine import PublishedWindow


def add_dataset_commands(commands: Any) -> None:
    """Add ``dataset`` to the sub-parsers ``commands``; each action is the ``run`` of what was parsed."""
    dataset = commands.add_parser("dataset", help="what exports and captures published, by its manifests")
    actions = dataset.add_subparsers(required=True, metavar="ACTION")
    for name, run, told in (
        ("list", _list, "the windows that are published, with rows, files, bytes, moment and owner"),
        ("check", _check, "compare files with manifests, and tell gaps between windows; exit code 1 if not whole"),
        ("drop", _drop, "take the windows of [start, end) out of the dataset and remove their files"),
    ):
        action = actions.add_parser(name, help=told, description=told)
        action.set_defaults(run=_run, action=run)
        action.add_argument("path", metavar="PATH", help="the dataset's root, a directory or URI")
        action.add_argument("--conn-id", help="Airflow connection of the store; default: the environment's credentials")
        if name == "drop":
            action.add_argument("--start", required=True, type=read_moment, help="ISO 8601; UTC without an offset")
            action.add_argument("--end", required=True, type=read_moment, help="first moment after it")
            action.add_argument("--dry-run", action="store_true", help="only tell what would be dropped")
        else:
            action.add_argument("--json", action="store_true", help="as JSON")
        if name == "check":
            repair = "first remove what publications left that were killed after their commit; safe while others run"
            action.add_argument("--repair", action="store_true", help=repair)


def _run(given: argparse.Namespace) -> int:
    # Airflow, which takes seconds to import, is needed only now.
    from airflow_provider_cqlai.datasets import open_storage

    path, filesystem = open_storage(given.path, given.conn_id)
    return int(given.action(path, filesystem, given))


def _list(path: str, filesystem: AbstractFileSystem | None, given: argparse.Namespace) -> int:
    windows = dataset_windows(path, filesystem=filesystem)
    if given.json:
        _print_json([dataclasses.asdict(window) for window in windows])
    else:
        _print_windows(windows)
    return 0


def _check(path: str, filesystem: AbstractFileSystem | None, given: argparse.Namespace) -> int:
    found = check_dataset(path, filesystem=filesystem, repair=given.repair)
    if given.json:
        _print_json(dataclasses.asdict(found))
    else:
        for problem in found.problems:
            print(problem)
        for gap in found.gaps:
            print(f"no window covers {_text(gap.start)} to {_text(gap.end)}")
        rows = sum(window.rows for window in found.windows)
        print(f"{len(found.windows)} windows, {rows:,} rows, {len(found.problems)} problems, {len(found.gaps)} gaps")
    return 1 if found.problems else 0


def _drop(path: str, filesystem: AbstractFileSystem | None, given: argparse.Namespace) -> int:
    dropped = drop_windows(path, given.start, given.end, filesystem=filesystem, dry_run=given.dry_run)
    print("would be dropped:" if given.dry_run else "dropped:")
    _print_windows(dropped)
    return 0


def read_moment(text: str) -> datetime.datetime:
    """ISO 8601; UTC without an offset. Raises ValueError."""
    moment = datetime.datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.timezone.utc)


def _print_windows(windows: Sequence[PublishedWindow]) -> None:
    lines = [("window", "rows", "files", "bytes", "published", "owner")]
    for published in windows:
        window = published.window
        extent = "whole table" if window is None else f"{_text(window.start)} to {_text(window.end)}"
        if published.shard_count > 1:
            extent += f", shard {published.shard_index} of {published.shard_count}"
        counts = (f"{published.rows:,}", f"{published.files:,}", f"{published.bytes:,}")
        lines.append((extent, *counts, published.created, published.owner or ""))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if 1 <= number <= 3 else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _text(moment: datetime.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _print_json(value: Any) -> None:
    print(json.dumps(value, default=_text, indent=1))
