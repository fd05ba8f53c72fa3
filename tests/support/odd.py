"""Asset objects as platforms send them: today's, an old one's, and odd ones."""

from __future__ import annotations

from pathlib import Path

import msgspec

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


ODD: list[dict[str, object]] = [
    {**CURRENT},
    {**LEGACY},
    {"description": None, "tags": None, "mount": None, "custom_metadata": None},
    {"description": "", "tags": [], "mount": "", "custom_metadata": {}},
    {"last_used": None, "created": None, "size": None, "provenance": None},
    {"last_used": 0, "created": 1.5, "size": -1, "files": 2**70},
    {"created": "1680545827", "size": "12", "sizeInBytes": "13", "lastUsed": 7},
    {"size": 10**40, "last_used": -1, "created": -(10**40)},
    {"tags": "one text", "contained_data_assets": "x", "source_bucket": "y"},
    {"tags": ["b", "a", "b", 7, None, ["c"]]},
    {"custom_metadata": {"yes": True, "list": [1, 2.50, None], "in": {"a": [{}]}, "no": None}},
    {"custom_metadata": {"": "", "nul\0": "\0", "big": 10**30, "age": -5, "data level": "zzz"}},
    {"provenance": {"docker_image": "", "commit": None, "pipeline": "p", "data_assets": []}},
    {"provenance": {"data_assets": [{"id": "x", "mount": "m"}, {"id": None}]}},
    {"source_bucket": {"bucket": "", "endpoint_name": "e", "region": None, "external": "true"}},
    {"contained_data_assets": [{"id": "x", "name": "n"}, {"size": None}, 7]},
    {"type": "DATA_ASSET_TYPE_NEW", "state": "archived", "failureReason": ""},
    {"type": None, "state": 7, "failure_reason": None, "owner": 5, "owner_email": None},
    {"app_parameters": [{"name": "a", "value": None}], "nextflow_profile": "", "new": [1, {}]},
    {"name": "\0 \u202e \x1b[31m \u2028 é e\u0301 😀", "description": "a\r\nb\tc"},
]
"""What an object may be, besides its id and name."""


def write_export(path: Path) -> list[bytes]:
    """Write an object a line and return them."""
    lines = [
        msgspec.json.encode({"name": f"odd {number}", **odd, "id": f"odd-{number}"})
        for number, odd in enumerate(ODD)
    ]
    # What an encoder would write in another way, and a key that stands twice.
    lines.append(b'{"name":"n","size":1.50e3,"a":"\\u00e9\\/","tags":[ "x" ],"id":"spelled"}')
    path.write_bytes(b"\n".join(lines))
    return lines
