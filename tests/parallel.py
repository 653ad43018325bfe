"""How tests are spread over processes of pytest-xdist: whole files, the longest first.

Files of one group, which share a running Airflow or what one of its processes ran, go to one process. xdist's own
groups, ``--dist loadgroup``, do nothing with pytest 9.2: xdist 3.8 writes a field of a test that is no longer read.
`tests/conftest.py` names this plugin to pytest; without ``-n`` it does nothing.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, Scheduling

# One more than cores, since tests wait for servers a fifth of the time; more than five have too many servers.
_FEWEST, _MOST = 3, 5
_AIRFLOW = "running Airflow"
_RUNS = "runs of dag.test()"
_PIECES = (
    {f"tests/dags/running/test_running_{name}.py": _AIRFLOW for name in ("airflow", "imports", "orders")}
    | {f"tests/dags/test_{name}_runs.py": _RUNS for name in ("capture", "dag", "import", "openlineage", "s3", "script")}
    | {"tests/dags/test_example_dags.py": _RUNS}
)
# Few tests that take minutes: begun last, they would be what one process does while the others are done. The rest
# follows, pieces of many tests first.
_LONGEST_FIRST = (
    _AIRFLOW,
    _RUNS,
    # A connection reads the server's whole schema: these make one for each script, before there are many tables.
    *(f"tests/acceptance/test_{name}.py" for name in ("copy_to", "copy_from", "partitioned_capture", "workflows")),
    *(f"tests/acceptance/test_{name}.py" for name in ("capture", "capture_use_cases", "data_types", "use_cases")),
    *(f"tests/faults/test_{name}_faults.py" for name in ("import", "import_mode", "capture", "connection")),
    "tests/faults/test_text_capture_kill.py",
    "tests/faults/test_lost_pools.py",
    "tests/faults/test_kill.py",
    "tests/faults/test_resumed_imports.py",
    "tests/faults/test_capture_kills.py",
    "tests/unit/engine/files/publish/test_publish_kill.py",
    "tests/packaging/test_installation.py",
    *(
        f"tests/integration/test_{name}.py"
        for name in (
            *("s3_storage", "random_tables", "import_random_tables", "hook_tls", "local_cassandra", "row_encoder"),
            *("types", "import_resume_verify", "capture_text_s3", "running_exports", "source_changes"),
            *("import_changing_tables", "guarded_roles", "without_pandas", "object_store"),
        )
    ),
)


class WholePieces(LoadFileScheduling):
    """Hands out files, and `_PIECES` of several, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return _piece_of(nodeid)


def _piece_of(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return _PIECES.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A process more than there are cores, within bounds."""
    return max(_FEWEST, min(_MOST, (os.cpu_count() or 1) + 1))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """For ``--dist loadfile``."""
    if config.getoption("dist") != "loadfile":
        return None
    # xdist would order by the number of tests alone.
    config.option.loadscopereorder = False
    return WholePieces(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest pieces first, then those with the most tests."""
    if not hasattr(config, "workerinput"):
        return
    sizes = Counter(_piece_of(item.nodeid) for item in items)
    ranks = {piece: rank for rank, piece in enumerate(_LONGEST_FIRST)}

    def place(item: pytest.Item) -> tuple[int, int, str]:
        piece = _piece_of(item.nodeid)
        return ranks.get(piece, len(ranks)), -sizes[piece], piece

    items.sort(key=place)
