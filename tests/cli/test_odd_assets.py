r"""Assets and files with values that are not what they should be: read as far as that goes.

The platform is a socket that keeps what is sent to it, to the byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner

from coexplorer.api.calls import build_update
from coexplorer.assets import asset_from_json
from coexplorer.cli.commands import cli
from coexplorer.fields import replace_values
from tests.support.program import Done
from tests.support.rawserver import Asked, RawServer, raw_server, reply

ID = "00000001-0000-4000-8000-000000000001"
ALONE = "\udc80"


class Keeper:
    """One asset, which a PUT replaces; a search finds it.

    Attributes:
        asset: As it is now.
        sent: The bodies of all writes.
    """

    def __init__(self, **values: object) -> None:
        self.asset: dict[str, Any] = {
            "id": ID,
            "name": "odd one",
            "description": "text",
            "tags": ["a", "b"],
            "created": 1,
            "state": "ready",
            "type": "dataset",
        } | values
        self.sent: list[dict[str, Any]] = []
        self.archived = False

    def __call__(self, asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/search"):
            is_asked = json.loads(asked.body).get("archived") in (None, self.archived)
            return [reply(200, {"results": [self.asset] if is_asked else [], "has_more": False})]
        if asked.method == "PUT":
            self.sent.append(json.loads(asked.body))
            self.asset |= self.sent[-1]
        if asked.method == "PATCH":
            self.archived = True
        return [reply(200, self.asset)]


class Signed:
    def __init__(self, server: RawServer) -> None:
        self._env = {"CODEOCEAN_DOMAIN": server.url, "CODEOCEAN_TOKEN": "cop_x"}

    def __call__(self, *args: str) -> Done:
        result = CliRunner(env=self._env).invoke(cli, args, catch_exceptions=False)
        return Done(result.exit_code, result.stdout, result.stderr)

    def ok(self, *args: str) -> str:
        done = self(*args)
        assert done.code == 0, done
        return done.out


@contextmanager
def signed(keeper: Keeper) -> Iterator[Signed]:
    with raw_server(keeper) as server:
        yield Signed(server)


ODD: list[dict[str, object]] = [
    {"tags": ["a", 7, "b"]},
    {"tags": ["a", None]},
    {"tags": ["a", {"key": "value"}, ["x"], True]},
    {"tags": ["a", 1.5, f"x{ALONE}y"]},
    {"tags": "a"},
    {"name": 12},
    {"name": f"name {ALONE}"},
    {"description": {"text": "x"}},
    {"description": f"\ud83d {ALONE}"},
    {"description": ["x"]},
    {"mount": 7},
    {"mount": {"a": 1}},
    {"created": "yesterday", "last_used": [], "size": {}, "files": "many"},
    {"type": 7, "owner": {}, "source_bucket": "x", "provenance": [1], "failure_reason": {}},
    {"custom_metadata": [1], "contained_data_assets": {"a": 1}},
    {"custom_metadata": {"a": {"b": [1, None]}, "c": None, "d": f"{ALONE}"}},
]


@pytest.mark.parametrize("values", ODD, ids=[json.dumps(each) for each in ODD])
def test_an_odd_value_sinks_no_asset_and_goes_back_as_it_came(values: dict[str, object]) -> None:
    keeper = Keeper(**values)
    with signed(keeper) as program:
        program.ok("sync")
        program.ok("show", ID)
        program.ok("show", ID, "--json")
        program.ok("show", ID, "--raw")
        program.ok("ls", "--json")
        program.ok("ls", "--remote")
        if "tags" not in values:
            program.ok("edit", ID, "--add-tag", "new")
            assert sorted(keeper.asset["tags"]) == ["a", "b", "new"]
        else:
            program.ok("edit", ID, "--description", "new text")
            assert keeper.asset["description"] == "new text"
        program.ok("undo")
        program.ok("archive", ID)
    for sent in keeper.sent:
        for key in values.keys() & sent.keys():
            assert sent[key] == values[key]
    assert keeper.asset.items() >= values.items()


@pytest.mark.parametrize(
    ("tags", "options", "expected"),
    [
        (["a", 7], ("--add-tag", "b"), ["a", 7, "b"]),
        (["a", 7, None], ("--remove-tag", "7"), ["a", None]),
        (["a", {"k": 1}, None], ("--remove-tag", "a"), [{"k": 1}, None]),
        ([None, "a"], ("--tags", "x"), ["x", None]),
        (["a", f"{ALONE}"], ("--add-tag", "b"), ["a", f"{ALONE}", "b"]),
        ("a", ("--add-tag", "b"), ["a", "b"]),
    ],
)
def test_an_edit_of_tags_keeps_those_that_nobody_could_read(
    tags: object, options: tuple[str, ...], expected: list[object]
) -> None:
    keeper = Keeper(tags=tags)
    with signed(keeper) as program:
        program.ok("edit", ID, *options)
    key = json.dumps
    assert sorted(keeper.asset["tags"], key=key) == sorted(expected, key=key)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({"description": {"a": 1}}, ("--description", "new")),
        ({"description": ["x"]}, ("--description", "new")),
        ({"mount": {}}, ("--mount", "new")),
        ({"tags": {"a": 1}}, ("--add-tag", "new")),
    ],
)
def test_what_nobody_could_read_is_not_written_over(
    values: dict[str, object], options: tuple[str, ...]
) -> None:
    keeper = Keeper(**values)
    with signed(keeper) as program:
        done = program("edit", ID, *options)
        assert done.code != 0
        assert "no text, so it stays" in done.err
        assert keeper.sent == []
        program.ok("edit", ID, "--name", "other")
    assert keeper.asset.items() >= values.items()


def test_custom_metadata_that_is_not_edited_goes_back_as_it_came() -> None:
    said = {"a": {"b": [1, None]}, "c": [1, 2], "d": "x", "e": 10**30}
    asset = asset_from_json(json.dumps(Keeper(custom_metadata=said).asset).encode())
    edited = replace_values(asset.fields, {"metadata.d": '"y"'})
    call = build_update(asset.id, edited, asset.fields, asset)
    assert json.loads(call.body or b"")["custom_metadata"] == {**said, "d": "y"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tags": ["a", None, {"k": 1}]}, ["tags: ", '{"k": 1}']),
        ({"description": {"k": 1}}, ["description: ", '{"k": 1}']),
        ({"size": "big"}, ["size: big"]),
        ({"created": "yesterday"}, ["created: yesterday"]),
        ({"provenance": [1]}, ["provenance: [1]"]),
    ],
)
def test_show_tells_what_could_not_be_read(values: dict[str, object], said: list[str]) -> None:
    with signed(Keeper(**values)) as program:
        shown = program.ok("show", ID)
    assert [text for text in said if text not in shown] == []


NAMES = [f"a{ALONE}b.txt", "\ud800.txt", f"{ALONE}/x{ALONE}.txt", "plain.txt", "\ud83d\ude00.txt"]


def escaped(name: str) -> str:
    whole = name.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return whole.encode("utf-8", "backslashreplace").decode()


@pytest.mark.parametrize("name", NAMES, ids=escaped)
def test_files_whose_names_no_text_can_hold_come_under_escaped_names(
    tmp_path: Path, name: str
) -> None:
    asked_for: list[str] = []

    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/files"):
            path = json.loads(asked.body)["path"]
            inner = name if not path else name.removeprefix(f"{path}/")
            first, _, rest = inner.partition("/")
            if path and not name.startswith(f"{path}/"):
                return [reply(404, {"message": "no such folder"})]
            entry = {"name": first, "path": f"{path}/{first}".strip("/"), "size": 5}
            return [reply(200, {"items": [entry | {"type": "folder" if rest else "file"}]})]
        if asked.path.endswith("/files/urls"):
            query = parse_qs(asked.target.partition("?")[2], errors="surrogatepass")
            asked_for.extend(query["path"])
            return [reply(200, {"download_url": f"{server.url}/storage"})]
        if asked.path == "/storage":
            return [reply(200, b"hello", ETag='"1"')]
        return [reply(200, Keeper().asset)]

    with raw_server(answer) as server:
        program = Signed(server)
        assert escaped(name) in program.ok("files", ID, "--recursive").splitlines()[-1]
        program.ok("files", ID, "--recursive", "--json")
        program.ok("get", ID, "--to", str(tmp_path / "all"))
        program.ok("get", ID, escaped(name), "--to", str(tmp_path / "one"))
    assert (tmp_path / "all" / escaped(name)).read_text() == "hello"
    assert [each.read_text() for each in (tmp_path / "one").rglob("*.txt")] == ["hello"]
    whole = name.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert set(asked_for) == {whole}


def test_a_name_of_a_hundred_thousand_characters_is_not_printed_whole() -> None:
    long = "x" * 100_000
    keeper = Keeper(name=long, tags=[long, "b"], owner=f"{long}@example.org", mount=long)
    people = {"users": [{"email": f"{long}@example.org", "role": "owner"}]}

    def answer(asked: Asked) -> Iterable[bytes]:
        return [reply(200, people)] if asked.path.endswith("/permissions") else keeper(asked)

    with raw_server(answer) as server:
        program = Signed(server)
        for told in (program.ok("show", ID), program.ok("share", ID)):
            assert len(told) < 5_000
            assert "… (100,0" in told
        assert json.loads(program.ok("show", ID, "--json"))[0]["tags"] == [long, "b"]


def test_of_thousands_who_can_see_an_asset_some_are_listed() -> None:
    users = [{"email": f"u{number}@example.org", "role": "viewer"} for number in range(20_000)]
    keeper = Keeper()

    def answer(asked: Asked) -> Iterable[bytes]:
        is_asked = asked.path.endswith("/permissions")
        return [reply(200, {"users": users})] if is_asked else keeper(asked)

    with raw_server(answer) as server:
        program = Signed(server)
        shown = program.ok("show", ID)
        assert shown.count("@example.org") == 100
        assert "and 19,900 more" in shown
        assert program.ok("share", ID).count("@example.org") == 20_000
