"""Imports: every spelling that platforms use, and a clear word on lines that are not assets."""

import json
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from coexplorer.demo.asset import Bucket, Contained, Provenance, Role, StoredAsset
from coexplorer.demo.dialects import Dialect, build_object
from coexplorer.demo.importing import DEEPEST, BadLineError, import_assets, parse_asset_line
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.odd import CURRENT, LEGACY, write_export

OWNER, COLLEAGUE = "owner@institute.example", "colleague@institute.example"
EXPECTED = StoredAsset(
    id="a1",
    name="ecephys_655019",
    owner=OWNER,
    created=1_680_000_000,
    description="raw",
    tags=("raw", "ecephys"),
    mount="ecephys",
    type="result",
    state="failed",
    failure_reason="no such bucket",
    last_used=1_690_000_000,
    size=123,
    files=4,
    source=Bucket("open", "aws", "p", external=True),
    provenance=Provenance("c0ffee", "code/run", "image:1", "capsule-1", "run-1", ("b1", "b2")),
    contained=(Contained("p1", "m", 7),),
    custom_metadata={"subject id": "655019", "age": 90, "people": ["a", "b"]},
)


def parse(fields: object) -> StoredAsset:
    return parse_asset_line(json.dumps(fields).encode(), owner=OWNER, colleague=COLLEAGUE)


def strip(asset: StoredAsset) -> StoredAsset:
    """Return what was read of an object, without the object."""
    return replace(asset, wire="")


def read(path: Path) -> tuple[list[StoredAsset], list[str]]:
    """Return the assets of a file, and what is said of its bad lines."""
    bad: list[BadLineError] = []
    assets = import_assets(path, owner=OWNER, colleague=COLLEAGUE, on_bad_line=bad.append)
    return list(assets), [str(error) for error in bad]


@pytest.mark.parametrize("fields", [CURRENT, LEGACY], ids=["current", "legacy"])
def test_each_spelling_reads_as_the_same_asset(fields: dict[str, object]) -> None:
    assert strip(parse(fields)) == EXPECTED


def test_absent_fields_have_quiet_values() -> None:
    asset = parse({"id": "a1", "name": "n", "tags": None, "size": None, "provenance": None})
    assert strip(asset) == StoredAsset(id="a1", name="n", owner=OWNER, created=0)


def test_membership_of_our_own_listing_decides_about_people() -> None:
    mine = parse({**CURRENT, "_coexplorer": {"archived": True, "favorite": True, "mine": True}})
    assert (mine.owner, mine.archived) == (OWNER, True)
    assert mine.favorite_of == {OWNER}
    assert "_coexplorer" not in mine.wire
    theirs = parse({**CURRENT, "_coexplorer": {"mine": False, "shared": True, "archived": None}})
    assert (theirs.owner, theirs.roles) == (COLLEAGUE, {OWNER: Role.VIEWER})
    assert not theirs.archived
    given_away = parse({**CURRENT, "_coexplorer": {"mine": True, "shared": True}})
    assert (given_away.owner, given_away.roles) == (OWNER, {COLLEAGUE: Role.VIEWER})


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(
    st.sampled_from([CURRENT, LEGACY]),
    st.dictionaries(st.sampled_from(sorted({*CURRENT, *LEGACY} - {"id", "name"})), JSON_VALUES),
    JSON_VALUES,
)
def test_no_strange_value_stops_an_import_or_what_is_stored(
    fields: dict[str, object], strange: dict[str, object], membership: object
) -> None:
    asset = parse({**fields, **strange, "_coexplorer": membership})
    stored = msgspec.json.encode(asset)
    assert msgspec.json.decode(stored, type=StoredAsset).id == "a1"
    assert asset.size is None or 0 <= asset.size < 2**63


