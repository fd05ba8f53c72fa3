"""The platform's answers, in every shape that has been seen."""

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.api.file_replies import parse_file_urls, read_folder
from coexplorer.api.permissions import parse_sharing
from coexplorer.api.wire import (
    Envelope,
    parse_envelope,
    parse_ids,
    parse_metadata_schema,
    parse_rows,
    read_asset_of,
    read_created,
    read_done_of,
)
from coexplorer.models import (
    AssetId,
    AwsSource,
    FileEntry,
    FileUrls,
    Folder,
    MetadataField,
    NewAsset,
)
from coexplorer.sharing.roles import Sharing
from tests.support.hostile import NO_IDS

A1 = AssetId("a1")
NEW = NewAsset(name="bad", source=AwsSource("b"))

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "results", "has_more", "next_token", "items", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"has_more":false,"results":[]}', Envelope((), False, None)),
        (b'{"has_more":false,"results":null}', Envelope((), False, None)),
        (b'{"results":[{"id":"a"}]}', Envelope((b'{"id":"a"}',), False, None)),
        (b'{"has_more":true,"next_token":"t","results":[]}', Envelope((), True, "t")),
        (b'{"has_more":true,"next_token":"","results":[]}', Envelope((), True, None)),
        (b'{"has_more":true,"next_token":null,"results":[]}', Envelope((), True, None)),
        (b'{"has_more":true,"next_token":7,"results":[]}', Envelope((), True, "7")),
        (b'{"hasMore":true,"nextToken":"t","results":[],"x":[]}', Envelope((), False, None)),
        (b'{"has_more":"true","nextToken":"t","results":[3]}', Envelope((b"3",), True, "t")),
        (b'{"has_more":null,"results":[]}', Envelope((), False, None)),
        (b'[{"id":"a"}]', Envelope((b'{"id":"a"}',), False, None)),
    ],
)
def test_pages_of_every_shape_are_read(body: bytes, expected: Envelope) -> None:
    found = parse_envelope(body)
    rows = tuple(bytes(row) for row in found.rows)
    assert msgspec.structs.replace(found, rows=rows) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"3", b'{"message":"no"}', b'{"results":{}}', b'{"results":[', b"<html>"],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_envelope(body)


@given(rows=st.lists(anything, max_size=5))
def test_no_row_breaks_a_page(rows: list[object]) -> None:
    body = msgspec.json.encode({"has_more": False, "results": [*rows, {"id": "good"}]})
    assert parse_rows(parse_envelope(body).rows)[-1].id == "good"


@given(
    ids=st.lists(
        st.sampled_from(["good", "", " ", "\u2028", "\ud800", 3, None, ["a"]]) | st.text(),
        max_size=5,
    )
)
def test_the_ids_of_a_page_are_those_of_its_assets(ids: list[object]) -> None:
    rows = [json.dumps({"name": "a", "id": each, "tags": [1]}).encode() for each in ids]
    rows += [b"[]", b"{}", b'{"id":"bytes","name":"\xff"}']
    assert parse_ids(rows) == tuple(asset.id for asset in parse_rows(rows))


@pytest.mark.parametrize("text", NO_IDS)
def test_a_row_without_a_usable_id_is_left_out_everywhere(text: str) -> None:
    bad = json.dumps({"id": text, "name": "bad"}).encode()
    made_from = {"id": "good", "provenance": {"data_assets": [text, "input"]}}
    contained = {"contained_data_assets": [{"id": text}, {"id": "part"}, text]}
    good = json.dumps(made_from | contained).encode()
    body = b'{"has_more":false,"results":[' + bad + b"," + good + b"]}"
    rows = parse_envelope(body).rows
    (asset,) = parse_rows(rows)
    assert parse_ids(rows) == (asset.id,) == ("good",)
    assert asset.provenance is not None
    assert asset.provenance.data_assets == ("input",)
    assert asset.contained == ("part",)
    for read in (read_asset_of(AssetId(text)), read_created(NEW, 0.0)):
        with pytest.raises(ValueError, match="usable id"):
            read(bad)


