"""The same table exported by other programs, each measured only where an environment variable tells where it is.

``CQLAI_BENCH_DSBULK``, ``CQLAI_BENCH_CQLSH`` and ``CQLAI_BENCH_CQLAI`` are paths of the programs,
``CQLAI_BENCH_CASSARROW`` is that of a Python which has cassarrow. Their start is part of what is measured.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.target import Target

_VARIABLE_PREFIX = "CQLAI_BENCH_"

# One table at once: cassarrow has no other way, it decodes a whole result.
_CASSARROW_SCRIPT = """
import sys
import cassarrow, pyarrow.parquet
from cassandra.cluster import Cluster
host, port, table, path = sys.argv[1:]
cluster = Cluster([host], port=int(port))
with cassarrow.install_cassarrow(cluster.connect()) as session:
    result = session.execute(f"SELECT * FROM {table}", timeout=120)
    pyarrow.parquet.write_table(cassarrow.result_set_to_table(result), path)
cluster.shutdown()
"""


def program(case: str) -> str | None:
    """Where the program of ``case`` is, None where nobody told."""
    return os.environ.get(_VARIABLE_PREFIX + case.upper())


def dsbulk(target: Target) -> int:
    """DSBulk to CSV files."""
    keyspace, table = target.table.split(".")
    server = ["-h", target.host, "-port", str(target.port)]
    output = ["-url", str(target.folder / "csv"), "-logDir", str(target.folder / "logs")]
    _run("dsbulk", ["unload", *server, "-k", keyspace, "-t", table, *output, "-verbosity", "0"])
    return _rows_in_csv((target.folder / "csv").glob("*.csv"), has_header=True)


def cqlsh(target: Target) -> int:
    """COPY TO of cqlsh to one CSV file."""
    path = target.folder / "rows.csv"
    _run("cqlsh", [target.host, str(target.port), "-e", f"COPY {target.table} TO '{path}'"])
    return _rows_in_csv([path], has_header=False)


def cqlai(target: Target) -> int:
    """COPY TO of cqlai to one Parquet file."""
    path = target.folder / "rows.parquet"
    statement = f"COPY {target.table} TO '{path}' WITH FORMAT='PARQUET'"
    _run("cqlai", ["--host", target.host, "--port", str(target.port), "-e", statement])
    return target.rows_in_parquet()


def cassarrow(target: Target) -> int:
    """Cassarrow: the driver with pages decoded in C++, the whole result in memory, then one Parquet file."""
    path = target.folder / "rows.parquet"
    _run("cassarrow", ["-c", _CASSARROW_SCRIPT, target.host, str(target.port), target.table, str(path)])
    return target.rows_in_parquet()


def import_with_cqlai(host: str, port: int, path: str, table: str) -> None:
    """COPY FROM of cqlai."""
    statement = f"COPY {table} FROM '{path}' WITH FORMAT='PARQUET'"
    _run("cqlai", ["--host", host, "--port", str(port), "-e", statement])


def unload_with_dsbulk(host: str, port: int, table: str, folder: Path) -> None:
    """The rows as DSBulk's own CSV files: it reads no Parquet."""
    keyspace, name = table.split(".")
    arguments = ["-h", host, "-port", str(port), "-k", keyspace, "-t", name, "-url", str(folder / "csv")]
    _run("dsbulk", ["unload", *arguments, "-logDir", str(folder / "logs"), "-verbosity", "0"])


def import_with_dsbulk(host: str, port: int, table: str, folder: Path) -> None:
    """DSBulk from the files of `unload_with_dsbulk`."""
    keyspace, name = table.split(".")
    arguments = ["-h", host, "-port", str(port), "-k", keyspace, "-t", name, "-url", str(folder / "csv")]
    _run("dsbulk", ["load", *arguments, "-logDir", str(folder / "logs"), "-verbosity", "0"])


CASES: dict[str, Callable[[Target], int]] = {case.__name__: case for case in (dsbulk, cqlsh, cqlai, cassarrow)}


def _run(case: str, arguments: Sequence[str]) -> None:
    path = program(case)
    if path is None:
        raise SystemExit(f"{case}: {_VARIABLE_PREFIX}{case.upper()} does not tell where it is")
    finished = subprocess.run(
        [path, *arguments], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if finished.returncode:
        sys.stderr.write(finished.stdout)
        raise SystemExit(f"{case} ended with {finished.returncode}")


def _rows_in_csv(files: Iterable[Path], *, has_header: bool) -> int:
    rows = 0
    for file in files:
        with file.open(newline="", encoding="utf-8") as lines:
            rows += sum(1 for _ in csv.reader(lines)) - has_header
    return rows