def test_file_is_read_line_by_line_and_repeated_ids_once(tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    lines = [json.dumps({"id": name, "name": name}) for name in ("a", "b", "a")]
    path.write_bytes(b"\xef\xbb\xbf" + "\n\n  \r\n".join(lines).encode())
    assets, bad = read(path)
    assert [asset.id for asset in assets] == ["a", "b"]
    assert bad == []


def nested(levels: int) -> bytes:
    return b'{"id": "b", "name": "n", "new": ' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"id": "b", "name": ', "not an asset object"),
        (b"plain words", "not an asset object"),
        (b'"text"', "not an asset object"),
        (b"null", "not an asset object"),
        (b'[{"id": "b"}]', "one object per line"),
        (b'{"name": "n"}', "no id"),
        (b'{"id": 7, "name": "n"}', "no id"),
        (b'{"id": "b", "name": null}', "no name"),
        (b'{"id": "b", "name": ""}', "no name"),
        (b'{"id": "b", "name": "\xff"}', ""),
        (b'{"id": "b", "name": "\\ud800"}', "not an asset object"),
        (b'{"id": "b", "name": "n", "size": 1e999}', "not an asset object"),
        (b'{"id": "b", "name": "n", "_coexplorer": {"mine": tru}}', "not an asset object"),
        (b'{"id": "b\\u0000", "name": "n"}', "can't be an id"),
        (b'{"id": "b\\nc", "name": "n"}', "can't be an id"),
        (b'{"id": "b/c", "name": "n"}', "can't be an id"),
        (b'{"id": "b c", "name": "n"}', "can't be an id"),
        (b'{"id": "\\u001b[2J", "name": "n"}', "can't be an id"),
        (b'{"id": "..", "name": "n"}', "can't be an id"),
        (b'{"id": "' + b"b" * 100_000 + b'", "name": "n"}', "can't be an id"),
        (nested(DEEPEST), "too deeply"),
        (nested(100_000), "too deeply"),
        (b'{"a":' * 100_000, "too deeply"),
    ],
    ids=range(23),
)
def test_bad_line_is_named_and_left_out(tmp_path: Path, line: bytes, complaint: str) -> None:
    path = tmp_path / "export.jsonl"
    path.write_bytes(
        b'{"id": "a", "name": "n"}\n\n' + line + b'\n{"id": "z", "name": "n"}\n' + line
    )
    assets, bad = read(path)
    assert [asset.id for asset in assets] == ["a", "z"]
    assert len(bad) == 2
    assert bad[0].startswith("export.jsonl, line 3: ")
    assert bad[1].startswith("export.jsonl, line 5: ")
    assert complaint in bad[0]
    assert len(bad[0]) < 300
    assert bad[0].isprintable()


@pytest.mark.parametrize("dialect", ["current", "3.0", "legacy"])
def test_imported_object_is_shown_to_the_byte(tmp_path: Path, dialect: str) -> None:
    lines = write_export(tmp_path / "export.jsonl")
    assets, bad = read(tmp_path / "export.jsonl")
    assert bad == []
    with DemoServer(tmp_path / "data", dialect=dialect) as server:
        server.store.insert(replace(asset, owner=server.users[0].email) for asset in assets)
        with open_http(server) as http:
            for asset, line in zip(assets, lines, strict=True):
                assert http.get(f"data_assets/{asset.id}").content == line
            if dialect == "legacy":
                found = http.get("data_assets?limit=1000")
            else:
                found = http.post("data_assets/search", json={"limit": 1000})
    for line in lines:
        assert line in found.content


@pytest.mark.parametrize("dialect", ["current", "3.0", "legacy"])
def test_edit_changes_nothing_else_and_undone_leaves_no_trace(tmp_path: Path, dialect: str) -> None:
    lines = write_export(tmp_path / "export.jsonl")
    assets, _ = read(tmp_path / "export.jsonl")
    with DemoServer(tmp_path / "data", dialect=dialect) as server:
        server.store.insert(replace(asset, owner=server.users[0].email) for asset in assets)
        with open_http(server) as http:
            for asset, line in zip(assets, lines, strict=True):
                fields = {
                    "name": asset.name,
                    "description": asset.description,
                    "tags": list(asset.tags),
                    "mount": asset.mount,
                }
                path, before = f"data_assets/{asset.id}", json.loads(line)
                edited = http.put(path, json={**fields, "tags": [*asset.tags, "new"]})
                assert edited.status_code == 200, edited.text
                after = edited.json()
                assert sorted(after.pop("tags")) == sorted({*asset.tags, "new"})
                before.pop("tags", None)
                assert after == before
                http.patch(f"{path}/archive", params={"archive": True})
                http.patch(f"{path}/archive", params={"archive": False})
                assert http.put(path, json=fields).content == line


