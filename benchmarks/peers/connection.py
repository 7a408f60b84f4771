"""What a browser has of a server: a connection that is kept, and cookies.

It is timed together with the server that it asks, so it does little: `http.client` and
`http.cookies` took as long as a small answer does.
"""

from __future__ import annotations

import re
import socket
import typing as t

#: What a browser says of every page and form.
_HEADERS: t.Final = (
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en\r\n"
    "Accept-Encoding: identity\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
)
_END: t.Final = b"\r\n\r\n"
_LENGTH: t.Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_COOKIE: t.Final = re.compile(
    rb"\r\nset-cookie: *([^=\r]+)=([^;\r]*)([^\r]*)", re.IGNORECASE
)
_SIZE: t.Final = 2**18


class Wire(t.Protocol):
    """What a socket can do."""

    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class Connection:
    """One request after the other, with the cookies of the answers before.

    :param wire: To a server that tells the length of each answer.
    :param host: What the server is called.
    """

    def __init__(self, wire: Wire, host: str) -> None:
        self.cookies: dict[str, str] = {}
        self._wire = wire
        self._always = f"Host: {host}\r\n{_HEADERS}"
        self._said = self._always

    @classmethod
    def to(cls, port: int, timeout: float) -> Connection:
        """Connect to a port of this machine."""
        wire = socket.create_connection(("127.0.0.1", port), timeout)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        return cls(wire, f"127.0.0.1:{port}")

    def get(self, path: str) -> tuple[int, str]:
        return self._ask(f"GET {path} HTTP/1.1\r\n{self._said}\r\n")

    def post(self, path: str, form: str) -> tuple[int, str]:
        """Send a form, which is encoded already."""
        return self._ask(
            f"POST {path} HTTP/1.1\r\n{self._said}"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(form)}\r\n\r\n{form}"
        )

    def close(self) -> None:
        self._wire.close()

    def _ask(self, request: str) -> tuple[int, str]:
        """Send it at once, and tell the status and the text of the answer."""
        self._wire.sendall(request.encode("ascii"))
        answer = b""

        while (end := answer.find(_END)) < 0:
            answer += self._more()

        body = end + len(_END)
        head = answer[: end + 2]
        length = _LENGTH.search(head)
        # Gunicorn sends what is of no known length in chunks, which no shop does.
        assert length, head
        size = body + int(length[1])

        while len(answer) < size:
            answer += self._more()

        assert len(answer) == size, answer[size:]
        self._keep(_COOKIE.findall(head))

        return int(head[9:12]), answer[body:].decode()

    def _more(self) -> bytes:
        part = self._wire.recv(_SIZE)

        if not part:
            raise ConnectionError("The server has closed the connection.")

        return part

    def _keep(self, told: list[tuple[bytes, bytes, bytes]]) -> None:
        if not told:
            return

        for name, value, attributes in told:
            self.cookies[name.decode()] = value.decode()

            # Of age 0, it is deleted.
            if b"max-age=0" in attributes.lower():
                del self.cookies[name.decode()]

        pairs = [f"{name}={value}" for name, value in self.cookies.items()]
        said = f"Cookie: {'; '.join(pairs)}\r\n" if pairs else ""
        self._said = self._always + said
