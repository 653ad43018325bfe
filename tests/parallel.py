"""How tests are spread over the processes of xdist: whole files, the longest first.

The plugin gives each test without a mark ``xdist_group`` the group of its file, so that ``--dist loadgroup`` keeps what
a file sets up in one process. Files that name a group share what is expensive to start, such as a running Airflow.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

# One process waits while another works; all of them share one Cassandra.
_FEWEST, _MOST = 2, 4
# Groups that take a minute and more: begun last, they would be what one process does while the others are done. The
# rest follows, groups of many tests first.
_LONGEST_FIRST = (
    "running Airflow",
    "tests/dags/test_example_dags.py",
    "tests/dags/test_dag_runs.py",
    "tests/dags/test_s3_runs.py",
    "tests/faults/test_text_capture_kill.py",
    "tests/faults/test_kill.py",
    "tests/faults/test_resumed_imports.py",
    "tests/faults/test_capture_kills.py",
    "tests/faults/test_import_faults.py",
    "tests/faults/test_capture_faults.py",
    "tests/unit/engine/files/publish/test_publish_kill.py",
    "tests/packaging/test_installation.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """As many processes as there are cores, within bounds."""
    return max(_FEWEST, min(_MOST, os.cpu_count() or 1))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Groups for xdist, the longest first, then those with the most tests; nothing without xdist."""
    if not hasattr(config, "workerinput"):
        return
    groups = {item: _group_of(item) for item in items}
    sizes = Counter(groups.values())
    ranks = {group: rank for rank, group in enumerate(_LONGEST_FIRST)}

    def place(item: pytest.Item) -> tuple[int, int, str]:
        group = groups[item]
        return ranks.get(group, len(ranks)), -sizes[group], group

    items.sort(key=place)


def _group_of(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    if mark is not None:
        return str(mark.kwargs.get("name") or mark.args[0])
    file = item.nodeid.partition("::")[0]
    item.add_marker(pytest.mark.xdist_group(file))
    return file
