"""Asset objects in every spelling, and in none."""

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.asset_extras import read_extras
from coexplorer.assets import asset_from_json, excerpt_from_json, parse_asset, unknown_fields
from coexplorer.lenient_json import decode_json
from coexplorer.models import Asset, Provenance, SourceBucket

CURRENT: dict[str, object] = {
    "id": "a1",
    "created": 1_680_545_827,
    "name": "ecephys_655019",
    "description": "Raw *data*",
    "mount": "ecephys",
    "tags": ["raw", "ecephys"],
    "type": "result",
    "state": "failed",
    "failure_reason": "no such bucket",
    "last_used": 0,
    "files": 12,
    "size": 1_234_567_890_123,
    "owner": "7d3f",
    "owner_email": "jane@example.org",
    "source_bucket": {"bucket": "b", "origin": "aws", "prefix": "p/", "external": True},
    "provenance": {
        "commit": "c0ffee",
        "run_script": "code/run",
        "docker_image": "img",
        "capsule": "cap",
        "computation": "comp",
        "data_assets": ["x", "y"],
    },
    "contained_data_assets": [{"id": "p1", "mount": "raw"}, {"id": "p2"}],
    "custom_metadata": {"subject id": "655019", "born": 1_600_000_000, "modality": ["a", "b"]},
    "app_parameters": [{"name": "n", "value": "v"}],
    "transfer_error": None,
}
LEGACY: dict[str, object] = {
    "id": "a1",
    "created": 1_680_545_827.0,
    "name": "ecephys_655019",
    "description": "Raw *data*",
    "mount": "ecephys",
    "tags": ["raw", "ecephys"],
    "type": "DATA_ASSET_TYPE_RESULT",
    "state": "DATA_ASSET_STATE_FAILED",
    "failureReason": "no such bucket",
    "lastUsed": 0,
    "files": "12",
    "sizeInBytes": "1234567890123",
    "owner": "jane@example.org",
    "sourceBucket": {"bucket": "b", "origin": "aws", "prefix": "p/", "external": True},
    "provenance": {
        "commit": "c0ffee",
        "runScript": "code/run",
        "DockerImage": "img",
        "Capsule": "cap",
        "computation": "comp",
        "DataAssets": ["x", "y"],
    },
    "contained_data_assets": ["p1", "p2"],
    "custom_metadata": {"subject id": "655019", "born": 1_600_000_000, "modality": ["a", "b"]},
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
strange_values = json_values | st.sampled_from(
    [
        10**30,
        -1,
        2**63,
        1e308,
        -0.0,
        "",
        " ",
        "12",
        "1e3",
        "nan",
        "inf",
        "-5",
        "DATA_ASSET_STATE_",
        "DATA_ASSET_TYPE_HOLOGRAM",
        [None, 1, "a", "a", {}, []],
        {"id": {"id": {}}},
        {"bucket": None, "external": "true", "origin": 3},
        {"data_assets": "x", "commit": [1]},
    ]
)


def keys_of(asset: dict[str, object]) -> st.SearchStrategy[str]:
    return st.sampled_from([key for key in asset if key != "id"])


@pytest.mark.parametrize("spelling", [CURRENT, LEGACY], ids=["current", "legacy"])
def test_every_spelling_means_the_same(spelling: dict[str, object]) -> None:
    asset = parse_asset(spelling)
    assert msgspec.structs.replace(asset, raw=b"{}") == Asset(
        id=asset.id,
        name="ecephys_655019",
        description="Raw *data*",
        tags=("raw", "ecephys"),
        mount="ecephys",
        state="failed",
        type="result",
        failure_reason="no such bucket",
        created=1_680_545_827.0,
        last_used=0.0,
        size_bytes=1_234_567_890_123,
        files=12,
        owner="jane@example.org",
        owner_id=str(spelling["owner"]),
        source=SourceBucket("b", "aws", "p/", external=True),
        provenance=Provenance(
            "c0ffee", "code/run", "img", "cap", "comp", asset.provenance.data_assets
        )
        if asset.provenance
        else None,
        contained=asset.contained,
        metadata={"subject id": "655019", "born": 1_600_000_000, "modality": ["a", "b"]},
    )
    assert asset.provenance is not None
    assert asset.provenance.data_assets == ("x", "y")
    assert asset.contained == ("p1", "p2")


@pytest.mark.parametrize(
    ("given_fields", "field", "expected"),
    [
        ({}, "name", ""),
        ({}, "mount", None),
        ({"mount": ""}, "mount", ""),
        ({"mount": None}, "mount", None),
        ({"tags": None}, "tags", ()),
        ({"tags": "raw"}, "tags", ("raw",)),
        ({"tags": ["a", "b", "a", 3, None, {}]}, "tags", ("a", "b", "3")),
        ({}, "state", ""),
        ({"state": "DATA_ASSET_STATE_DRAFT"}, "state", "draft"),
        ({"state": "quarantined"}, "state", "quarantined"),
        ({"type": "DATA_ASSET_TYPE_HOLOGRAM"}, "type", "hologram"),
        ({"type": None}, "type", ""),
        ({"size": "12"}, "size_bytes", 12),
        ({"size": 12.0}, "size_bytes", 12),
        ({"size": -1}, "size_bytes", None),
        ({"size": 10**30}, "size_bytes", None),
        ({"size": "big"}, "size_bytes", None),
        ({"size": True}, "size_bytes", None),
        ({"created": 1.5}, "created", 1.5),
        ({"created": "1680545827"}, "created", 1_680_545_827.0),
        ({"created": 10**15}, "created", None),
        ({"last_used": None}, "last_used", None),
        ({"provenance": None}, "provenance", None),
        ({"source_bucket": {"origin": "local", "bucket": ""}}, "source", SourceBucket("", "local")),
        ({"owner": "7d3f"}, "owner", "7d3f"),
        ({"custom_metadata": []}, "custom_metadata", {}),
        ({"custom_metadata": {"a": {"b": 1}}}, "custom_metadata", {"a": '{"b":1}'}),
        ({"custom_metadata": {"a": 10**30}}, "custom_metadata", {"a": "1" + "0" * 30}),
    ],
)
def test_a_strange_value_counts_as_not_given(
    given_fields: dict[str, object], field: str, expected: object
) -> None:
    assert getattr(parse_asset({"id": "a1", **given_fields}), field) == expected


@given(key=keys_of(CURRENT) | keys_of(LEGACY), value=strange_values)
def test_no_value_of_any_field_breaks_an_asset(key: str, value: object) -> None:
    raw = msgspec.json.encode({**CURRENT, key: value})
    asset = asset_from_json(raw)
    assert_usable(asset)
    assert excerpt_from_json(raw) == asset.excerpt


@given(
    dropped=st.sets(keys_of(CURRENT)),
    mutated=st.dictionaries(keys_of(CURRENT) | keys_of(LEGACY), strange_values, max_size=4),
    added=st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=3),
)
def test_no_mutilation_breaks_an_asset(
    dropped: set[str], mutated: dict[str, object], added: dict[str, object]
) -> None:
    kept = {key: value for key, value in CURRENT.items() if key not in dropped}
    raw = msgspec.json.encode({**kept, **mutated, **added, "id": "a1"})
    asset = asset_from_json(raw)
    assert_usable(asset)
    assert excerpt_from_json(raw) == asset.excerpt


