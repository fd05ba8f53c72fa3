"""Captured and combined assets: checked before, asked for once, shared at once, never twice."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from coexplorer.computations import NewRun, Workplace, WorkplaceKind
from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.errors import (
    AmbiguousAsset,
    ApiError,
    CoexplorerError,
    Forbidden,
    InvalidField,
    NotFound,
    PlatformTooOld,
    Refused,
)
from coexplorer.library import Library, open_library
from coexplorer.library.capture import CaptureChecks
from coexplorer.library.entries import State
from coexplorer.library.results import EditResult
from coexplorer.models import (
    AssetId,
    AssetSource,
    AwsSource,
    CombinedSource,
    ComputationSource,
    GcpSource,
    NewAsset,
    ResultsInfo,
    S3Target,
    Secret,
    WorkstationSource,
)
from coexplorer.sharing.changes import SharingChange
from tests.library.conftest import OpenSession, build_settings
from tests.support.server import (
    EMPTY_RUN,
    FAILED_RUN,
    FINISHED,
    MY_CAPSULE,
    OUTSIDE,
    RAW,
    RUNNING,
    SESSION,
    THEIR_RUN,
    running_server,
)

EVERYONE = SharingChange({"everyone": "viewer"})
HUSH = "hush-of-google"


def new_asset(source: AssetSource, name: str = "Captured") -> NewAsset:
    return NewAsset(name=name, mount="captured", tags=("new",), source=source)


def count_made(server: DemoServer, name: str = "Captured") -> int:
    return sum(asset.name == name for asset in server.store.assets())


def results(path: str = "") -> AssetSource:
    return ComputationSource(FINISHED, path)


@pytest.mark.parametrize("path", ["", "FOLDER", "FILE"])
async def test_results_are_captured_and_shared(
    library: Library, server: DemoServer, path: str
) -> None:
    top = await (await library.files._context.client()).workplaces.list_results(FINISHED)
    names = {
        "": "",
        "FOLDER": next(f"/{each.path}/" for each in top.entries if each.is_folder),
        "FILE": next(each.path for each in top.entries if not each.is_folder),
    }
    told: list[EditResult] = []
    record = await library.creation.create(
        new_asset(results(names[path])), sharing=EVERYONE, shared=told.append
    )
    ready = await library.creation.wait_ready(record.asset.id)
    assert ready.asset.state == "ready"
    stored = server.store.get(record.asset.id)
    assert (stored.type, stored.everyone) == ("result", "viewer")
    assert [each.state for each in told] == [State.APPLIED]
    made, shared = await library.log.entries()
    if made.action == "share":
        made, shared = shared, made
    assert {made.asset_id, shared.asset_id} == {record.asset.id}
    assert made.batch_id == shared.batch_id
    await library.changes.undo()
    assert server.store.get(record.asset.id).everyone == "none"


BAD: dict[str, tuple[AssetSource, type[CoexplorerError], str]] = {
    "failed": (ComputationSource(FAILED_RUN), Refused, "no results"),
    "running": (ComputationSource(RUNNING), Refused, "has no results yet: it is running"),
    "empty": (ComputationSource(EMPTY_RUN), Refused, "has no results"),
    "session": (ComputationSource(SESSION), Refused, "is a cloud workstation"),
    "unknown": (ComputationSource("no-such-run"), NotFound, "there is no run"),
    "odd id": (ComputationSource("../x"), InvalidField, "can't be the id"),
    "no path": (results("no/such"), NotFound, "there is no 'no/such'"),
    "out": (results("a/../.."), InvalidField, "a folder of the results"),
    "no session": (WorkstationSource(FINISHED, "figures"), Refused, "is no cloud workstation"),
    "no folder": (WorkstationSource(SESSION, " "), InvalidField, "which folder"),
    "one part": (CombinedSource((AssetId(OUTSIDE),) * 2), InvalidField, "two different"),
    "inside": (CombinedSource((AssetId(OUTSIDE), AssetId(RAW))), Refused, "it is not external"),
    "no bucket": (AwsSource(""), InvalidField, "a bucket is needed"),
    "one key": (GcpSource("b", client_id=Secret("x")), InvalidField, "belong together"),
}


@pytest.mark.parametrize("what", BAD)
async def test_what_can_not_become_an_asset_is_not_asked_for(
    library: Library, server: DemoServer, what: str
) -> None:
    source, error, told = BAD[what]
    with pytest.raises(error) as caught:
        await library.creation.create(new_asset(source))
    assert told.lower() in caught.value.message.lower()
    assert server.requests("POST", "*/data_assets") == []
    assert await library.log.entries() == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": S3Target("b")}, "a target is for results"),
        ({"results_info": ResultsInfo()}, "either a capsule or a pipeline"),
        ({"source": results(), "target": S3Target(" ")}, "a target needs a bucket"),
        ({"source": results(), "results_info": ResultsInfo(capsule_id="c")}, "files in S3 alone"),
    ],
)
async def test_what_does_not_go_together_is_not_asked_for(
    library: Library, server: DemoServer, changes: dict[str, object], told: str
) -> None:
    new = msgspec.structs.replace(new_asset(AwsSource("b")), **changes)
    with pytest.raises(InvalidField, match=told):
        await library.creation.create(new)
    assert server.requests("POST", "*/data_assets") == []


async def test_a_failed_run_is_captured_where_its_user_says_so(
    library: Library, server: DemoServer
) -> None:
    finished = server.store.workshop.find_computation(FINISHED)
    assert finished is not None
    server.store.workshop.update_computation(FAILED_RUN, tree=finished.tree)
    new = new_asset(ComputationSource(FAILED_RUN))
    with pytest.raises(Refused, match="ended as failed with exit code 1") as caught:
        await library.creation.create(new)
    assert "--failed-too" in caught.value.hint
    await library.creation.create(new, failed_too=True)
    assert count_made(server) == 1


async def test_a_run_of_somebody_else_is_up_to_the_platform(
    library: Library, server: DemoServer
) -> None:
    with pytest.raises(Forbidden) as caught:
        await library.creation.create(new_asset(ComputationSource(THEIR_RUN)), sharing=EVERYONE)
    assert "who started a run, an owner of its capsule" in caught.value.hint
    made, shared = sorted(await library.log.entries(), key=lambda entry: entry.id)
    assert (made.state, shared.state) == (State.REFUSED, State.SKIPPED)
    assert shared.reason == "its asset was not made"
    assert count_made(server) == 0


@pytest.mark.parametrize(
    ("version", "source", "since"),
    [
        ((4, 0), WorkstationSource(SESSION, "figures"), "4.2"),
        ((3, 0), WorkstationSource(SESSION, "/nothere"), "4.2"),
        ((3, 0), CombinedSource((AssetId(OUTSIDE), AssetId("outside-2"))), "3.1"),
        ((4, 0), AwsSource("lab", endpoint_name="store"), "4.1"),
    ],
)
async def test_a_platform_that_is_too_old_is_named(
    tmp_path: Path, version: tuple[int, ...], source: AssetSource, since: str
) -> None:
    with running_server(tmp_path / "server", "current", version=version) as server:
        other = msgspec.structs.replace(server.store.get(OUTSIDE), id="outside-2")
        server.store.insert([other])
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            with pytest.raises(PlatformTooOld, match=f"version {since}"):
                await library.creation.create(new_asset(source))
            assert await library.log.entries() == []
        assert server.requests("POST", "*/data_assets") == []


async def test_the_oldest_platforms_are_not_asked(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", "legacy") as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            with pytest.raises(PlatformTooOld, match=r"version 2\.18"):
                await library.creation.create(new_asset(results()))
        assert server.requests("POST", "*/data_assets") == []


async def test_a_folder_of_this_workstation_is_named_as_it_is(
    library: Library, tmp_path: Path
) -> None:
    context = library.files._context
    checks = CaptureChecks(context, here=SESSION, root=tmp_path)
    folder = tmp_path / "scratch" / "figures"
    with pytest.raises(NotFound, match="on this workstation"):
        await checks.check(new_asset(WorkstationSource(SESSION, str(folder))))
    folder.mkdir(parents=True)
    with pytest.raises(Refused, match="holds no files"):
        await checks.check(new_asset(WorkstationSource(SESSION, str(folder))))
    for odd in ("/", "/proc/self", "/dev", "/root/../sys"):
        with pytest.raises(Refused, match="the machine's own"):
            await checks.check(new_asset(WorkstationSource(SESSION, odd)))
    (folder / "a.txt").write_text("a")
    winding = f"{tmp_path}/scratch/../scratch/figures/"
    new = await checks.check(new_asset(WorkstationSource(SESSION, winding)))
    assert new.source == WorkstationSource(SESSION, str(folder.resolve()))


@pytest.mark.parametrize(
    ("here", "path", "told"),
    [
        (SESSION, "{}", "/data/one and 1 more"),
        (SESSION, "{}/data/two", "/data/two: to leave"),
        (SESSION, "{}/scratch", ""),
        ("", "/root/capsule", "/root/capsule/data: to leave"),
        ("", "/root/capsule/scratch", ""),
    ],
)
async def test_it_is_told_when_what_is_attached_is_captured_too(
    library: Library, tmp_path: Path, here: str, path: str, told: str
) -> None:
    for each in ("data/one", "data/two", "scratch"):
        (tmp_path / each).mkdir(parents=True)
        (tmp_path / each / "a.txt").write_text("a")
    context, heard = library.files._context, list[str]()
    context.tell = heard.append
    checks = CaptureChecks(context, here=here, root=tmp_path)
    await checks.check(new_asset(WorkstationSource(SESSION, path.format(tmp_path))))
    found = [each for each in heard if "attached assets are captured" in each]
    assert len(found) == bool(told)
    assert told in "".join(found)


async def test_the_beginning_of_the_id_of_a_run_is_enough(
    library: Library, server: DemoServer
) -> None:
    run = server.store.workshop.find_computation(FINISHED)
    assert run is not None
    ids = ["c667b0a8-1378-4e13-bd38-f38ea99343b6", "c667b0a9-1378-4e13-bd38-f38ea99343b6"]
    server.store.workshop.insert([], [msgspec.structs.replace(run, id=each) for each in ids])
    assert await library.runs.resolve(" C667b0a8 ") == ids[0]
    for whole in (ids[1], FINISHED, "c667b"):
        assert await library.runs.resolve(whole) == whole
    with pytest.raises(AmbiguousAsset, match="several runs"):
        await library.runs.resolve("c667b0a")
    with pytest.raises(NotFound, match="begins with 'abcdef'"):
        await library.runs.resolve("abcdef")


async def test_combined_workstation_and_result_assets_arrive(
    library: Library, server: DemoServer
) -> None:
    other = msgspec.structs.replace(server.store.get(OUTSIDE), id="outside-2", mount="second")
    server.store.insert([other])
    (server.make_bucket("lab", keys=("id-1", HUSH)) / "a.txt").write_text("a")
    server.make_bucket("out")
    finished = server.store.workshop.find_computation(FINISHED)
    assert finished is not None
    server.store.workshop.update_computation(SESSION, tree=finished.tree)
    parts = (AssetId(OUTSIDE), AssetId("outside-2"))
    combined = await library.creation.create(new_asset(CombinedSource(parts)))
    assert combined.asset.type == "combined"
    google = GcpSource("lab", client_id=Secret("id-1"), client_secret=Secret(HUSH))
    await library.creation.create(new_asset(google))
    made = new_asset(AwsSource("lab"))
    info = ResultsInfo(capsule_id=MY_CAPSULE, commit="abc1234", parameters={"n": "1"})
    record = await library.creation.create(msgspec.structs.replace(made, results_info=info))
    provenance = server.store.get(record.asset.id).provenance
    assert provenance is not None
    assert (provenance.capsule, provenance.commit) == (MY_CAPSULE, "abc1234")
    out = msgspec.structs.replace(new_asset(results()), target=S3Target("out", "here"))
    record = await library.creation.create(out)
    ready = await library.creation.wait_ready(record.asset.id)
    assert ready.asset.source is not None
    assert (ready.asset.source.bucket, ready.asset.source.external) == ("out", True)
    folder = library.settings.journal_path.parent
    for path in (each for each in folder.rglob("*") if each.is_file()):
        assert HUSH.encode() not in path.read_bytes()


async def test_a_lost_reply_is_found_by_what_it_is_made_of(
    library: Library, server: DemoServer
) -> None:
    me = server.users[0].email
    twin = msgspec.structs.replace(
        server.store.get(RAW), id="twin", name="Captured", mount="captured", tags=("new",), owner=me
    )
    server.faults.add("lost", "POST", "data_assets", times=1)
    server.store.insert([twin])
    record = await library.creation.create(new_asset(results()), sharing=EVERYONE)
    stored = server.store.get(record.asset.id)
    assert stored.provenance is not None
    assert (stored.provenance.computation, stored.everyone) == (FINISHED, "viewer")
    assert len(server.requests("POST", "*/data_assets")) == 1


async def test_a_sharing_that_failed_goes_on_later(library: Library, server: DemoServer) -> None:
    rule = server.faults.add(400, "POST", "data_assets/*/permissions")
    told: list[EditResult] = []
    record = await library.creation.create(
        new_asset(results()), sharing=EVERYONE, shared=told.append
    )
    (first,) = told
    assert first.error is not None
    assert server.store.get(record.asset.id).everyone == "none"
    server.faults.remove(rule)
    second = await library.creation.share_again(first)
    assert second.state is State.APPLIED
    assert server.store.get(record.asset.id).everyone == "viewer"
    assert await library.creation.share_again(second) == second


PROGRAM = """
import os, signal, sys
from pathlib import Path
import anyio
from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.library import open_library
from coexplorer.library.journal import Journal
from coexplorer.models import ComputationSource, NewAsset, Secret
from coexplorer.sharing.changes import SharingChange

