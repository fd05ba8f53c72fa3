"""Calls each method for data assets that an official SDK has, and prints what it read as JSON.

Runs in the SDK's own environment, with any version since 0.1.0; nothing of ours is there.

    sdk_script.py URL TOKEN
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any
from urllib.request import urlopen

from codeocean import CodeOcean, components
from codeocean import data_asset as da

client: Any = CodeOcean(domain=sys.argv[1], token=sys.argv[2])
assets: Any = client.data_assets
told: dict[str, Any] = {}
kinds: Any = da
parts: Any = components


def has(kind: Any, *names: str) -> bool:
    """Tell whether this version's class has some fields."""
    return {*names} <= {field.name for field in fields(kind)}


def search(**params: object) -> Any:
    """Build a search; the first versions want four values always."""
    wanted = {"limit": 1000, "offset": 0, "archived": False, "favorite": False, **params}
    return kinds.DataAssetSearchParams(**wanted)


def find(**params: object) -> list[str]:
    """Return the names of what a search finds."""
    return sorted(asset.name for asset in assets.search_data_assets(search(**params)).results)


def refused(call: Callable[[], object]) -> int:
    """Return the status with which a call is refused; 0: it is not."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - each version has its own
        status = getattr(error, "status_code", None)
        return int(status or error.response.status_code)  # type: ignore[attr-defined]
    return 0


def settle(params: Any) -> Any:
    """Create an asset and return it as it is in the end."""
    made = assets.create_data_asset(params)
    while assets.get_data_asset(made.id).state == "draft":
        pass
    return assets.wait_until_ready(made)


def judge_search() -> None:
    """Search in every way."""
    page = assets.search_data_assets(search())
    told["names"] = [asset.name for asset in page.results]
    told["archived"] = find(archived=True)
    told["favorite"] = find(favorite=True)
    told["results"] = find(type=kinds.DataAssetType.Result)
    told["external"] = find(origin=kinds.DataAssetSearchOrigin.External)
    ownership = getattr(kinds, "DataAssetOwnership", None) or parts.Ownership
    for each in ownership:
        told[f"ownership {each.value}"] = find(ownership=each)
    told["query"] = find(query="tag:sorted name:ecephys")
    one = parts.SearchFilter(key="subject id", value="655019")
    other = parts.SearchFilter(key="tags", values=["sorted", "atlas"], exclude=True)
    told["filters"] = find(filters=[one, other])
    bounds = parts.SearchFilterRange(min=60, max=None)
    told["range"] = find(filters=[parts.SearchFilter(key="age", range=bounds)])
    order = {"sort_field": kinds.DataAssetSortBy.Name, "sort_order": parts.SortOrder.Descending}
    page = assets.search_data_assets(search(**order))
    told["sorted"] = [asset.name for asset in page.results]
    if hasattr(assets, "search_data_assets_iterator"):
        walked = assets.search_data_assets_iterator(kinds.DataAssetSearchParams(limit=2))
        told["walked"] = sorted(asset.name for asset in walked)


def judge_one(asset_id: str) -> None:
    """Get, change, archive and share an asset."""
    asset = assets.get_data_asset(asset_id)
    told["got"] = [asset.name, asset.type.value, asset.state.value, asset.size, asset.last_used]
    whole = {"name": "n", "description": "", "tags": [], "mount": "m"}
    update = kinds.DataAssetUpdateParams
    asset = assets.update_metadata(asset_id, update(**whole, custom_metadata={"age": 3}))
    told["updated"] = [asset.name, asset.description, asset.tags, asset.custom_metadata]
    asset = assets.update_metadata(asset_id, update(**{**whole, "description": "d"}))
    told["metadata stay"] = asset.custom_metadata
    told["outside the schema"] = refused(
        lambda: assets.update_metadata(asset_id, update(**whole, custom_metadata={"age": "x"}))
    )
    told["deleted at once"] = refused(lambda: assets.delete_data_asset(asset_id))
    assets.archive_data_asset(asset_id, archive=True)
    told["now archived"] = find(archived=True)
    assets.archive_data_asset(asset_id, archive=False)
    jonas = parts.UserPermissions(email="jonas.lind@example.org", role=parts.UserRole.Owner)
    imaging = parts.GroupPermissions(group="Imaging", role=parts.GroupRole.Discoverable)
    everyone = parts.EveryoneRole.Discoverable
    assets.update_permissions(asset_id, parts.Permissions(users=[jonas]))
    assets.update_permissions(asset_id, parts.Permissions(groups=[imaging], share_assets=True))
    assets.update_permissions(asset_id, parts.Permissions(everyone=everyone))
    if hasattr(assets, "get_permissions"):
        got = assets.get_permissions(asset_id)
        users = [[each.email, each.role] for each in got.users]
        groups = [[each.group, each.role] for each in got.groups]
        told["permissions"] = [users, groups, got.everyone]


def judge_files(asset_id: str) -> None:
    """List a folder and fetch a file, as far as this version can."""
    if not hasattr(assets, "list_data_asset_files"):
        return
    items = assets.list_data_asset_files(asset_id, "").items
    path = next(item.path for item in items if item.type == "file")
    urls = [assets.get_data_asset_file_download_url(asset_id, path).url]
    if hasattr(assets, "get_data_asset_file_urls"):
        got = assets.get_data_asset_file_urls(asset_id, path)
        urls += [got.download_url, got.view_url]
    contents = set()
    for url in urls:
        with urlopen(url) as reply:  # noqa: S310 - of the embedded platform
            contents.add(reply.read())
    told["files"] = [len(contents), len(contents.pop()) > 0]


def judge_create(part: str) -> None:
    """Create a copy, an external result, a failure and a combined asset."""

    def params(name: str, **aws: object) -> dict[str, Any]:
        source = kinds.Source(aws=kinds.AWSS3Source(**aws))
        return {"name": name, "tags": ["new"], "mount": name, "source": source}

    make = kinds.DataAssetParams
    copy = settle(make(**params("copy", bucket="open", prefix="one")))
    told["copy"] = [copy.state.value, copy.files, copy.size, copy.source_bucket.prefix]
    outside = params("outside", bucket="open", prefix="one", keep_on_external_storage=True)
    if has(make, "results_info"):
        outside["results_info"] = kinds.ResultsInfo(capsule_id="c1")
    external = settle(make(**outside))
    told["external asset"] = [external.type.value, external.source_bucket.prefix]
    told["failed"] = settle(make(**params("failed", bucket="nowhere"))).state.value
    told["from a run"] = refused(
        lambda: assets.create_data_asset(
            make(
                name="n",
                tags=[],
                mount="m",
                source=kinds.Source(computation=kinds.ComputationSource(id="r1")),
            )
        )
    )
    if hasattr(kinds.DataAssetType, "Combined"):
        both = make(name="both", tags=[], mount="both", data_asset_ids=[external.id, part])
        asset = settle(both)
        told["combined"] = [asset.type.value, len(asset.contained_data_assets)]
    if hasattr(assets, "transfer_data_asset"):
        target = kinds.Target(aws=kinds.AWSS3Target(bucket="elsewhere"))
        told["transfer"] = refused(
            lambda: assets.transfer_data_asset(copy.id, kinds.TransferDataParams(target=target))
        )
    assets.archive_data_asset(copy.id, archive=True)
    assets.delete_data_asset(copy.id)
    told["gone"] = refused(lambda: assets.get_data_asset(copy.id))


def judge_workplaces(capsule: str, run: str, session: str, raw: str, other: str) -> None:
    """Attach, detach, look for what uses an asset, read runs, and capture one."""
    capsules: Any = client.capsules
    told["capsule"] = capsules.get_capsule(capsule).name
    runs: Any = client.computations
    told["runs"] = sorted(each.name for each in capsules.list_computations(capsule))
    told["run"] = runs.get_computation(run).state
    told["results"] += [each.name for each in runs.list_computation_results(run).items]
    places = [(capsules, capsule)]
    if hasattr(runs, "attach_data_assets"):
        places.append((runs, session))
    told["attached"] = []
    for place, where in places:
        wanted = [kinds.DataAssetAttachParams(id=each) for each in (raw, other)]
        try:
            outcomes = place.attach_data_assets(where, wanted)
        except AttributeError:  # a fault of 0.1.0: it takes the list for one outcome
            outcomes = []
        told["attached"] += [[each.id, each.mount_state] for each in outcomes]
        place.detach_data_assets(where, [other])
    if hasattr(capsules, "search_capsules"):
        from codeocean.capsule import CapsuleSearchParams  # noqa: PLC0415 - later versions have it

        asked = CapsuleSearchParams(query=raw, limit=1, offset=0)
        told["used by"] = [each.name for each in capsules.search_capsules_iterator(asked)]
    source = kinds.Source(computation=kinds.ComputationSource(id=run, path="figures"))
    made = settle(kinds.DataAssetParams(name="c", tags=[], mount="c", source=source))
    told["captured"] = [made.state.value, made.type.value, made.files > 0]


def main() -> None:
    """Judge, and print."""
    raw, outside, *workplaces = sys.argv[3:]
    judge_search()
    judge_files(raw)
    judge_one(raw)
    judge_create(outside)
    judge_workplaces(*workplaces)
    if hasattr(client, "custom_metadata"):
        told["schema"] = len(client.custom_metadata.get_custom_metadata().fields)
    public = {name for name in dir(kinds.DataAssets) if name[0] != "_"}
    told["calls"] = sorted(name for name in public if callable(getattr(assets, name, None)))
    json.dump(told, sys.stdout)


main()
