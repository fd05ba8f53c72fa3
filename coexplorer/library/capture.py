"""What a new asset is made from, checked before anybody is asked for it.

A request that can't succeed costs minutes: the platform takes it, and the draft fails later. So
what can be known before is looked at: the run, its results, the workstation, the parts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from coexplorer.computations import Computation, ComputationState
from coexplorer.errors import (
    ApiError,
    Forbidden,
    InvalidField,
    NotFound,
    PlatformTooOld,
    Refused,
    Rejected,
    tell_too_old,
)
from coexplorer.library.context import Context
from coexplorer.library.workplaces import CAPSULE_ROOT
from coexplorer.models import (
    Asset,
    AssetSource,
    AssetState,
    AwsSource,
    CombinedSource,
    ComputationSource,
    Dialect,
    GcpSource,
    NewAsset,
    WorkstationSource,
    is_asset_id,
)
from coexplorer.text import plural

_OF_THE_KERNEL: Final = ("/proc", "/sys", "/dev")
_DATA: Final = "data"
"""The folder of a capsule where what is attached to it appears."""
_FEWEST_PARTS: Final = 2
_NAMED: Final = 5
_SINCE: Final[Mapping[type[AssetSource], str]] = {
    ComputationSource: "2.18",
    GcpSource: "2.18",
    CombinedSource: "3.1",
    WorkstationSource: "4.2",
}
_WHO_MAY: Final[Mapping[type[AssetSource], str]] = {
    ComputationSource: "only who started a run, an owner of its capsule and administrators can"
    " capture it; if you are one of them, your token lacks a right",
    WorkstationSource: "only who started a workstation and administrators can capture its folders;"
    " if you are one of them, your token lacks a right",
}
_SINCE_ENDPOINTS: Final = "4.1"
_OLDEST: Final = "2.18"
"""The first version of today's dialect."""


def find_since(new: NewAsset) -> str:
    """Return the version of the platform that can make such an asset; empty: all can (pure)."""
    source = new.source
    if isinstance(source, WorkstationSource):
        return _SINCE[WorkstationSource]
    own = isinstance(source, AwsSource) and (source.endpoint_name or source.use_input_bucket)
    if own or (new.target is not None and new.target.endpoint_name):
        return _SINCE_ENDPOINTS
    return _SINCE.get(type(source), "2.18" if new.results_info or new.target else "")


def check_shape(new: NewAsset) -> None:
    """Check what needs no look at the platform (pure).

    Raises:
        InvalidField: Something is missing, or does not go with the rest.
    """
    _check_beside(new)
    match new.source:
        case AwsSource() | GcpSource():
            _check_bucket(new.source)
        case CombinedSource(ids=ids):
            if len(set(ids)) < _FEWEST_PARTS:
                raise InvalidField(
                    "combine", "combining takes two different assets or more: name another one"
                )
        case ComputationSource(id=run, path=path):
            _check_id("run", run)
            if ".." in path.split("/") or not path.isprintable():
                raise InvalidField("path", f"a folder of the results, not {path!r}")
        case WorkstationSource(id=run, path=path):
            _check_id("workstation", run)
            _check_folder(path)


def _check_beside(new: NewAsset) -> None:
    """Check what goes with a source."""
    source, target, info = new.source, new.target, new.results_info
    if target is not None and not isinstance(source, ComputationSource | WorkstationSource):
        raise InvalidField("target", "a target is for results of a run or a workstation alone")
    if target is not None and not target.bucket.strip():
        raise InvalidField("target", "a target needs a bucket")
    if info is not None and not isinstance(source, AwsSource):
        raise InvalidField("results", "what made the files is said of files in S3 alone")
    if info is not None and bool(info.capsule_id) is bool(info.pipeline_id):
        raise InvalidField("results", "either a capsule or a pipeline has made them")


def _check_bucket(source: AwsSource | GcpSource) -> None:
    own = isinstance(source, AwsSource) and source.use_input_bucket
    if not source.bucket.strip() and not own:
        raise InvalidField("bucket", "where are the files? A bucket is needed")
    keys = (
        (source.access_key_id, source.secret_access_key)
        if isinstance(source, AwsSource)
        else (source.client_id, source.client_secret)
    )
    if bool(keys[0]) is not bool(keys[1]):
        raise InvalidField("secret" if keys[0] else "key", "the two keys belong together")


def _check_folder(path: str) -> None:
    """Check the folder of a workstation; of another one than this, only its own words are known."""
    if not path.strip():
        raise InvalidField("path", "which folder of the workstation?")
    if not path.isprintable():
        raise InvalidField("path", f"no folder is called {path!r}")


