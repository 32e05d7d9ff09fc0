"""Live updates over WebSocket (RFC 6455), with reconnects."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import threading
from typing import Any, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple, Union
from urllib.parse import SplitResult, quote

from ._http import backoff

_QUIET_MAX = 90.0
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Message(NamedTuple):
    """A live update. Beside the server's types there are ``connected`` and ``disconnected``."""

    type: str
    data: Any
    timestamp: Optional[str] = None


class _Connection:
    def __init__(self, url: SplitResult, root: str, key: Optional[str], context: Optional[ssl.SSLContext]) -> None:
        is_secure = url.scheme == "https"
        host, port = url.hostname or "localhost", url.port or (443 if is_secure else 80)
        self._socket: socket.socket = socket.create_connection((host, port), timeout=30)
        if is_secure:
            self._socket = (context or ssl.create_default_context()).wrap_socket(self._socket, server_hostname=host)
        self._socket.settimeout(_QUIET_MAX)
        self._file = self._socket.makefile("rb")
        nonce = base64.b64encode(os.urandom(16))
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self._socket.sendall(
            f"GET {quote(root)}/ws HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"{authorization}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce.decode()}\r\n\r\n".encode()
        )
        status = self._file.readline().split(b" ", 2)
        if len(status) < 2 or status[1] != b"101":
            self.close()
            raise OSError(f"the server answered {b' '.join(status[1:]).strip().decode(errors='replace')}")
        wanted = base64.b64encode(hashlib.sha1(nonce + _ACCEPT).digest())
        is_accepted = False
        for line in iter(self._file.readline, b"\r\n"):
            if not line:
                raise OSError("the connection has ended")
            name, _, value = line.partition(b":")
            is_accepted |= name.lower() == b"sec-websocket-accept" and value.strip() == wanted
        if not is_accepted:
            self.close()
            raise OSError("the server speaks another protocol")

    def send(self, opcode: int, body: bytes) -> None:
        size = len(body)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
        elif size < 65_536:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
        mask = os.urandom(4)
        self._socket.sendall(head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(body)))

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if data is None or len(data) < size:
            raise OSError("the connection has ended")
        return data

    def _frame(self) -> Tuple[int, bool, bytes]:
        first, second = self._read(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._read(8))
        return first & 0x0F, bool(first & 0x80), self._read(size)

    def receive(self) -> str:
        """The next text. Answers pings meanwhile."""
        parts = b""
        while True:
            opcode, is_last, body = self._frame()
            if opcode == 8:
                code = struct.unpack("!H", body[:2])[0] if len(body) >= 2 else 1005
                raise OSError(f"closed with {code} {body[2:].decode(errors='replace')}".rstrip())
            if opcode == 9:
                self.send(10, body)
            elif opcode <= 2:
                parts += body
                if is_last:
                    return parts.decode()

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()


class Subscription:
    """A subscription to live updates. Iterate it; :meth:`close` ends the iteration, from any thread."""

    def __init__(
        self,
        url: SplitResult,
        root: str,
        api_key: Optional[str],
        topics: Union[str, Sequence[str]],
        filter: Optional[Mapping[str, Any]] = None,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._where = (url, root, api_key, ssl_context)
        request = {"action": "subscribe", "topics": [topics] if isinstance(topics, str) else list(topics)}
        self._request = json.dumps({**request, **({"filter": dict(filter)} if filter else {})}).encode()
        self._closed = threading.Event()
        self._connection: Optional[_Connection] = None
        self._messages = self._listen()

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        return next(self._messages)

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the subscription."""
        self._closed.set()
        connection = self._connection
        if connection is not None:
            connection.close()

    def _listen(self) -> Iterator[Message]:
        tries = 0
        while not self._closed.is_set():
            try:
                self._connection = _Connection(*self._where)
                self._connection.send(1, self._request)
                while not self._closed.is_set():
                    message = json.loads(self._connection.receive())
                    kind = message["type"]
                    if kind == "subscribed":
                        tries = 0
                        kind = "connected"
                    yield Message(kind, message.get("data"), message.get("timestamp"))
            except (OSError, ValueError) as error:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                    if not self._closed.is_set():
                        yield Message("disconnected", {"reason": str(error)})
            self._closed.wait(backoff(tries))
            tries = min(tries + 1, 20)
