"""The package on the command line: ``python -m airflow_provider_cqlai COMMAND``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_provider_cqlai.command_line.dataset import add_dataset_commands
from airflow_provider_cqlai.command_line.verbs import add_verbs
from airflow_provider_cqlai.engine import CqlaiError

# As sysexits.h has it: try again later.
_TEMPORARY_FAILURE = 75


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 1 for an error, and for a dataset that is not whole; 75 for an error that
    a later try may not have."""
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_cqlai")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_verbs(commands)
    add_dataset_commands(commands)
    given = parser.parse_args(arguments)
    try:
        return int(given.run(given))
    except CqlaiError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return _TEMPORARY_FAILURE if error.is_retryable else 1


if __name__ == "__main__":
    sys.exit(main())
