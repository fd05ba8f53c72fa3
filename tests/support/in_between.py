"""Something that stands between the client and the embedded platform, and answers as it likes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from coexplorer.demo.server import DemoServer
from tests.support.rawserver import Asked, RawServer, raw_server, reply

NOT_PASSED_ON = ("host", "content-length", "connection", "accept-encoding")


class Passed(msgspec.Struct, frozen=True):
    """What the platform answered."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def whole(self) -> bytes:
        """The reply as it is sent on."""
        return reply(self.status, self.body, Content_Type="application/json")


Rule = Callable[[Asked, Callable[[], Passed]], bytes | None]
"""Answers a request, given a function that has the platform carry it out; None: passes it on."""


class InBetween:
    """The server in between.

    Attributes:
        rule: How it answers; may be replaced at any time.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.raw: RawServer

    @property
    def url(self) -> str:
        return self.raw.url


@contextmanager
def in_between(server: DemoServer, rule: Rule) -> Iterator[InBetween]:
    """Stand between clients and the embedded platform."""
    host = server.url.removeprefix("http://")

    def answer(asked: Asked) -> list[bytes]:
        def carry_out() -> Passed:
            headers = {k: v for k, v in asked.headers.items() if k not in NOT_PASSED_ON}
            connection = http.client.HTTPConnection(host)
            connection.request(asked.method, asked.target, asked.body or None, headers)
            response = connection.getresponse()
            passed = Passed(response.status, response.read())
            connection.close()
            return passed

        said = between.rule(asked, carry_out)
        return [carry_out().whole if said is None else said]

    between = InBetween(rule)
    with raw_server(answer) as raw:
        between.raw = raw
        yield between