@pytest.mark.parametrize("text", ["a", "…", "ä" * 200, "a.b", "...", "a:b~c@d", "%2e", "x-"])
def test_other_ids_are_taken_as_they_are(text: str) -> None:
    assert parse_ids([json.dumps({"id": text}).encode()]) == (text,)


DEEP = b"[" * 100_000 + b"]" * 100_000
STRANGE_ROWS = {
    "deep": b'{"id":"x","name":' + DEEP + b"}",
    "texts with brackets": b'{"id":"x","name":"\\\\\\"]}[{","y":' + DEEP + b"}",
    "an endless number": b'{"id":"x","size":' + b"9" * 5000 + b"}",
    "no object": DEEP,
    "a text": b'"]}"',
    "bytes": b'{"id":"x\xff\xfe"}',
    "half an escape": b'{"id":"\\ud800"}',
}


@pytest.mark.parametrize("row", STRANGE_ROWS.values(), ids=STRANGE_ROWS.keys())
def test_no_row_sinks_the_others_of_its_page(row: bytes) -> None:
    good = [b'{"id":"one"}', b'{"id":"two","name":"\\"]}"}']
    rows = b",".join([good[0], row, good[1]])
    body = b'{"x":{"results":[]},"results":[' + rows + b'],"has_more":true,"next_token":"t"}'
    envelope = parse_envelope(body)
    assert (envelope.has_more, envelope.next_token) == (True, "t")
    for ids in (parse_ids(envelope.rows), [each.id for each in parse_rows(envelope.rows)]):
        assert [each for each in ids if each in ("one", "two")] == ["one", "two"]


@pytest.mark.parametrize("cut", [1, 2, 30, 100_050])
def test_a_page_that_ends_too_early_is_refused_however_deep_it_is(cut: int) -> None:
    body = b'{"results":[{"id":"x","y":' + DEEP + b"}]}"
    with pytest.raises(ValueError, match=r"."):
        parse_envelope(body[:-cut])


@given(reply=anything)
def test_replies_are_read_or_refused(reply: object) -> None:
    body = msgspec.json.encode(reply)
    readers = (parse_envelope, read_folder(""), parse_file_urls, parse_sharing)
    for read in (*readers, parse_metadata_schema):
        with suppress(ValueError):
            read(body)


def test_a_row_with_broken_text_does_not_break_its_page() -> None:
    body = b'{"has_more":false,"results":[{"id":"a","name":"\xff"},{"id":"b","size":1e999}]}'
    first, second = parse_rows(parse_envelope(body).rows)
    assert (first.name, second.size_bytes) == ("\N{REPLACEMENT CHARACTER}", None)


def test_folders_are_read() -> None:
    body = (
        b'{"items":[{"name":"a.txt","path":"/d/a.txt","size":"12","type":"file"},'
        b'{"name":"e","path":"d/e/","type":"folder"},{"path":"d/f","size":-1},'
        b'{"name":"g"},{"size":3},null]}'
    )
    entries = (
        FileEntry("a.txt", "d/a.txt", is_folder=False, size_bytes=12),
        FileEntry("e", "d/e", is_folder=True),
        FileEntry("f", "d/f", is_folder=False),
        FileEntry("g", "d/g", is_folder=False),
    )
    assert read_folder("/d/")(body) == Folder(entries, unnamed=2)
    assert read_folder("")(b'{"items":null}') == Folder((), unsaid=True)
    assert read_folder("")(b'{"items":[]}') == Folder(())


@pytest.mark.parametrize(
    "path", ["x", "d", "dd/x", "d/x/y", "../d/x", "d/./x", "d/..", "d/.", "d//x", "e/../d/x"]
)
def test_what_is_not_directly_in_a_folder_is_told_apart(path: str) -> None:
    body = json.dumps({"items": [{"path": path, "type": "folder"}, {"path": "d/good"}]}).encode()
    folder = read_folder("d")(body)
    assert folder.entries == (FileEntry("good", "d/good", is_folder=False),)
    assert folder.elsewhere == (path,)


