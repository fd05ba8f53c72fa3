"""Custom metadata: each key is merged by itself, and what nobody touched goes back to the byte."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.asset_body import encode_changed
from coexplorer.assets import asset_from_json, excerpt_from_json
from coexplorer.fields import Fields, Map, is_same_json, replace_values
from coexplorer.library.merge import merge_fields, merge_reversal

ODD = st.sampled_from(
    [None, True, False, 0, 1, 1.0, "", "1", "F", [], ["a"], [1, None], {"k": [True]}, 10**25, 1e300]
)
MAPS = st.none() | st.dictionaries(st.sampled_from(["age", "sex", "a.b", "", "ä:"]), ODD)
GONE = object()


def of(held: Map | None) -> Fields:
    return Fields("x", metadata=held)


def at(held: Map | None, key: str) -> object:
    return (held or {}).get(key, GONE)


def same(one: object, other: object) -> bool:
    return one is other if GONE in (one, other) else is_same_json(one, other)


@given(MAPS, MAPS, MAPS)
def test_each_key_is_merged_by_itself(
    base: Map | None, mine: Map | None, theirs: Map | None
) -> None:
    merged = merge_fields(of(base), of(mine), of(theirs))
    for key in {**(base or {}), **(mine or {}), **(theirs or {})}:
        old, new, now, out = (
            at(each, key) for each in (base, mine, theirs, merged.fields.metadata)
        )
        clash = not (same(old, new) or same(now, old) or same(new, now))
        assert (f"metadata.{key}" in merged.conflicts) is clash
        assert same(out, now if clash or same(old, new) else new)
    if not merged.changed:
        assert merged.fields.metadata is theirs  # an asset without the map stays without it


@given(MAPS, MAPS, MAPS)
def test_what_is_taken_back_leaves_the_keys_of_others(
    earlier: Map | None, done: Map | None, since: Map | None
) -> None:
    theirs = {**(done or {}), **{f"other {key}": value for key, value in (since or {}).items()}}
    back = merge_reversal(of(done), of(earlier), of(theirs))
    assert back.conflicts == ()
    for key in {**(earlier or {}), **theirs}:
        wanted = at(theirs, key) if key.startswith("other ") else at(earlier, key)
        assert same(at(back.fields.metadata, key), wanted)


WRITTEN = st.sampled_from(
    ["1", "1.0", "1e3", "-0", "12345678901234567890123", "true", "null", '"\\u00e4"', '[1, "x" ]']
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), WRITTEN), st.booleans())
def test_a_key_that_nobody_touched_is_sent_to_the_byte(
    written: dict[str, str],
    touch: bool,  # noqa: FBT001 # given by hypothesis
) -> None:
    held = ",".join(f'"{key}": {text}' for key, text in written.items())
    raw = f'{{"id":"a1","name":"x","custom_metadata":{{{held}}}}}'.encode()
    seen = asset_from_json(raw)
    assert excerpt_from_json(raw).fields == seen.fields
    wanted = replace_values(seen.fields, {"metadata.a": '"new"'} if touch else {})
    body = msgspec.json.encode(encode_changed(wanted, seen))
    sent = msgspec.json.decode(
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])["custom_metadata"],
        type=dict[str, msgspec.Raw],
    )
    expected = {**written, **({"a": '"new"'} if touch else {})}
    assert {key: bytes(text).decode() for key, text in sent.items()} == expected


def test_metadata_that_are_no_map_are_not_read() -> None:
    odd: object
    for odd in ([], "x", 5):
        asset = asset_from_json(json.dumps({"id": "a1", "custom_metadata": odd}).encode())
        assert asset.metadata is None
        assert asset.custom_metadata == {}