def _check_id(field: str, text: str) -> None:
    if not is_asset_id(text):
        raise InvalidField(field, f"{text[:80]!r} can't be the id of a {field}")


class CaptureChecks:
    """Looks whether what is asked for can become an asset.

    Args:
        context: What the session's modules share.
        root: Where this machine has its capsule, if it is a workstation.
        here: The computation that this program runs in; empty: none.
    """

    def __init__(self, context: Context, *, here: str = "", root: Path = CAPSULE_ROOT) -> None:
        self._context = context
        self._here = here
        self._root = root

    async def check(self, new: NewAsset, *, failed_too: bool = False) -> NewAsset:
        """Return what to ask for, with the path as the platform knows it.

        Args:
            new: What is asked for.
            failed_too: Take the results of a run that has failed.

        Raises:
            InvalidField: See `check_shape`.
            Refused: It can't become an asset, or not yet.
            PlatformTooOld: The platform can't do it.
            ApiError: It is not there, or can't be asked about.
        """
        check_shape(new)
        source = new.source
        if isinstance(source, AwsSource) and not find_since(new):
            return new
        client = await self._context.client()
        dialect = client.dialect or await client.fetch_dialect()
        since = find_since(new)
        # One that is older makes an asset of something else, or one that fails.
        is_old = since not in ("", _OLDEST) and await client.is_before(since)
        if dialect is Dialect.LEGACY or is_old:
            raise tell_too_old(since)
        match source:
            case ComputationSource():
                await self._check_run(source, failed_too=failed_too)
            case WorkstationSource():
                return msgspec.structs.replace(new, source=await self._check_session(source))
            case CombinedSource():
                await self._check_parts(source)
            case _:
                pass
        return new

    async def _check_run(self, source: ComputationSource, *, failed_too: bool) -> None:
        client = await self._context.client()
        try:
            run = await client.workplaces.computation(source.id)
        except NotFound as error:
            raise NotFound(
                f"there is no run {source.id[:80]!r}, or you can't see it",
                hint="coexplorer runs CAPSULE lists the runs of a capsule, with their ids",
                status=error.status,
            ) from None
        check_run(run, failed_too=failed_too)
        if source.path.strip("/") or run.has_results is None:
            await self._check_results(run, source.path.strip("/"))

    async def _check_results(self, run: Computation, path: str) -> None:
        """Check that a run has a file or a folder with something in it.

        Raises:
            NotFound: It has no such thing.
            Refused: There is nothing in it.
        """
        workplaces = (await self._context.client()).workplaces
        above, _, name = path.rpartition("/")
        try:
            found = await workplaces.list_results(run.id, path)
        except (NotFound, Rejected) as error:
            try:
                beside = (await workplaces.list_results(run.id, above)).entries if path else ()
            except (NotFound, Rejected):
                beside = ()
            if any(each.name == name and not each.is_folder for each in beside):
                return
            there = ", ".join(each.name for each in beside[:_NAMED])
            message = f"there is no {path!r} in the results of {_name(run)}"
            raise NotFound(
                message if path else f"{_name(run)} has no results",
                hint=f"beside it there are: {there}" if there else "give a folder of its results",
                status=error.status,
            ) from None
        if not (found.entries or found.unnamed or found.elsewhere):
            raise Refused(f"{path or 'the folder of results'!r} of {_name(run)} is empty")

    async def _check_session(self, source: WorkstationSource) -> WorkstationSource:
        client = await self._context.client()
        try:
            run = await client.workplaces.computation(source.id)
        except NotFound as error:
            raise NotFound(
                f"there is no workstation {source.id[:80]!r}, or you can't see it",
                hint="CO_COMPUTATION_ID has the id of the one that a program runs in",
                status=error.status,
            ) from None
        if not run.cloud_workstation:
            raise Refused(
                f"{_name(run)} is no cloud workstation",
                hint=f"capture its results: coexplorer create NAME --from-computation {run.id}",
            )
        if run.is_over:
            raise Refused(f"the workstation {_name(run)} has ended, and its files with it")
        if run.id != self._here or not self._root.is_dir():
            if not source.path.startswith("/"):
                raise Refused(
                    f"nobody can tell from here which folder of {_name(run)} {source.path!r} is",
                    hint=f"give the whole path there, such as {CAPSULE_ROOT}/scratch/FOLDER",
                )
            self._context.tell(
                f"nobody can look from here whether {source.path!r} is in {_name(run)}:"
                " if it is not, the asset will fail"
            )
            self._tell_attached(source.path, [CAPSULE_ROOT / _DATA])
            return source
        path = await self._context.read(partial(_find_local, source.path))
        self._tell_attached(path, await self._context.read(partial(_list_attached, self._root)))
        return msgspec.structs.replace(source, path=path)

    def _tell_attached(self, path: str, attached: Sequence[Path]) -> None:
        """Say that a folder holds what is attached, which few want to copy."""
        inside = [each for each in attached if each.is_relative_to(path)]
        if inside:
            others = f" and {len(inside) - 1} more" if len(inside) > 1 else ""
            self._context.tell(
                f"the files of attached assets are captured too, from {inside[0]}{others}:"
                " to leave them out, name a folder that does not hold them"
            )

    async def _check_parts(self, source: CombinedSource) -> None:
        records = {each.asset.id: each for each in await self._context.records(list(source.ids))}
        for part in dict.fromkeys(source.ids):
            record = records.get(part) or await self._context.fetch(part)
            check_part(record.asset)


