"""Other people's clients judge the embedded platform: old official SDKs, and the MCP server.

They are installed as they are on PyPI, each with what it needs; none of our code is with them.
`test_sdk_judge` has today's SDK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coexplorer.demo.asset import Role
from coexplorer.demo.hooks import CREATION
from coexplorer.demo.server import DemoServer
from tests.support.judges import ToolError, ToolServer, install_judge, run_judge, running_tools
from tests.support.server import (
    COMBINED,
    DERIVED,
    FINISHED,
    MY_CAPSULE,
    OUTSIDE,
    RAW,
    SESSION,
    VIEWED,
    few_assets,
    running_server,
)

SCRIPT = Path(__file__).parent.parent / "support" / "sdk_script.py"
MCP_SERVER = "codeocean-mcp-server==0.13.1"
NAMES = {asset.id: asset.name for asset in few_assets("me", "colleague")}
LATER = {COMBINED}
OF_COMPUTATIONS = {
    *("attach_data_assets", "detach_data_assets", "get_result_file_urls", "wait_until_completed"),
}
"""Tools of the MCP server that are about capsules and their runs: see below."""

RESULTS = ["figures", "units", "output", "processing.json", "summary.md"]

EARLY_CALLS = [
    *("archive_data_asset", "create_data_asset", "delete_data_asset", "get_data_asset"),
    *("search_data_assets", "update_metadata", "update_permissions", "wait_until_ready"),
]
FILE_CALLS = [
    *("get_data_asset_file_download_url", "list_data_asset_files"),
    *("search_data_assets_iterator", "transfer_data_asset"),
]


def name_all(*ids: str) -> list[str]:
    return sorted(NAMES[each] for each in ids)


@pytest.mark.parametrize(
    ("version", "platform", "calls"),
    [
        ("0.1.0", (3, 0), EARLY_CALLS),
        ("0.2.0", (3, 0), EARLY_CALLS),
        ("0.5.0", (3, 1), [*EARLY_CALLS, *FILE_CALLS]),
        ("0.9.1", (3, 6), [*EARLY_CALLS, *FILE_CALLS]),
        ("0.12.0", (4, 0), [*EARLY_CALLS, *FILE_CALLS, "get_data_asset_file_urls"]),
        (
            "0.17.0",
            (4, 8),
            [*EARLY_CALLS, *FILE_CALLS, "get_data_asset_file_urls", "get_permissions"],
        ),
    ],
)
def test_official_sdk_of_each_time_is_content(
    tmp_path: Path, version: str, platform: tuple[int, int], calls: list[str]
) -> None:
    """Each asks the oldest platform that its release names, but for 0.17 today's."""
    dialect = "3.0" if platform < (3, 1) else "current"
    python = install_judge(f"codeocean=={version}")
    with running_server(tmp_path / "data", dialect, version=platform) as server:
        folder = server.make_bucket("open") / "one"
        folder.mkdir()
        (folder / "a.csv").write_text("1,2\n")
        places = (MY_CAPSULE, FINISHED, SESSION, RAW, VIEWED)
        told = run_judge(python, SCRIPT, server, RAW, OUTSIDE, *places)
        shared = server.store.get(RAW)
        requests = server.requests("POST", "*/permissions")
    assert told.pop("calls") == sorted(calls)
    check_workplaces(told, version)
    check_creates(told, version, dialect)
    present = [each for each in NAMES if each not in LATER or dialect == "current"]
    living = [each for each in present if NAMES[each] != "behavior_2019"]
    assert sorted(told.pop("names")) == name_all(*living)
    assert told.pop("sorted") == sorted(name_all(*living), key=str.casefold, reverse=True)
    assert told.pop("archived") == ["behavior_2019"]
    assert told.pop("favorite") == told.pop("range") == name_all(RAW)
    assert told.pop("query") == name_all(DERIVED)
    assert told.pop("results") == [*name_all(DERIVED), *RESULTS]
    assert told.pop("external") == name_all(OUTSIDE)
    assert told.pop("filters") == name_all(RAW)
    assert told.pop("ownership shared") == ["RNA-seq reference", "Zebrafish atlas"]
    assert "Zebrafish atlas" not in told.pop("ownership created")
    assert NAMES[DERIVED] not in told.pop("ownership private")
    assert told.pop("got") == [NAMES[RAW], "dataset", "ready", 1_234_567_890_123, 1_700_000_000]
    assert told.pop("updated") == ["n", "", [], {"age": 3}]
    assert told.pop("metadata stay") == {"age": 3}
    assert told.pop("outside the schema") == 400
    assert told.pop("deleted at once") == 403
    assert told.pop("now archived") == ["behavior_2019", "n"]
    # The SDK sends null for what is not set: each of the three changed its own list alone.
    assert [request.status for request in requests] == [204, 204, 204]
    assert shared.roles == {"jonas.lind@example.org": Role.OWNER}
    assert (shared.groups, shared.everyone) == ({"Imaging": Role.DISCOVERABLE}, "discoverable")
    if dialect == "current":
        assert told.pop("walked") == name_all(*present)
        assert told.pop("files") == [1, True]
    if "get_permissions" in calls:
        maya, jonas, _ = (user.email for user in server.users)
        users = [[maya, "owner"], [jonas, "owner"]]
        assert told.pop("permissions") == [users, [["Imaging", "discoverable"]], "discoverable"]
    if platform >= (4, 0):
        assert told.pop("schema") == 8
    assert told == {}