def test_new_value_stands_in_the_spelling_that_the_object_has(tmp_path: Path) -> None:
    with DemoServer(tmp_path / "data") as server:
        server.store.insert([parse({"id": "a", "lastUsed": 3, "name": "n", "sizeInBytes": "9"})])
        server.store.update("a", last_used=4, size=None, files=2, name="other")
        asset = server.store.get("a")
    with DemoServer(tmp_path / "data") as server:
        shown = build_object(server.store.get("a"), Dialect.CURRENT, owner_id="me")
    assert asset.edited == {"last_used", "size", "files", "name"}
    assert json.loads(msgspec.json.encode(shown)) == {
        "id": "a",
        "lastUsed": 4,
        "name": "other",
        "files": 2,
    }


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("mine", [True, False])
@pytest.mark.parametrize("as_admin", [True, False])
def test_memberships_are_found_again_and_an_administrator_may_change_all(
    tmp_path: Path,
    *,
    shared: bool,
    mine: bool,
    as_admin: bool,
) -> None:
    line = {"id": "a", "name": "n", "_coexplorer": {"mine": mine, "shared": shared}}
    with DemoServer(tmp_path / "data") as server:
        me, colleague = (user.email for user in server.users[:2])
        text = json.dumps(line).encode()
        server.store.insert(
            [parse_asset_line(text, owner=me, colleague=colleague, as_admin=as_admin)]
        )
        with open_http(server) as http:

            def count(ownership: str) -> int:
                body = {"ownership": ownership}
                return len(http.post("data_assets/search", json=body).json()["results"])

            assert (count("created"), count("shared")) == (mine, shared)
            may = mine or as_admin
            reply = http.put("data_assets/a", json={"name": "m"})
            assert reply.status_code == (200 if may else 403)
            http.patch("data_assets/a/archive?archive=true")
            assert http.delete("data_assets/a").status_code == (204 if may else 403)


def test_sharing_an_imported_asset_makes_it_found_as_shared(tmp_path: Path) -> None:
    line = b'{"id": "a", "name": "n", "_coexplorer": {"mine": false, "shared": false}}'
    with DemoServer(tmp_path / "data") as server:
        me, colleague = (user.email for user in server.users[:2])
        server.store.insert([parse_asset_line(line, owner=me, colleague=colleague)])
        with open_http(server) as mine, open_http(server, user=1) as theirs:
            users = {"users": [{"email": me, "role": "editor"}]}
            assert theirs.post("data_assets/a/permissions", json=users).status_code == 204
            found = mine.post("data_assets/search", json={"ownership": "shared"}).json()
            assert [asset["id"] for asset in found["results"]] == ["a"]
            assert mine.put("data_assets/a", json={"name": "m"}).json() == {"id": "a", "name": "m"}


def test_true_is_not_taken_for_one(tmp_path: Path) -> None:
    line = b'{"id":"a","name":"n","custom_metadata":{"b":{"x":1,"y":2},"a":true}}'
    with DemoServer(tmp_path / "data") as server:
        me, colleague = (user.email for user in server.users[:2])
        server.store.insert([parse_asset_line(line, owner=me, colleague=colleague)])
        with open_http(server) as http:

            def put(metadata: object) -> httpx.Response:
                return http.put("data_assets/a", json={"custom_metadata": metadata})

            present = {"b": {"x": 1, "y": 2}}
            assert put({**present, "a": 1}).json()["custom_metadata"]["a"] == 1
            assert put({**present, "a": True}).status_code == 400
            other_order = {"a": 1, "b": {"y": 2, "x": 1}}
            assert put(other_order).json()["custom_metadata"] == other_order
