"""A TCP proxy in front of Cassandra that cuts, stalls and delays connections, as networks and overloaded nodes do."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

CHUNK_BYTES = 64 * 1024


class FaultProxy:
    """Relays 127.0.0.1:port to a server. Faults count the bytes that the server sent through all connections."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._cuts: list[int] = []
        self._stall_at: int | None = None
        self._stalled = threading.Event()
        self._stays_closed = False
        self._cuts_all = True
        self.delay_seconds = 0.0
        self.bytes_from_server = 0
        self.cuts_done = 0

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # A listener that a thread waits on is woken by shutdown, not by close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flowing.set()
        self._close_connections()

    def cut_at(self, *byte_counts: int, stay_closed: bool = False, only_one: bool = False) -> None:
        """Close every connection when so many more bytes came from the server; for good with ``stay_closed``.

        With ``only_one`` it is the connection that just received, and the others live on.
        """
        with self._lock:
            self._cuts = sorted(self.bytes_from_server + count for count in byte_counts)
            self._stays_closed = stay_closed
            self._cuts_all = not only_one

    def cut_for_good(self) -> None:
        """Close every connection now and accept no other until `resume`."""
        with self._lock:
            self._cuts, self._stays_closed = [], True
        self._close_connections()

    def stall_at(self, byte_count: int) -> None:
        """Relay nothing any more, with open connections, when so many more bytes came from the server."""
        with self._lock:
            self._stall_at = self.bytes_from_server + byte_count

    def wait_until_stalled(self, timeout_seconds: float) -> bool:
        return self._stalled.wait(timeout_seconds)

    def resume(self) -> None:
        """End a stall, or accept connections again after a cut for good."""
        with self._lock:
            self._stall_at = None
            self._stays_closed = False
            self._cuts = []
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            if self._stays_closed and not self._cuts:
                client.close()
                continue
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets += [client, server]
            threading.Thread(target=self._relay, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._relay, args=(server, client, True), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, is_from_server: bool) -> None:
        try:
            while chunk := source.recv(CHUNK_BYTES):
                self._flowing.wait()
                if self.delay_seconds:
                    threading.Event().wait(self.delay_seconds)
                if is_from_server and self._count(len(chunk)):
                    return
                self._flowing.wait()
                target.sendall(chunk)
        except OSError:
            pass
        finally:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _count(self, byte_count: int) -> bool:
        """Count bytes from the server; True when this chunk is where a cut falls."""
        with self._lock:
            self.bytes_from_server += byte_count
            if self._stall_at is not None and self.bytes_from_server >= self._stall_at:
                self._flowing.clear()
                self._stalled.set()
            is_cut = bool(self._cuts) and self.bytes_from_server >= self._cuts[0]
            if is_cut:
                self._cuts.pop(0)
                self.cuts_done += 1
        if is_cut and self._cuts_all:
            self._close_connections()
        return is_cut

    def _close_connections(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def fault_proxy(host: str, port: int) -> Iterator[FaultProxy]:
    proxy = FaultProxy(host, port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.close()
