"""Generates the asyncio client from the synchronous one: python3 sdk/generate/aio.py sdk/python/tickerq/client.py

Prints `aio.py`. `tests/it/sdk/types.rs` compares it with the one in the repository.
"""

import ast
import sys

HEAD = '''"""The same client for asyncio: each method awaits the synchronous one in a thread.

Generated from client.py by sdk/generate/aio.py; do not edit.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, AsyncIterator, List, Mapping, Optional, Sequence, Union

from .client import Duration, TickerQClient
from .subscription import Message, Subscription
from .types import (
{types}
)

if sys.version_info >= (3, 11):
    from typing import Unpack
elif TYPE_CHECKING:
    from typing_extensions import Unpack


class AsyncSubscription:
    """A subscription to live updates: ``async for message in subscription``; ``async with`` closes it at the end."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        # StopIteration can't pass through a future.
        message = await asyncio.to_thread(next, self._subscription, None)
        if message is None:
            raise StopAsyncIteration
        return message

    async def __aenter__(self) -> "AsyncSubscription":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the subscription."""
        self._subscription.close()


class AsyncTickerQClient:
    """A client of one server, for asyncio. ``async with AsyncTickerQClient(…) as client`` closes its connections and
    subscriptions at the end. Takes the arguments of :class:`TickerQClient`."""

    def __init__(
        self,
        base_url: str,
        api_key: Optional[str] = None,
        *,
        base_path: str = "/api/tickerq",
        retries: int = 3,
        timeout: float = 30.0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        #: The synchronous client, which makes the requests in threads.
        self.sync = TickerQClient(
            base_url, api_key, base_path=base_path, retries=retries, timeout=timeout, ssl_context=ssl_context
        )

    async def __aenter__(self) -> "AsyncTickerQClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def jobs(self, **filter: Unpack[JobFilter]) -> AsyncIterator[JobItem]:
        """All jobs that match a filter, newest first; pages are fetched as needed."""
        filter.setdefault("limit", 200)
        after: Optional[str] = None
        while True:
            filter["after"] = after
            page = await self.get_jobs(**filter)
            for job in page["jobs"]:
                yield job
            if not page["hasMore"] or not page["jobs"]:
                return
            after = page["jobs"][-1]["id"]

    def subscribe(
        self,
        topics: Union[str, Sequence[str]],
        *,
        filter: Optional[Mapping[str, Any]] = None,
        ping_interval: float = 30.0,
    ) -> AsyncSubscription:
        """Subscribes to live updates: ``async for message in client.subscribe("job-status")``."""
        return AsyncSubscription(self.sync.subscribe(topics, filter=filter, ping_interval=ping_interval))
'''
OWN = {"jobs", "subscribe"}


def typed(argument):
    return f"{argument.arg}: {ast.unparse(argument.annotation)}"


def valued(argument, default):
    return typed(argument) if default is None else f"{typed(argument)} = {ast.unparse(default)}"


def quoted(text):
    """Double quotes, as the rest of the sources has them."""
    return text.replace("'", '"')


def method(function):
    arguments = function.args
    positional = arguments.args[1:]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    shown = ["self", *(valued(argument, default) for argument, default in zip(positional, defaults))]
    passed = [argument.arg for argument in positional]
    if arguments.kwonlyargs:
        shown.append("*")
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        shown.append(valued(argument, default))
        passed.append(f"{argument.arg}={argument.arg}")
    if arguments.kwarg:
        shown.append(f"**{typed(arguments.kwarg)}")
        passed.append(f"**{arguments.kwarg.arg}")
    result = ast.unparse(function.returns)
    lines = [f"    async def {function.name}(", *(f"        {argument}," for argument in shown), f"    ) -> {result}:"]
    if arguments.kwarg:
        # Nothing may follow keyword arguments.
        lines[-2] = lines[-2].rstrip(",")
    if len(one := f"    async def {function.name}({', '.join(shown)}) -> {result}:") <= 120:
        lines = [one]
    lines = [quoted(line) for line in lines]
    documentation = (ast.get_docstring(function) or "").replace("\n", "\n        ")
    call = ", ".join([f"self.sync.{function.name}", *passed])
    keyword = "" if result == "None" else "return "
    return "\n".join([*lines, f'        """{documentation}"""', f"        {keyword}await asyncio.to_thread({call})"])


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        module = ast.parse(source.read())
    [client] = [node for node in module.body if isinstance(node, ast.ClassDef)]
    functions = [node for node in client.body if isinstance(node, ast.FunctionDef)]
    methods = [method(node) for node in functions if not node.name.startswith("_") and node.name not in OWN]
    body = "\n\n".join(methods)
    [types] = [node for node in module.body if isinstance(node, ast.ImportFrom) and node.module == "types"]
    used = [alias.name for alias in types.names if alias.name in body or alias.name in OWN | {"JobFilter", "JobItem"}]
    print(HEAD.replace("{types}", "\n".join(f"    {name}," for name in used)) + "\n" + body)


main()
