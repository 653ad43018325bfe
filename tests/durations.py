"""With ``--durations``: seconds of set-up, call and tear-down by directory, the table of `tests/README.md`."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

_PHASES = ("setup", "call", "teardown")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Adds the table to pytest's own list of the slowest tests."""
    if config.getoption("durations") is None:
        return
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_PHASES, 0.0))
    tests: dict[str, set[str]] = defaultdict(set)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) not in _PHASES:
                continue
            directory = "/".join(report.nodeid.partition("::")[0].split("/")[:2])
            for name in (directory, "all"):
                seconds[name][report.when] += report.duration
                tests[name].add(report.nodeid)
    terminalreporter.section("seconds by directory")
    terminalreporter.write_line(f"{'':20}{'tests':>8}" + "".join(f"{phase:>10}" for phase in _PHASES))
    for name in sorted(seconds, key=lambda name: (name == "all", name)):
        figures = "".join(f"{seconds[name][phase]:10,.0f}" for phase in _PHASES)
        terminalreporter.write_line(f"{name:20}{len(tests[name]):8,}{figures}")
