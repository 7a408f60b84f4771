"""A proxy that breaks the connections to a server at chosen moments."""

from __future__ import annotations

import re
import selectors
import socket
import struct
import threading
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from contextlib import suppress

from tests.support.servers import DEADLINE

#: A server's address: its port on 127.0.0.1, or the path of its unix socket.
Address = int | str

_SIZE = 2**16


class _Plan(t.NamedTuple):
    """What is to be done with one request.

    :param marker: Which one: a regular expression for something in it.
    :param act: Given the client, the server and the request. Returns whether that was
        the last one of this connection.
    """

    marker: bytes
    act: Callable[[socket.socket, socket.socket, bytes], bool]


class Proxy:
    """Stands between clients and a server, on a port of its own.

    :param address: The server's.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._plan: _Plan | None = None
        self._lock = threading.Lock()
        self._clients: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]

    def cut_request(self, marker: bytes) -> None:
        """Cut the connection of the next request with the marker, before the server
        gets it."""

        def act(client: socket.socket, server: socket.socket, request: bytes) -> bool:
            _reset(client)

            return True

        self._plan = _Plan(marker, act)

    def cut_answer(
        self, marker: bytes, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        """Cut the connection of the next request with the marker, when the server has
        done it.

        :param meanwhile: What happens before the client notices.
        """

        def act(client: socket.socket, server: socket.socket, request: bytes) -> bool:
            server.sendall(request)
            server.recv(_SIZE)
            meanwhile()
            _reset(client)

            return True

        self._plan = _Plan(marker, act)

    def delay_request(self, marker: bytes, meanwhile: Callable[[], object]) -> None:
        """Pass the next request with the marker on only after something else has
        happened."""

        def act(client: socket.socket, server: socket.socket, request: bytes) -> bool:
            meanwhile()
            server.sendall(request)

            return False

        self._plan = _Plan(marker, act)

    def cut_all(self) -> None:
        """Cut the connections that there are, while nobody says anything."""
        for client in self._clients:
            # The thread that passes on closes it.
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    @property
    def is_done(self) -> bool:
        """Whether what was asked for last has happened."""
        return self._plan is None

    def serve(self) -> None:
        """Accept connections until it is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return

            self._clients.append(client)
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        # Closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, client: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(client)
            server = stack.enter_context(_connect(self._address))
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            is_cut = False

            while not is_cut:
                for key, _ in selector.select():
                    if key.fileobj is server:
                        data = server.recv(_SIZE)
                        client.sendall(data)
                    else:
                        data = client.recv(_SIZE)
                        is_cut = self._request(client, server, data)

                    # Nothing was read: that side is gone.
                    is_cut = is_cut or not data

    def _request(
        self, client: socket.socket, server: socket.socket, request: bytes
    ) -> bool:
        """Pass a request on, or do with it what is planned.

        :return: Whether that was the last one of this connection.
        """
        plan = self._take(request)

        if plan is not None:
            return plan.act(client, server, request)

        server.sendall(request)

        return False

    def _take(self, request: bytes) -> _Plan | None:
        """The plan, if it is about this request; then it is nobody else's."""
        with self._lock:
            plan = self._plan

            if plan is None or not re.search(plan.marker, request):
                return None

            self._plan = None

            return plan


@contextmanager
def proxy(address: Address) -> Iterator[Proxy]:
    """A proxy for a server."""
    found = Proxy(address)
    thread = threading.Thread(target=found.serve)
    thread.start()

    try:
        yield found
    finally:
        found.close()
        thread.join(DEADLINE)
        found.cut_all()


def _connect(address: Address) -> socket.socket:
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address), DEADLINE)

    server = socket.socket(socket.AF_UNIX)
    server.connect(address)

    return server


def _reset(client: socket.socket) -> None:
    """Close a connection like a host that has never heard of it."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