def check_creates(told: dict[str, Any], version: str, dialect: str) -> None:
    assert told.pop("copy") == ["ready", 1, 4, "one"]
    assert told.pop("external asset") == ["dataset" if version == "0.1.0" else "result", "one"]
    assert told.pop("failed") == "failed"
    assert told.pop("from a run") == 400
    assert told.pop("gone") == 404
    if dialect == "current":
        assert told.pop("combined") == ["combined", 2]
        assert told.pop("transfer") == 403


def check_workplaces(told: dict[str, Any], version: str) -> None:
    assert told.pop("capsule") == "Spike sorting"
    assert told.pop("runs") == ["Cloud workstation", "Run 40", "Run 41", "Run 42", "Run 43"]
    assert told.pop("run") == "completed"
    each_time = [[RAW, "unchanged"], [VIEWED, "mounted"]]
    times = {"0.1.0": 0, "0.17.0": 2}.get(version, 1)
    assert told.pop("attached") == each_time * times
    assert told.pop("captured") == ["ready", "result", True]
    used = told.pop("used by", None)
    assert used == (["Viewed", "Spike sorting"] if used else None)


@pytest.fixture
def tools(server: DemoServer) -> Iterator[ToolServer]:
    python = install_judge(MCP_SERVER)
    with running_tools(python, "codeocean_mcp_server.server", server) as running:
        yield running


def test_every_tool_of_the_mcp_server_for_data_assets_is_judged_here(tools: ToolServer) -> None:
    told = {tool["name"] for tool in tools.ask("tools/list")["tools"]}
    judged = set(re.findall(r"""tools\.call\(\s*"(\w+)""", Path(__file__).read_text("utf-8")))
    others = {name for name in told if re.search("capsule|pipeline|computation|release", name)}
    assert told == judged | others | OF_COMPUTATIONS
    assert not judged & others


def test_tools_find_assets_page_by_page(tools: ToolServer) -> None:
    whole = {"query": "tag:raw", "archived": False, "sort_field": "name", "sort_order": "asc"}
    page = tools.call("search_data_assets", search_params=whole, include_field_names=True)
    assert [item["n"] for item in page["items"]] == [NAMES[RAW]]
    assert page["field_names"]["n"] == "name"
    ids, token = list[str](), None
    while True:
        page = tools.call("search_data_assets", search_params={"limit": 4, "next_token": token})
        ids += [item["id"] for item in page["items"]]
        token = page["next_token"]
        if not page["has_more"]:
            break
    assert (len(ids), set(ids)) == (len(NAMES), set(NAMES))
    old = {"key": "age", "range": {"min": 60, "max": 70}}
    others = {"key": "tags", "values": ["sorted"], "exclude": True}
    page = tools.call("search_data_assets", search_params={"filters": [old, others]})
    assert [item["id"] for item in page["items"]] == [RAW]
    # Its own fault: the platform takes a range with one end.
    half = {"key": "age", "range": {"min": 60, "max": None}}
    with pytest.raises(ToolError, match="validation error"):
        tools.call("search_data_assets", search_params={"filters": [half]})
    with pytest.raises(ToolError, match="400"):
        tools.call("search_data_assets", search_params={"limit": 5_000})