def check_part(asset: Asset) -> None:
    """Check that an asset can be combined with others (pure).

    Raises:
        Refused: It can't be, or not yet.
    """
    told = f"{asset.name} ({asset.id[:8]})"
    if asset.source is None or not asset.source.external:
        raise Refused(
            f"{told} can't be combined: it is not external",
            hint="only assets whose files stay outside can be: is:external finds them",
        )
    if asset.state != AssetState.READY:
        raise Refused(f"{told} can't be combined: it is in state {asset.state}")


def check_run(run: Computation, *, failed_too: bool = False) -> None:
    """Check that a run has ended well, and has results (pure).

    Args:
        run: The run.
        failed_too: It may have failed.

    Raises:
        Refused: It has not.
    """
    if run.cloud_workstation:
        raise Refused(
            f"{_name(run)} is a cloud workstation, which has folders instead of results",
            hint="name one of them: coexplorer create NAME --from-workstation PATH",
        )
    if not run.is_over:
        state = run.state or ComputationState.RUNNING
        raise Refused(
            f"{_name(run)} has no results yet: it is {state}",
            hint="capture it when it has ended; coexplorer runs shows its state",
        )
    if run.has_results is False:
        raise Refused(f"{_name(run)} has no results: there is nothing to capture")
    if not run.succeeded and not failed_too:
        how = run.end_status or run.state
        code = f" with exit code {run.exit_code}" if run.exit_code else ""
        raise Refused(
            f"{_name(run)} ended as {how}{code}",
            hint="if you want what it has left behind, say so (--failed-too)",
        )


def _name(run: Computation) -> str:
    return f"run {run.name!r} ({run.id[:8]})" if run.name else f"run {run.id[:8]}"


def _find_local(text: str) -> str:
    """Return the whole path of a folder of this workstation that has files; blocks.

    Raises:
        NotFound: There is no such folder.
        Refused: There is nothing in it.
    """
    path = Path(text).expanduser().resolve()
    if path == Path("/") or any(path.is_relative_to(each) for each in _OF_THE_KERNEL):
        raise Refused(
            f"{path} is the machine's own, and can't be captured",
            hint=f"name a folder of yours, such as {CAPSULE_ROOT}/scratch/FOLDER",
        )
    if not path.exists():
        raise NotFound(f"there is no {text!r} on this workstation", hint=f"that would be {path}")
    holds = path.is_file() or any(files for _, _, files in os.walk(path))
    if not holds:
        raise Refused(f"{text!r} holds no files: there is nothing to capture")
    return str(path)


def _list_attached(root: Path) -> list[Path]:
    """Return the folders of what is attached here; none where they can't be read. Blocks."""
    with contextlib.suppress(OSError):
        return sorted(each for each in (root.resolve() / _DATA).iterdir() if each.is_dir())
    return []


def explain_refusal(new: NewAsset, error: ApiError) -> None:
    """Let an error say who may make such an asset, or from which version on, if that may be why."""
    if isinstance(error, Forbidden) and not error.by_page:
        error.hint = _WHO_MAY.get(type(new.source), error.hint)
    since = find_since(new)
    if since and isinstance(error, Rejected) and not isinstance(error, PlatformTooOld):
        told = f"platforms before version {since} can't do this"
        error.hint = f"{error.hint}; {told}" if error.hint else told


def tell_source(source: AssetSource) -> str:
    """Return what an asset is made from, for the title of the log: never a key (pure)."""
    match source:
        case ComputationSource(id=run):
            return f" from run {run[:8]}"
        case WorkstationSource(id=run):
            return f" from workstation {run[:8]}"
        case CombinedSource(ids=ids):
            return f" from {plural(len(ids), 'asset')}"
        case AwsSource() | GcpSource():
            return ""
