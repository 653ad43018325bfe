"""How cost and memory grow: 10^5 to 5x10^6 rows, 1 to 1,000 hive partitions, concurrency 1 to 16, row sizes.

``PLAN`` has, for each table, its number of rows and the runs on it.
"""

from __future__ import annotations

from benchmarks.runs import Run

_RECEIVE_AND_EXPORT = (Run("receive_only"), Run("export_file"))

PLAN: tuple[tuple[str, int, tuple[Run, ...]], ...] = (
    ("events", 100_000, (*_RECEIVE_AND_EXPORT, Run("export_by_day"))),
    (
        "events",
        1_000_000,
        (
            *_RECEIVE_AND_EXPORT,
            Run("export_by_day"),
            *(
                Run(case, {"concurrency": concurrency})
                for concurrency in (1, 4, 16)
                for case in ("receive_only", "export_file")
            ),
        ),
    ),
    ("events", 5_000_000, (*_RECEIVE_AND_EXPORT, Run("export_by_day"))),
    (
        "rows_of_50_bytes",
        1_000_000,
        (
            *_RECEIVE_AND_EXPORT,
            *(Run("export_dataset", {"partition_by": column}) for column in ("one", "ten", "thousand")),
        ),
    ),
    ("rows_of_1_kilobyte", 200_000, _RECEIVE_AND_EXPORT),
    ("rows_of_10_kilobytes", 20_000, _RECEIVE_AND_EXPORT),
    ("large_rows", 1_000, _RECEIVE_AND_EXPORT),
)