def test_tools_read_an_asset_its_files_and_the_schema(tools: ToolServer) -> None:
    for asset_id, name in NAMES.items():
        asset = tools.call("get_data_asset", data_asset_id=asset_id)
        assert (asset["id"], asset["name"]) == (asset_id, name)
    with pytest.raises(ToolError, match="404"):
        tools.call("get_data_asset", data_asset_id="no-such-id")
    items = tools.call("list_data_asset_files", data_asset_id=RAW, path="")["items"]
    path = next(item["path"] for item in items if item["name"].endswith((".json", ".csv", ".md")))
    where = {"data_asset_id": RAW, "file_path": path}
    urls = tools.call("get_data_asset_file_urls", **where)
    content = httpx.get(urls["download_url"])
    assert content.status_code == 200
    text = tools.call("download_and_read_a_file_from_data_asset", **where)
    assert text == {"result": content.text}
    schema = tools.call("get_custom_metadata")
    assert {field["type"] for field in schema["fields"]} == {"string", "number", "date"}
    assert {"Subject", "Session", "Project"} <= set(schema["categories"])


def test_tools_change_metadata_within_the_schema(server: DemoServer, tools: ToolServer) -> None:
    before = server.store.get(RAW)
    change = {"description": "New.", "custom_metadata": {"age": 62, "data level": "raw"}}
    asset = tools.call("update_metadata", data_asset_id=RAW, update_params=change)
    assert (asset["description"], asset["custom_metadata"]) == tuple(change.values())
    after = server.store.get(RAW)
    assert (after.name, after.mount, after.tags) == (before.name, before.mount, before.tags)
    wrong = {"custom_metadata": {"age": -1}}
    with pytest.raises(ToolError, match="'age' must be 0 or more"):
        tools.call("update_metadata", data_asset_id=RAW, update_params=wrong)
    with pytest.raises(ToolError, match="403"):
        tools.call("update_metadata", data_asset_id=VIEWED, update_params={"name": "n"})
    assert server.store.get(RAW) == after


def test_tools_create_and_wait(server: DemoServer, tools: ToolServer) -> None:
    (server.make_bucket("open") / "a.csv").write_text("1,2\n")
    params = {
        "name": "made",
        "tags": ["new"],
        "mount": "made",
        "source": {"aws": {"bucket": "open", "public": True}},
        "custom_metadata": {"subject id": "7"},
    }
    with server.hooks.after(CREATION) as outcome:
        draft = tools.call("create_data_asset", data_asset_params=params)
        outcome.wait()
    assert draft["state"] == "draft"
    ready = tools.call("wait_until_ready", data_asset=draft, polling_interval=5, timeout=60)
    assert (ready["state"], ready["files"], ready["custom_metadata"]) == (
        *("ready", 1),
        {"subject id": "7"},
    )
    wrong = {**params, "custom_metadata": {"data level": "zzz"}}
    with pytest.raises(ToolError, match="'data level' must be one of raw, derived"):
        tools.call("create_data_asset", data_asset_params=wrong)


def test_tool_for_permissions_is_answered_but_fails_in_itself(
    server: DemoServer, tools: ToolServer
) -> None:
    """A fault of 0.13.1: its own check of what it returns does not take what the SDK has read."""
    with pytest.raises(ToolError) as raised:
        tools.call("get_data_asset_permissions", data_asset_id=DERIVED)
    assert [one.status for one in server.requests("GET", "*/permissions")] == [200]
    assert "Error executing tool get_data_asset_permissions" in str(raised.value)
    assert "validation error" in str(raised.value)
    with pytest.raises(ToolError, match="404"):
        tools.call("get_data_asset_permissions", data_asset_id="no-such-id")


def test_tools_attach_list_and_detach(server: DemoServer, tools: ToolServer) -> None:
    wanted = [{"id": RAW}, {"id": VIEWED, "mount": "more"}]
    told = tools.call("attach_data_assets", capsule_id=MY_CAPSULE, attach_params=wanted)
    states = {each["id"]: each["mount_state"] for each in told["result"]}
    assert states == {RAW: "unchanged", VIEWED: "mounted"}
    tools.call("detach_data_assets", capsule_id=MY_CAPSULE, data_assets=[RAW])
    capsule = server.store.workshop.find_capsule(MY_CAPSULE)
    assert capsule is not None
    assert [each.id for each in capsule.attached] == [VIEWED]
