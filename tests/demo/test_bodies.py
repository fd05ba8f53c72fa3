"""Bodies as the official SDK sends them: null for each key that is not set, at any depth."""

from __future__ import annotations

import json

import msgspec
import pytest

from coexplorer.demo import (
    create_body,
    routes_assets,
    routes_attachments,
    routes_capsules,
    routes_computations,
    routes_files,
    routes_permissions,
    routes_search,
    transfer,
)
from coexplorer.demo import search as demo_search
from coexplorer.demo.bodies import decode_body

REQUIRED: dict[str, dict[str, object]] = {
    "CreateBody": {"name": "n", "tags": [], "mount": "m"},
    "AwsBody": {"bucket": "b"},
    "GcpBody": {"bucket": "b"},
    "ComputationBody": {"id": "r"},
    "WorkstationBody": {"id": "s", "path": "p"},
    "TransferBody": {"target": {}},
    "AttachBody": {"id": "a"},
    "NamedParameter": {"param_name": "p", "value": "v"},
    "RunAsset": {"id": "a"},
    "Filter": {"key": "k"},
    "UserRole": {"email": "e", "role": "owner"},
    "GroupRole": {"group": "g", "role": "viewer"},
}
BODIES = sorted(
    {
        kind
        for module in (
            create_body,
            routes_attachments,
            routes_capsules,
            routes_computations,
            transfer,
            demo_search,
            routes_assets,
            routes_files,
            routes_permissions,
            routes_search,
        )
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and (kind.__name__.endswith(("Body", "Role", "Filter")) or kind.__name__ in REQUIRED)
    }
    | {demo_search.Range, create_body.ResultsInfo, create_body.RunParameter},
    key=lambda kind: kind.__name__,
)


def test_all_bodies_are_looked_at() -> None:
    names = {kind.__name__ for kind in BODIES}
    assert names >= {
        *("AwsBody", "CreateBody", "SourceBody", "UpdateBody", "SearchBody", "PermissionsBody"),
        *("AttachBody", "CapsuleSearchBody", "RunBody", "TransferBody", "WorkstationBody"),
        *("FolderBody", "Filter", "Range", "UserRole", "GroupRole", "ResultsInfo"),
    }


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_null_is_taken_for_left_out(kind: type[msgspec.Struct]) -> None:
    required = REQUIRED.get(kind.__name__, {})
    fields = msgspec.structs.fields(kind)
    assert {field.name for field in fields if field.required} == required.keys()
    optional = [field.name for field in fields if not field.required]
    plain = decode_body(json.dumps(required).encode(), kind)
    for names in ([], *([name] for name in optional), optional):
        body = json.dumps({**required, **dict.fromkeys(names), "unknown": None}).encode()
        assert decode_body(body, kind) == plain


TRUE, FALSE = ("true", "True", "TRUE", True), ("false", "False", False)


@pytest.mark.parametrize("told", [*TRUE, *FALSE], ids=repr)
def test_booleans_may_be_text(told: object) -> None:
    wanted = told in TRUE
    share = decode_body(
        json.dumps({"share_assets": told}).encode(), routes_permissions.PermissionsBody
    )
    search = decode_body(
        json.dumps({"favorite": told, "archived": told}).encode(), routes_search.SearchBody
    )
    aws = decode_body(
        json.dumps({"bucket": "b", "public": told, "index_data": told}).encode(),
        create_body.AwsBody,
    )
    one = decode_body(json.dumps({"key": "k", "exclude": told}).encode(), demo_search.Filter)
    found = {
        *(share.share_assets, search.favorite, search.archived),
        *(aws.public, aws.index_data, one.exclude),
    }
    assert found == {wanted}
