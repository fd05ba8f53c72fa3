"""Bytes that are no UTF-8 go back as they came, and what was read in their place is never sent."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import ApiError, InvalidField
from coexplorer.fields import replace_values
from coexplorer.lenient_json import decode_loosely, encode_exactly
from coexplorer.library import open_library
from coexplorer.models import AssetId
from tests.library.conftest import build_settings
from tests.support.in_between import Passed, in_between
from tests.support.rawserver import Asked, reply
from tests.support.server import RAW

ID = AssetId(RAW)
BROKEN = {
    "latin-1": b"caf\xe9",
    "alone": b"\xff",
    "cut off": b"x\xe2\x82",
    "a surrogate in UTF-8": b"\xed\xa0\x80",
    "among others": "é\xa0€".encode() + b"\xfe",
}


@pytest.mark.parametrize(
    "text", [*BROKEN.values(), rb"\ud83d", rb"\udc01", rb"\\udc01\\udcff", rb"\udc01\\"]
)
def test_what_was_read_goes_back_to_the_byte(text: bytes) -> None:
    body = b'{"a":"' + text + b'\xff","b":["' + text + b'"]}'
    again = encode_exactly(decode_loosely(body))
    assert again.count(b"\xff") == body.count(b"\xff")
    assert decode_loosely(again) == decode_loosely(body)
    assert encode_exactly(decode_loosely(again)) == again


@pytest.mark.parametrize("field", ["description", "name", "tags", "mount"])
@pytest.mark.parametrize("what", BROKEN)
async def test_an_edit_of_another_field_leaves_broken_text_as_it_is(
    server: DemoServer, tmp_path: Path, field: str, what: str
) -> None:
    broken = BROKEN[what]
    sent: list[bytes] = []

    def answer(asked: Asked, carry_out: Callable[[], Passed]) -> bytes | None:
        if not asked.path.endswith(RAW):
            return None
        obj = carry_out().json
        if asked.method == "PUT":
            sent.append(asked.body)
        obj[field] = ["raw", "MARK"] if field == "tags" else "MARK"
        body = msgspec.json.encode(obj).replace(b"MARK", broken)
        return reply(200, body)

    with in_between(server, answer) as between:
        settings = msgspec.structs.replace(build_settings(server, tmp_path), base_url=between.url)
        async with open_library(settings, origin="cli") as library:
            base = (await library.platform.fetch(ID)).asset.fields
            other = {"name": "new"} if field != "name" else {"description": "new"}
            if field == "tags":
                mine = replace_values(base, {"tags": (*base.tags, "added")})
            else:
                changed = replace_values(base, {field: f"{getattr(base, field)} and more"})
                with pytest.raises(InvalidField, match="can't be read"):
                    await library.changes.edit(ID, base, changed)
                assert sent == []
                mine = replace_values(base, other)
            with contextlib.suppress(ApiError):  # this stranger takes nothing over
                await library.changes.edit(ID, base, mine)
            assert sent
            went = decode_loosely(sent[0])
            assert isinstance(went, dict)
            had = decode_loosely(b'{"text": "' + broken + b'"}')
            assert isinstance(had, dict)
            assert had["text"] in (went[field] if field == "tags" else [went[field]])
            assert re.findall(rb"[\x80-\xff]", sent[0])
            assert "\N{REPLACEMENT CHARACTER}".encode() not in sent[0]
