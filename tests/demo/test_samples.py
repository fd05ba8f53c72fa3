"""The sample data: always the same for a seed, consistent, and nasty enough."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.samples import CLOCK, METADATA_FIELDS, NASTY, file_bytes, file_tree, generate
from coexplorer.demo.samples.files import TREE_NAMES, find_tree_name
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http

NOW = 1_780_000_000.0
OWNER, COLLEAGUE = "owner@institute.example", "colleague@institute.example"


def make(count: int, seed: int = 1, now: float = NOW) -> list[StoredAsset]:
    return generate(count, seed=seed, now=now, owner=OWNER, colleague=COLLEAGUE)


@pytest.fixture(scope="module")
def institute() -> list[StoredAsset]:
    return make(1200)


def find_by_tree(assets: list[StoredAsset], tree: str) -> StoredAsset:
    return next(asset for asset in assets if find_tree_name(asset.id) == tree)


def test_same_seed_gives_the_same_data_and_another_seed_others() -> None:
    assert make(300) == make(300)
    assert {asset.id for asset in make(300)}.isdisjoint(asset.id for asset in make(300, seed=2))


def test_the_demos_assets_are_those_that_the_manual_names() -> None:
    """They follow from no clock, no machine and no Python; README.md shows them."""
    assets = make(1200, now=CLOCK)
    names = "\n".join(f"{one.id} {one.name}" for one in assets)
    assert hashlib.sha256(names.encode()).hexdigest()[:16] == "ca4134b1cb5ac52f"
    assert max(one.created for one in assets) <= CLOCK


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 400), st.integers(0, 2**32))
def test_any_sample_is_consistent(count: int, seed: int) -> None:
    assets = make(count, seed)
    assert len(assets) == count
    known: set[str] = set()
    for asset in assets:
        assert asset.id not in known
        sources = asset.provenance.data_assets if asset.provenance else ()
        assert known.issuperset(sources)
        assert known.issuperset(part.id for part in asset.contained)
        assert asset.name
        assert asset.created <= NOW
        assert asset.last_used == 0 or asset.created <= asset.last_used <= NOW
        assert bool(asset.failure_reason) == (asset.state == "failed")
        known.add(asset.id)


def test_derived_data_are_younger_than_their_sources(institute: list[StoredAsset]) -> None:
    created = {asset.id: asset.created for asset in institute}
    pairs = [
        (asset.created, created[source])
        for asset in institute
        if asset.provenance
        for source in asset.provenance.data_assets
    ]
    assert len(pairs) > 100
    assert all(younger >= older for younger, older in pairs)


def test_names_of_derived_data_begin_with_their_source(institute: list[StoredAsset]) -> None:
    names = {asset.id: asset.name for asset in institute}
    sorted_ = [asset for asset in institute if "_sorted_" in asset.name]
    assert sorted_
    for asset in sorted_:
        assert asset.provenance is not None
        [source] = asset.provenance.data_assets
        assert asset.name.startswith(f"{names[source]}_")


def test_everything_survives_json_in_utf8(institute: list[StoredAsset]) -> None:
    for asset in institute:
        encoded = msgspec.json.encode(asset)
        encoded.decode()
        assert msgspec.json.decode(encoded, type=StoredAsset) == asset
        assert json.loads(encoded)["name"] == asset.name


@pytest.mark.parametrize("count", [60, 75, 1200])
def test_every_nasty_kind_is_there(count: int) -> None:
    assets = make(count)
    for nasty in NASTY:
        fits = [one for one in assets if one.name == nasty.name]
        assert any(one.description == nasty.description for one in fits), nasty.kind
        assert any(set(nasty.tags) <= set(one.tags) for one in fits), nasty.kind
    names = Counter(one.name for one in assets)
    assert names["ecephys_690706_2023-11-02_14-05-51"] >= 2


def test_nasty_names_are_as_long_as_they_claim() -> None:
    sizes = {one.kind: len(one.name.encode()) for one in NASTY if "bytes" in one.kind}
    assert sizes == {"255 bytes": 255, "256 bytes": 256, "500 bytes": 500}
    [long] = [one for one in NASTY if one.kind == "long description"]
    assert len(long.description) == 10_000


def test_institute_has_all_states_types_origins_and_people(institute: list[StoredAsset]) -> None:
    assert {one.state for one in institute} == {"ready", "draft", "failed"}
    assert {one.type for one in institute} == {"dataset", "result", "combined", "model"}
    sources = {(one.source.origin, one.source.external) for one in institute if one.source}
    assert sources == {("aws", True), ("aws", False), ("local", False), ("gcp", True)}
    assert {one.owner for one in institute} == {OWNER, COLLEAGUE}
    shared = {(one.owner, who, role) for one in institute for who, role in one.roles.items()}
    assert len(shared) == 4
    assert {frozenset({OWNER}), frozenset({COLLEAGUE})} < {one.favorite_of for one in institute}
    assert any(one.archived for one in institute)
    assert any(one.size is None and one.state == "ready" for one in institute)
    assert any(one.size and one.size > 10**13 for one in institute)
    assert any(one.mount is None for one in institute)
    assert any(one.description.count("\n#") > 2 and "```" in one.description for one in institute)
    states = Counter(one.state for one in institute)
    assert states["ready"] > 0.95 * len(institute)


def test_no_data_are_larger_than_an_institute_could_keep() -> None:
    # What is made from data of unknown size has a size anyway: the raw data's.
    assets = make(5000, seed=3)
    unknown = {one.id for one in assets if one.state == "ready" and one.size is None}
    made_from = [one.provenance.data_assets for one in assets if one.provenance]
    assert any(unknown.intersection(sources) for sources in made_from)
    assert max(one.size or 0 for one in assets) < 5 * 10**14


def test_owner_sees_every_asset(institute: list[StoredAsset]) -> None:
    unseen = [
        one
        for one in institute
        if one.owner != OWNER and OWNER not in one.roles and one.everyone != "viewer"
    ]
    assert unseen == []
    assert any(
        one.owner == OWNER and COLLEAGUE not in one.roles and one.everyone == "none"
        for one in institute
    )


def test_samples_arrive_unharmed_over_http(tmp_path: Path) -> None:
    with DemoServer(tmp_path / "demo") as server:
        owner, colleague, _ = server.users
        assets = generate(120, seed=3, now=NOW, owner=owner.email, colleague=colleague.email)
        server.store.insert(assets)
        address = f"{server.url}/api/v1/data_assets/search"
        page = httpx.post(address, auth=(owner.token, ""), json={"limit": 1000}).json()
        theirs = httpx.post(address, auth=(colleague.token, ""), json={"limit": 1000}).json()
    served = {one["id"]: one for one in page["results"]}
    assert len(served) == len(assets)
    for asset in assets:
        wire = served[asset.id]
        assert (wire["name"], wire["description"]) == (asset.name, asset.description)
        assert set(wire["tags"]) == set(asset.tags)
        assert wire.get("size") == asset.size
    assert 0 < len(theirs["results"]) < len(assets)


def test_custom_metadata_keep_to_the_schema(institute: list[StoredAsset]) -> None:
    schema = {str(field["name"]): field for field in METADATA_FIELDS}
    values = [pair for one in institute for pair in one.custom_metadata.items()]
    assert {key for key, _ in values} == set(schema)
    for key, value in values:
        allowed = schema[key].get("allowed_values")
        if isinstance(allowed, list):
            assert set(value if isinstance(value, list) else [value]) <= set(allowed)
        assert isinstance(value, int) == (schema[key]["type"] in {"number", "date"})


def test_count_out_of_range_is_refused() -> None:
    for count in (-1, 100_001):
        with pytest.raises(ValueError, match="from 0 to 100000"):
            make(count)


def test_every_tree_can_be_listed_and_read(institute: list[StoredAsset]) -> None:
    for tree in TREE_NAMES:
        asset = find_by_tree(institute, tree)
        files = file_tree(asset.id)
        assert files == sorted(set(files))
        for path, size in files:
            content = file_bytes(asset.id, path)
            assert len(content) == size
            assert content == file_bytes(asset.id, path)
            if path.endswith(".json"):
                json.loads(content)


@settings(max_examples=40, deadline=None)
@given(start=st.integers(0, 4_000_000), length=st.integers(0, 200_000))
def test_any_range_is_a_part_of_the_whole(start: int, length: int) -> None:
    asset_id = "00000000-0000-4000-8000-000000000000"
    path = "behavior-videos/side_camera.mp4"
    assert dict(file_tree(asset_id))[path] > 1_000_000
    whole = file_bytes(asset_id, path)
    assert file_bytes(asset_id, path, start, start + length) == whole[start : start + length]


def test_text_files_have_ranges_too_and_unknown_files_do_not_exist(
    institute: list[StoredAsset],
) -> None:
    asset = find_by_tree(institute, "ecephys")
    whole = file_bytes(asset.id, "metadata.json")
    assert file_bytes(asset.id, "metadata.json", 5, 12) == whole[5:12]
    with pytest.raises(KeyError):
        file_bytes(asset.id, "metadata.txt")


def test_ids_of_any_shape_have_files() -> None:
    for asset_id in ("", "x", "not a uuid", "é"):
        assert file_tree(asset_id) == file_tree(asset_id) != []


def test_what_only_newer_platforms_tell_is_there_now_and_then(server: DemoServer) -> None:
    me, colleague = (user.email for user in server.users[:2])
    institute = generate(1200, seed=1, now=NOW, owner=me, colleague=colleague)
    server.store.clear()
    server.store.insert(institute)
    with open_http(server) as http:
        found: list[dict[str, object]] = []
        for offset in (0, 1000):
            page = http.post("data_assets/search", json={"limit": 1000, "offset": offset})
            found += page.json()["results"]
    for key in ("app_parameters", "nextflow_profile", "last_transferred", "transfer_error"):
        having = [asset for asset in found if key in asset]
        assert 0 < len(having) < len(found) / 3
        assert all(asset[key] for asset in having)
    for asset in institute:
        assert not (asset.app_parameters or asset.nextflow_profile) or asset.type == "result"
        assert asset.last_transferred is None or asset.created <= asset.last_transferred <= NOW