@pytest.mark.parametrize(
    ("more", "has_more"),
    [
        ({"has_more": True}, True),
        ({"has_more": "true"}, True),
        ({"hasMore": 1}, True),
        ({"next_token": "t"}, True),
        ({"nextToken": 5}, True),
        ({"has_more": False, "next_token": ""}, False),
        ({"has_more": None, "next_token": None}, False),
        ({}, False),
    ],
)
def test_a_folder_tells_whether_there_is_more_of_it(
    more: dict[str, object], *, has_more: bool
) -> None:
    for items in (list[object](), None):
        body = json.dumps({"items": items} | more).encode()
        assert read_folder("")(body).has_more is has_more


def test_file_addresses_of_both_versions_are_read() -> None:
    new = b'{"download_url":"https://s/d","view_url":"https://s/v"}'
    assert parse_file_urls(new) == FileUrls("https://s/d", "https://s/v")
    assert parse_file_urls(b'{"url":"https://s/d"}') == FileUrls("https://s/d")


def test_who_can_see_an_asset_is_read() -> None:
    body = (
        b'{"users":[{"email":"a@x","role":"owner"},{"email":"b@x","role":"tester"}],"groups":'
        b'[{"group":"g","role":"editor"}],"everyone":"viewer","share_assets":false}'
    )
    expected = Sharing({"a@x": "owner", "b@x": "tester"}, {"g": "editor"}, "viewer")
    assert parse_sharing(body) == expected
    assert parse_sharing(b'{"users":null,"everyone":""}') == Sharing()
    assert parse_sharing(b'{"users":[]}') == Sharing()


def test_entries_that_say_nothing_are_counted_and_of_two_roles_the_stronger_counts() -> None:
    body = (
        b'{"users":[{"role":"viewer"},null,{"email":"a@x"},{"email":"a@x","role":"viewer"},'
        b'{"email":"a@x","role":"owner"},{"email":"a@x","role":"editor"}]}'
    )
    assert parse_sharing(body) == Sharing({"a@x": "owner"}, odd=3)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"message":"no"}',
        b'{"users":{}}',
        b'{"users":"a@x"}',
        b'{"everyone":{"role":"viewer"}}',
    ],
)
def test_what_does_not_say_who_can_see_an_asset_is_refused(body: bytes) -> None:
    # Read as nobody, it would take everybody's access away with the next change.
    with pytest.raises(ValueError, match=r"."):
        parse_sharing(body)


def test_the_metadata_schema_is_read() -> None:
    body = (
        b'{"fields":[{"name":"species","type":"string","allowed_values":["mouse","rat"],'
        b'"required":true,"multiple":true,"units":"","category":{"name":"Subject"}},'
        b'{"name":"age","type":"number","units":"days","category":"Subject"},{"type":"date"}]}'
    )
    assert parse_metadata_schema(body) == (
        MetadataField(
            "species",
            required=True,
            category="Subject",
            multiple=True,
            allowed_values=("mouse", "rat"),
        ),
        MetadataField("age", "number", units="days", category="Subject"),
    )


@pytest.mark.parametrize("body", [b"", b"{}", b'{"id":"a1"}', b'{"id":null}', b"[]", b"ok"])
def test_archive_and_delete_accept_any_body(body: bytes) -> None:
    read_done_of(A1)(body)


@pytest.mark.parametrize("body", [b'{"id":"a2"}', b'{"id":5}', b'{"id":"","name":"n"}'])
def test_what_is_about_another_asset_does_not_say_that_it_was_done(body: bytes) -> None:
    with pytest.raises(ValueError, match="another asset"):
        read_done_of(A1)(body)


def test_a_web_page_is_no_success() -> None:
    with pytest.raises(ValueError, match="web page"):
        read_done_of(A1)(b"<!doctype html><title>Sign in</title>")