def assert_usable(asset: Asset) -> None:
    """Every type is as the model promises, so that databases and calendars take the values."""
    assert asset.id == "a1"
    msgspec.convert(msgspec.to_builtins(asset), Asset)
    assert asset.created is None or math.isfinite(asset.created)
    assert asset.size_bytes is None or 0 <= asset.size_bytes < 2**63
    assert isinstance(unknown_fields(asset), dict)


@pytest.mark.parametrize("bad", [{}, {"id": None}, {"id": ""}, {"id": " "}, {"id": 3}, {"id": []}])
def test_an_asset_without_a_usable_id_is_none(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="usable id"):
        parse_asset(bad)


@pytest.mark.parametrize("text", [b"", b"[]", b"3", b'{"id": "a', b"<html>", b"[" * 5000])
def test_what_is_no_object_is_no_asset(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        asset_from_json(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b'{"id": "a1", "name": "\\ud800x"}', "\N{REPLACEMENT CHARACTER}x"),
        (b'{"id": "a1", "name": "\xffx"}', "\N{REPLACEMENT CHARACTER}x"),
        (b'\xef\xbb\xbf{"id": "a1", "name": "x"}', "x"),
        (b'{"id": "a1", "name": "x", "size": NaN, "files": 1e999}', "x"),
        (b'{"id": "a1", "name": "x", "size": 1' + b"0" * 5000 + b"}", "x"),
        (b'{"id": "a1", "name": "a\nb"}', "a\nb"),
    ],
)
def test_what_strict_decoders_refuse_is_mended(text: bytes, name: str) -> None:
    asset = asset_from_json(text)
    assert asset.name == name
    assert asset.size_bytes is None
    assert msgspec.json.decode(asset.raw)["id"] == "a1"
    asset.name.encode()
    assert excerpt_from_json(text).fields == asset.fields


