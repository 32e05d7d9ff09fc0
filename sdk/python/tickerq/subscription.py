"""Live updates over WebSocket (RFC 6455), with reconnects."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import socket
import ssl
import struct
import threading
from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple, Union
from urllib.parse import SplitResult, quote

from ._http import backoff
from .errors import TickerQError, error_of

_CONNECT_MAX = 30.0
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: The part of a refusal's body that is read, in bytes.
_PROBLEM_MAX = 65_536

_logger = logging.getLogger("tickerq.subscription")


class Message(NamedTuple):
    """A live update. Beside the server's types there are ``connected`` and ``disconnected``."""

    type: str
    data: Any
    timestamp: Optional[str] = None


class _Connection:
    def __init__(
        self, url: SplitResult, root: str, key: Optional[str], context: Optional[ssl.SSLContext], ping_interval: float
    ) -> None:
        is_secure = url.scheme == "https"
        host, port = url.hostname or "localhost", url.port or (443 if is_secure else 80)
        self._ping_interval = ping_interval
        self._buffer = b""
        self._socket: socket.socket = socket.create_connection((host, port), timeout=_CONNECT_MAX)
        try:
            if is_secure:
                context = context or ssl.create_default_context()
                self._socket = context.wrap_socket(self._socket, server_hostname=host)
            self._open(f"[{host.split('%')[0]}]:{port}" if ":" in host else f"{host}:{port}", root, key)
            self._socket.settimeout(ping_interval)
        except BaseException:
            self.close()
            raise

    def _open(self, host: str, root: str, key: Optional[str]) -> None:
        nonce = base64.b64encode(os.urandom(16))
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self._socket.sendall(
            f"GET {quote(root)}/ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"{authorization}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce.decode()}\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
            if len(self._buffer) > _PROBLEM_MAX:
                raise OSError("the response is not HTTP")
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = first.split(" ")
        if len(status) < 2 or not status[1].isdigit():
            raise OSError("the response is not HTTP")
        if status[1] != "101":
            raise error_of(int(status[1]), self._rest(headers), headers.get("retry-after"))
        wanted = base64.b64encode(hashlib.sha1(nonce + _ACCEPT).digest()).decode()
        if headers.get("sec-websocket-accept") != wanted:
            raise OSError("the response opens no WebSocket")

    def _rest(self, headers: Mapping[str, str]) -> bytes:
        """The body of a rejection, as far as it arrives."""
        length = headers.get("content-length", "")
        size = min(int(length) if length.isdigit() else _PROBLEM_MAX, _PROBLEM_MAX)
        try:
            while len(self._buffer) < size:
                self._receive()
        except OSError:
            pass
        return self._buffer

    def _receive(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise OSError("the connection has ended")
        self._buffer += data

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
        while len(self._buffer) < size:
            try:
                self._receive()
            except socket.timeout:
                self._probe()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _probe(self) -> None:
        """Sends a ping after a silence: without a response the connection is dead."""
        self.send(9, b"")
        self._socket.settimeout(self._ping_interval / 2)
        try:
            self._receive()
        except socket.timeout:
            raise OSError("no response") from None
        self._socket.settimeout(self._ping_interval)

    def _frame(self) -> Tuple[int, bool, bytes]:
        first, second = self._read(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._read(8))
        return first & 0x0F, bool(first & 0x80), self._read(size)

    def receive(self) -> str:
        """The next text. Responds to pings meanwhile."""
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
    """A subscription to live updates. Iterate it; :meth:`close` ends the iteration, from any thread. It reconnects
    automatically; a server that rejects the handshake or the topics ends it with a :class:`TickerQError`."""

    def __init__(
        self,
        url: SplitResult,
        root: str,
        api_key: Optional[str],
        topics: Union[str, Sequence[str]],
        filter: Optional[Mapping[str, Any]] = None,
        ssl_context: Optional[ssl.SSLContext] = None,
        ping_interval: float = 30.0,
    ) -> None:
        self._where = (url, root, api_key, ssl_context, ping_interval)
        request = {"action": "subscribe", "topics": [topics] if isinstance(topics, str) else list(topics)}
        self._request = json.dumps({**request, **({"filter": dict(filter)} if filter else {})}).encode()
        self._closed = threading.Event()
        self._connection: Optional[_Connection] = None
        self._trouble: Optional[str] = None
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
                for message in self._listen_once():
                    if message.type == "connected":
                        tries = 0
                    yield message
            except (OSError, ValueError, struct.error) as error:
                if not self._closed.is_set():
                    self._failed(str(error))
                    if self._connection is not None:
                        yield Message("disconnected", {"reason": str(error)})
            except TickerQError as error:
                if 400 <= error.status < 500 and error.status not in (408, 429):
                    self._closed.set()
                    raise
                self._failed(str(error))
            self._closed.wait(backoff(tries))
            tries = min(tries + 1, 20)

    def _listen_once(self) -> Iterator[Message]:
        """The messages of one connection, until it ends."""
        self._connection = None
        connection = self._connection = _Connection(*self._where)
        try:
            connection.send(1, self._request)
            is_subscribed = False
            while not self._closed.is_set():
                message = json.loads(connection.receive())
                if not isinstance(message, dict) or not isinstance(message.get("type"), str):
                    continue
                kind, data = message["type"], message.get("data")
                if kind == "error" and not is_subscribed:
                    raise _refusal(data)
                if kind == "subscribed":
                    is_subscribed = True
                    self._recovered()
                    kind = "connected"
                yield Message(kind, data, message.get("timestamp"))
        finally:
            connection.close()

    def _failed(self, reason: str) -> None:
        """Logs a failed connection; repetitions are logged once."""
        if self._trouble != reason:
            _logger.warning("live updates: %s; reconnecting", reason)
        self._trouble = reason

    def _recovered(self) -> None:
        if self._trouble is not None:
            _logger.info("live updates: connected")
        self._trouble = None


def _refusal(data: Any) -> TickerQError:
    """The error of an ``error`` message in response to the subscription."""
    given: Dict[str, Any] = data if isinstance(data, dict) else {}
    code, detail = given.get("code", "invalid"), given.get("message")
    problem = {"type": f"urn:tickerq:problem:{code}", "status": 400, "detail": detail}
    return error_of(400, json.dumps(problem).encode(), None)
