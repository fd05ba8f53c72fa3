"""Imports: every spelling that platforms use, and clear words about lines that are no assets."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.demo.asset import Bucket, Contained, Provenance, Role, StoredAsset
from coexplorer.demo.importing import BadImportError, import_assets, parse_asset_line

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
CURRENT = {
    "id": "a1",
    "name": "ecephys_655019",
    "created": 1_680_000_000,
    "description": "raw",
    "tags": ["raw", "ecephys"],
    "mount": "ecephys",
    "type": "result",
    "state": "failed",
    "failure_reason": "no such bucket",
    "last_used": 1_690_000_000,
    "size": 123,
    "files": 4,
    "source_bucket": {"bucket": "open", "origin": "aws", "prefix": "p", "external": True},
    "provenance": {
        "commit": "c0ffee",
        "run_script": "code/run",
        "docker_image": "image:1",
        "capsule": "capsule-1",
        "computation": "run-1",
        "data_assets": ["b1", "b2"],
    },
    "contained_data_assets": [{"id": "p1", "mount": "m", "size": 7}],
    "custom_metadata": {"subject id": "655019", "age": 90, "people": ["a", "b"]},
}
LEGACY = {
    **{key: CURRENT[key] for key in ("id", "name", "description", "tags", "mount", "files")},
    **{key: CURRENT[key] for key in ("failure_reason", "contained_data_assets")},
    "custom_metadata": CURRENT["custom_metadata"],
    "created": 1_680_000_000.75,
    "type": "DATA_ASSET_TYPE_RESULT",
    "state": "DATA_ASSET_STATE_FAILED",
    "lastUsed": 1_690_000_000,
    "sizeInBytes": "123",
    "sourceBucket": CURRENT["source_bucket"],
    "provenance": {
        "commit": "c0ffee",
        "runScript": "code/run",
        "DockerImage": "image:1",
        "Capsule": "capsule-1",
        "computation": "run-1",
        "DataAssets": ["b1", "b2"],
    },
}


def parse(fields: object) -> StoredAsset:
    return parse_asset_line(json.dumps(fields).encode(), owner=OWNER, colleague=COLLEAGUE)


def read(path: Path) -> list[StoredAsset]:
    return list(import_assets(path, owner=OWNER, colleague=COLLEAGUE))


@pytest.mark.parametrize("fields", [CURRENT, LEGACY], ids=["current", "legacy"])
def test_each_spelling_reads_as_the_same_asset(fields: dict[str, object]) -> None:
    assert parse(fields) == EXPECTED


def test_absent_fields_have_quiet_values() -> None:
    asset = parse({"id": "a1", "name": "n", "tags": None, "size": None, "provenance": None})
    assert asset == StoredAsset(id="a1", name="n", owner=OWNER, created=0)


def test_unknown_fields_are_kept_as_they_are() -> None:
    asset = parse({"id": "a1", "name": "n", "owner_email": "x@y.example", "future": [1, None]})
    assert asset.extra == {"owner_email": "x@y.example", "future": [1, None]}


def test_membership_of_our_own_listing_decides_about_people() -> None:
    mine = parse({**CURRENT, "_coexplorer": {"archived": True, "favorite": True, "mine": True}})
    assert (mine.owner, mine.archived) == (OWNER, True)
    assert mine.favorite_of == {OWNER}
    assert mine.extra == {}
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
    assert [asset.id for asset in read(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"id": "b", "name": ', "not an asset object"),
        (b"plain words", "not an asset object"),
        (b'"text"', "not an asset object"),
        (b'[{"id": "b"}]', "one object a line"),
        (b'{"name": "n"}', "no id"),
        (b'{"id": 7, "name": "n"}', "no id"),
        (b'{"id": "b", "name": null}', "no name"),
        (b'{"id": "b", "name": "\xff"}', ""),
    ],
)
def test_bad_line_is_named(tmp_path: Path, line: bytes, complaint: str) -> None:
    path = tmp_path / "export.jsonl"
    path.write_bytes(b'{"id": "a", "name": "n"}\n\n' + line + b"\n")
    with pytest.raises(BadImportError, match=r"^export\.jsonl, line 3: ") as caught:
        read(path)
    assert complaint in str(caught.value)
