"""HTTP requests, retries and errors."""

from __future__ import annotations

import http.client
import json
import random
import ssl
import threading
import time
import weakref
from datetime import date, datetime, timedelta
from typing import Any, Dict, Mapping, Optional
from urllib.parse import urlencode, urlsplit

from .errors import ConnectionFailed, ServerError, TickerQError, error_of

_FIRST_WAIT = 0.1
_WAIT_MAX = 10.0
_IDLE_MAX = 4.0


def backoff(attempt: int) -> float:
    """The delay before a retry, in seconds: exponential, with jitter."""
    return min(_FIRST_WAIT * 2.0**attempt, _WAIT_MAX) * random.uniform(0.5, 1)


def time_span(value: timedelta) -> str:
    """A duration in the server's notation: ``[d.]hh:mm:ss[.ffffff]``."""
    sign = "-" if value < timedelta(0) else ""
    value = abs(value)
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    days = f"{value.days}." if value.days else ""
    fraction = f".{value.microseconds:06}" if value.microseconds else ""
    return f"{sign}{days}{hours:02}:{minutes:02}:{seconds:02}{fraction}"


def parse_time_span(text: str) -> timedelta:
    """The duration of a text in the server's notation."""
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = text.lstrip("-").split(":")
    days, _, hours = hours.rpartition(".")
    whole, _, fraction = seconds.partition(".")
    micros = int((fraction + "000000")[:6])
    return sign * timedelta(int(days or 0), int(whole), micros, minutes=int(minutes), hours=int(hours))


def plain(value: Any) -> Any:
    """A value without a JSON type, in the server's notation."""
    if isinstance(value, timedelta):
        return time_span(value)
    if isinstance(value, datetime):
        return value.astimezone().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def _query(query: Optional[Mapping[str, Any]]) -> str:
    parts = {}
    for name, value in (query or {}).items():
        if value is None:
            continue
        if isinstance(value, (list, tuple, set)):
            value = ",".join(map(str, value))
        if isinstance(value, bool):
            value = "true" if value else "false"
        parts[name] = value if isinstance(value, (str, int, float)) else plain(value)
    return f"?{urlencode(parts)}" if parts else ""


class Http:
    """Sends requests to one server, with a connection per thread."""

    def __init__(
        self,
        base_url: str,
        api_key: Optional[str] = None,
        base_path: str = "/api/tickerq",
        retries: int = 3,
        timeout: float = 30.0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self.url = urlsplit(base_url.rstrip("/"))
        self.base = self.url.path.rstrip("/")
        self.root = self.base + base_path
        self.api_key = api_key
        self.retries = retries
        self.timeout = timeout
        self.ssl_context = ssl_context
        self._local = threading.local()
        self._connections: "weakref.WeakSet[http.client.HTTPConnection]" = weakref.WeakSet()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Optional[Mapping[str, Any]] = None,
        body: Any = None,
        text: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
        safe: Optional[bool] = None,
        timeout: Optional[float] = None,
        retries: Optional[int] = None,
        at_base: bool = False,
    ) -> Any:
        """Sends a request and returns the JSON of the response. It is retried after a connection failure if it is
        idempotent (``safe``), and when the server reports that it has done nothing. ``at_base`` requests a path beside
        the API; ``text`` is a body that is JSON already."""
        given = dict(headers or {})
        is_safe = safe if safe is not None else (method != "POST" or "Idempotency-Key" in given)
        last = self.retries if retries is None else retries
        if body is not None:
            text = json.dumps(body, default=plain)
        content = None if text is None else text.encode()
        attempt = 0
        while True:
            try:
                return self._once(method, (self.base if at_base else self.root) + path + _query(query), content, given, timeout or self.timeout)
            except TickerQError as error:
                wait = max(backoff(attempt), error.retry_after or 0)
                if attempt >= last or wait > _WAIT_MAX or not _is_worth_another(error, is_safe):
                    raise
            time.sleep(wait)
            attempt += 1

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        connection: Optional[http.client.HTTPConnection] = getattr(self._local, "connection", None)
        if connection is not None and time.monotonic() - self._local.used_at > _IDLE_MAX:
            # The server may close it at any time.
            connection.close()
        if connection is None:
            host = self.url.hostname or "localhost"
            if self.url.scheme == "https":
                connection = http.client.HTTPSConnection(host, self.url.port, context=self.ssl_context)
            else:
                connection = http.client.HTTPConnection(host, self.url.port)
            self._local.connection = connection
            self._connections.add(connection)
        self._local.used_at = time.monotonic()
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _once(self, method: str, path: str, body: Optional[bytes], headers: Dict[str, str], timeout: float) -> Any:
        given = {"Accept": "application/json", **headers}
        if self.api_key:
            given["Authorization"] = f"Bearer {self.api_key}"
        if body is not None:
            given["Content-Type"] = "application/json"
        elif method == "POST":
            given["Content-Length"] = "0"
        for is_last in (False, True):
            connection = self._connection(timeout)
            is_reused = connection.sock is not None
            try:
                connection.request(method, path, body, given)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # The server has closed the idle connection; the request was not sent.
                if is_reused and not is_last:
                    continue
                raise ConnectionFailed(f"{method} {path}: {error}") from error
            try:
                response = connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise ConnectionFailed(f"{method} {path}: {error}") from error
            self._local.used_at = time.monotonic()
            if response.status >= 400:
                raise error_of(response.status, text, response.getheader("Retry-After"))
            return _json(text, f"{method} {path}", response.status)
        raise AssertionError("one of the two tries answers or fails")

    def close(self) -> None:
        """Closes the connections of all threads; a later request opens another one."""
        for connection in list(self._connections):
            connection.close()


def _json(text: bytes, what: str, status: int) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        # Usually the response of a proxy.
        start = text[:80].decode(errors="replace")
        raise ServerError(f"{what}: the response is not JSON: {start}", status) from error


def _is_worth_another(error: TickerQError, is_safe: bool) -> bool:
    if isinstance(error, ConnectionFailed):
        return is_safe
    # `busy` means that the request had no effect; with `unavailable` that is unknown.
    if error.status == 429 or error.code == "busy":
        return True
    return error.status == 503 and is_safe
