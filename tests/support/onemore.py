"""The program with one more row in its table of fields, and a platform that has that field.

Nothing else in the program differs: code that bypasses the table does not know the field.
"""

from __future__ import annotations

import json
import shutil
from collections import deque
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

import coexplorer
from coexplorer.demo.server import DemoServer

NAME = "reference"
ROW = """\
    EditableField(
        name="reference",
        kind=FieldKind.{kind},
        title="reference",
        help="The new reference.",
        new_help="Where it is written about.",
        file="reference.txt",
        wire="external_reference",
        one="{one}",
        can_be_absent={absent},
    ),
"""
KINDS = {
    "LINE": ("    reference: str | None = None\n", "", True),
    "TEXT": ('    reference: str = ""\n', "", False),
    "SET": ("    reference: tuple[str, ...] = ()\n", "citation", False),
}
"""Its line in the struct, what a member is called, and whether it can be absent."""
KEY = "external_reference"
_LAST_LINE = "    metadata: Map | None = None\n"
_LAST_ROW = "        only_changed=True,\n    ),\n"


def copy_with_one_more(folder: Path, kind: str = "LINE") -> dict[str, str]:
    """Copy the program into a folder, with the row; return the environment that runs it."""
    line, one, absent = KINDS[kind]
    row = ROW.format(kind=kind, one=one, absent=absent)
    source = Path(coexplorer.__file__).parent
    shutil.copytree(source, folder / "coexplorer", ignore=shutil.ignore_patterns("__pycache__"))
    table = folder / "coexplorer" / "fields.py"
    text = table.read_text()
    for after, added in ((_LAST_LINE, line), (_LAST_ROW, row)):
        assert text.count(after) == 1
        text = text.replace(after, after + added)
    table.write_text(text)
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


class KnowingServer(DemoServer):
    """An embedded platform that has the field, and resets it at a PUT without it.

    The field of an asset is in `references`, by the asset's id.
    """

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.references: dict[str, object] = {}
        self._app = _Knowing(self._app, self.references)


class _Knowing:
    def __init__(self, app: ASGIApp, references: dict[str, object]) -> None:
        self._app = app
        self._references = references

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        again = deque([{"type": "http.request", "body": body, "more_body": False}])
        replied: list[Message] = []

        async def receive_again() -> Message:
            return again.popleft() if again else await receive()

        async def keep(message: Message) -> None:
            replied.append(message)

        await self._app(scope, receive_again, keep)
        start, *parts = replied
        reply = b"".join(part.get("body", b"") for part in parts)
        method, path = scope["method"], scope["path"]
        if start["status"] == 200 and "/api/v1/data_assets" in path:
            found = json.loads(reply)
            if method == "PUT" or path.endswith("/data_assets"):
                self._take(found["id"], json.loads(body))
            reply = json.dumps(self._add(found)).encode()
            kept = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            start["headers"] = [*kept, (b"content-length", str(len(reply)).encode())]
        await send(start)
        await send({"type": "http.response.body", "body": reply})

    def _take(self, asset_id: str, asked: dict[str, object]) -> None:
        given = asked.get(KEY)
        if given is None:
            self._references.pop(asset_id, None)
        else:
            self._references[asset_id] = given

    def _add(self, found: object) -> object:
        """Put the field into every asset of a reply that has it."""
        if isinstance(found, list):
            return [self._add(each) for each in found]
        if not isinstance(found, dict):
            return found
        known = self._references.get(str(found.get("id")))
        more = {} if known is None else {KEY: known}
        return {key: self._add(each) for key, each in found.items()} | more


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