def test_the_raw_object_is_kept() -> None:
    text = b'{"id":"a1","novelty":{"deep":[1,2]}}'
    assert asset_from_json(text).raw == text
    assert json.loads(parse_asset(json.loads(text)).raw) == json.loads(text)
    assert json.loads(parse_asset({"id": "a1", "name": "\ud800"}).raw)["id"] == "a1"


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("app_parameters", [], {}),
        ("app_parameters", None, {}),
        ("app_parameters", [{"name": "n", "value": 5}], {"parameters": "n = 5"}),
        (
            "app_parameters",
            [{"name": "Probe", "value": "A"}, {"name": "Comment", "value": ""}],
            {"parameters": "Probe = A, Comment is empty"},
        ),
        ("nextflow_profile", "gpu", {"profile": "gpu"}),
        ("last_transferred", 0, {"transferred": 0.0}),
        ("last_transferred", "1600000000", {"transferred": 1_600_000_000.0}),
        ("transfer_error", "NoSuchBucket", {"not_moved": "NoSuchBucket"}),
        ("transfer_error", None, {}),
        ("transfer_error", "", {}),
        ("owner", "7d3f", {"others": {"owner id": "7d3f"}}),
        # What can't be read is not lost.
        *(
            (key, value, {"others": {key: value}})
            for key, value in (
                ("app_parameters", "Probe"),
                ("app_parameters", [{"name": "n", "value": "v", "unit": "mm"}]),
                ("app_parameters", [{"name": "n", "value": [1]}]),
                ("nextflow_profile", ["gpu"]),
                ("last_transferred", "never"),
                ("last_transferred", -1),
                ("transfer_error", {"code": 1}),
            )
        ),
    ],
)
def test_extras_are_read_or_left_as_they_are(
    key: str, value: object, shown: dict[str, object]
) -> None:
    nothing: dict[str, object] = {
        "parameters": "",
        "profile": "",
        "transferred": None,
        "not_moved": "",
        "others": {},
    }
    asset = parse_asset({"id": "a1", "owner_email": "jane@example.org", key: value})
    assert msgspec.structs.asdict(read_extras(asset)) == nothing | shown


def test_unknown_fields_are_what_the_model_does_not_hold() -> None:
    strange = {
        **CURRENT,
        "novelty": {"deep": [1]},
        "provenance": {"commit": "c", "novel": 1},
        "source_bucket": {"bucket": "b", "endpoint": "e"},
    }
    assert unknown_fields(parse_asset(strange)) == {
        "app_parameters": [{"name": "n", "value": "v"}],
        "transfer_error": None,
        "owner": "7d3f",
        "novelty": {"deep": [1]},
        "provenance.novel": 1,
        "source_bucket.endpoint": "e",
    }
    assert unknown_fields(parse_asset(LEGACY)) == {}


@given(json_values)
def test_decoding_returns_what_was_encoded(value: object) -> None:
    assert decode_json(json.dumps(value).encode()) == value