url, token, catalog, journal, run, method, nth = sys.argv[1:]
folder = Path(catalog).parent
settings = Settings(
    profile="test", base_url=url, domain="127.0.0.1",
    token_source=GivenToken("test", Secret(token)),
    catalog_path=Path(catalog), journal_path=Path(journal),
    paths=Paths(folder, folder, folder), mount_folder=folder,
)
usual, left = getattr(Journal, method), [int(nth)]

def die(*args, **kwargs):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return usual(*args, **kwargs)

setattr(Journal, method, die)

async def main():
    async with open_library(settings, origin="cli") as library:
        new = NewAsset(
            name="Captured", mount="captured", tags=("new",), source=ComputationSource(run)
        )
        await library.creation.create(new, sharing=SharingChange({"everyone": "viewer"}))

anyio.run(main)
"""


@pytest.mark.parametrize(
    ("method", "nth", "states"),
    [
        ("begin", 1, []),
        ("intend", 1, [State.REFUSED, State.SKIPPED]),
        ("settle", 1, [State.UNKNOWN, State.UNSENT]),
        ("intend", 2, [State.APPLIED, State.UNSENT]),
        ("settle", 2, [State.APPLIED, State.UNKNOWN]),
    ],
)
async def test_killed_at_each_step_of_a_capture(
    open_session: OpenSession,
    server: DemoServer,
    settings: Settings,
    method: str,
    nth: int,
    states: list[State],
) -> None:
    token = server.users[0].token
    places = [settings.catalog_path, settings.journal_path]
    arguments = [server.url, token, *map(str, places), FINISHED, method, str(nth)]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=False)  # noqa: ASYNC221
    assert done.returncode == -signal.SIGKILL
    async with open_session() as library:
        entries = sorted(await library.log.entries(), key=lambda entry: entry.id)
        assert [entry.state for entry in entries] == states
        made = count_made(server)
        assert made == (0 if states[:1] in ([], [State.REFUSED]) else 1)
        if not entries:
            return
        await library.changes.resume(entries[0].batch_id, refused=True)
        entries = sorted(await library.log.entries(), key=lambda entry: entry.id)
        assert count_made(server) == made
        if not made:
            assert [entry.state for entry in entries] == states
            return
        assert {entry.state for entry in entries} == {State.APPLIED}
        (asset,) = (each for each in server.store.assets() if each.name == "Captured")
        assert {entry.asset_id for entry in entries} == {asset.id}
        assert asset.everyone == "viewer"


async def test_the_sharing_alone_can_be_sent_again(
    open_session: OpenSession, server: DemoServer, settings: Settings
) -> None:
    token = server.users[0].token
    places = [settings.catalog_path, settings.journal_path]
    arguments = [server.url, token, *map(str, places), FINISHED, "settle", "1"]
    subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=False)  # noqa: ASYNC221
    async with open_session() as library:
        (shared,) = (each for each in await library.log.entries() if each.action == "share")
        result = await library.changes.retry(shared.id)
        assert result.state is State.APPLIED
        assert server.store.get(result.asset_id).everyone == "viewer"


async def test_a_run_is_started_once_and_watched_to_its_end(
    library: Library, server: DemoServer
) -> None:
    new = NewRun(workplace=Workplace(WorkplaceKind.CAPSULE, MY_CAPSULE))
    server.faults.add("lost", "POST", "computations", times=1)
    run = await library.runs.start(new)
    assert len(server.requests("POST", "*/computations")) == 1
    over = await library.runs.wait_over(run.id)
    assert over.succeeded
    newest, *_ = await library.runs.newest(new.workplace)
    assert newest.id == run.id
    sizes = await library.runs.measure_all(await library.runs.newest(new.workplace))
    size = sizes[run.id]
    assert size is not None
    assert size.complete
    assert size.size_bytes > 0
    assert sizes[EMPTY_RUN] is None


async def test_a_run_of_unknown_outcome_is_not_started_again(
    library: Library, server: DemoServer
) -> None:
    new = NewRun(workplace=Workplace(WorkplaceKind.CAPSULE, MY_CAPSULE))
    server.faults.add(504, "POST", "computations")
    with pytest.raises(ApiError) as caught:
        await library.runs.start(new)
    assert caught.value.outcome_unknown
    assert f"coexplorer runs {MY_CAPSULE}" in caught.value.hint
