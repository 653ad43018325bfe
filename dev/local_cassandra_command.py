"""``python -m dev.local_cassandra start|stop|status``: a local Cassandra that outlives the command.

The processes are remembered in ``running.json`` of the cluster's directory with their start times: a process id alone
may belong to something else by now, and only what was started here is ever ended.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import psutil

from dev.free_ports import ServerStartError
from dev.local_cassandra import STORAGE_COMPATIBILITY_MODES, ServerOptions, start_cassandra
from dev.server_jars import LOCAL_STATE, NEWEST, RELEASES

_DEFAULT_DIRECTORY = LOCAL_STATE / "cassandra"
_STOP_SECONDS = 30


def main(arguments: list[str]) -> int:
    parsed = _parser().parse_args(arguments)
    directory: Path = parsed.directory.absolute()
    if parsed.command == "start":
        return _start(parsed, directory)
    if parsed.command == "stop":
        return _stop(directory)
    return _status(directory)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.local_cassandra", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start a cluster and wait until it answers")
    start.add_argument("--port", type=int, help="the port for CQL; a free one by default")
    start.add_argument("--cassandra-version", choices=list(RELEASES), default=NEWEST, help="default: %(default)s")
    start.add_argument(
        "--storage-compatibility-mode",
        choices=STORAGE_COMPATIBILITY_MODES,
        default="NONE",
        help=f"of {NEWEST} only (default: %(default)s; the server itself ships with CASSANDRA_4)",
    )
    start.add_argument("--nodes", type=int, default=1, help="1 to 3, on 127.0.0.1, .2 and .3")
    start.add_argument("--heap", default="1G", help="Java heap of each node (default 1G; benchmarks want 4G)")
    start.add_argument("--password-authentication", action="store_true", help="superuser cassandra / cassandra")
    start.add_argument("--tls", action="store_true", help="TLS only, with certificates made for this cluster")
    start.add_argument("--client-certificates", action="store_true", help="with --tls: refuse clients without one")
    stop = commands.add_parser("stop", help="end it and remove its data")
    status = commands.add_parser("status", help="say where it listens")
    for command in (start, stop, status):
        command.add_argument("--directory", type=Path, default=_DEFAULT_DIRECTORY, help="default: %(default)s")
    return parser


def _start(parsed: argparse.Namespace, directory: Path) -> int:
    if _running(directory):
        print(f"already running: {_address(directory)}", file=sys.stderr)
        return 1
    try:
        options = ServerOptions(
            version=parsed.cassandra_version,
            storage_compatibility_mode=parsed.storage_compatibility_mode,
            nodes=parsed.nodes,
            heap=parsed.heap,
            native_port=parsed.port,
            has_password_authentication=parsed.password_authentication,
            has_tls=parsed.tls or parsed.client_certificates,
            requires_client_certificates=parsed.client_certificates,
        )
        started = start_cassandra(options, directory=directory, is_detached=True)
    except (ValueError, ServerStartError) as error:
        print(error, file=sys.stderr)
        return 1
    processes = [psutil.Process(supervisor.pid) for supervisor in started.supervisors]
    state = {
        "address": f"{started.address.host}:{started.address.port}",
        "processes": [{"pid": process.pid, "create_time": process.create_time()} for process in processes],
    }
    _state_file(directory).write_text(json.dumps(state))
    for supervisor in started.supervisors:
        # It goes on: nobody here will wait for it.
        supervisor.returncode = 0
    if started.address.certificates:
        print(f"certificates in {started.address.certificates.directory}")
    print(f"Cassandra listens on {_address(directory)}")
    return 0


def _stop(directory: Path) -> int:
    processes = _running(directory)
    for process in processes:
        process.terminate()
    remaining = psutil.wait_procs(processes, timeout=_STOP_SECONDS)[1]
    if remaining:
        print(f"still running after {_STOP_SECONDS} s: {remaining}", file=sys.stderr)
        return 1
    if _state_file(directory).exists():
        shutil.rmtree(directory)
    print("stopped" if processes else "not running")
    return 0


def _status(directory: Path) -> int:
    print(_address(directory) if _running(directory) else "not running")
    return 0


def _state_file(directory: Path) -> Path:
    return directory / "running.json"


def _state(directory: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(_state_file(directory).read_text())
    except FileNotFoundError:
        return {"processes": []}
    return state


def _address(directory: Path) -> str:
    return str(_state(directory)["address"])


def _running(directory: Path) -> list[psutil.Process]:
    found = []
    for known in _state(directory)["processes"]:
        try:
            process = psutil.Process(known["pid"])
        except psutil.NoSuchProcess:
            continue
        if process.create_time() == known["create_time"] and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
