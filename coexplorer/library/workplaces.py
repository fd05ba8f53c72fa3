"""`library.workplaces`: which capsule, pipeline or cloud workstation a person means.

People give a whole name, a whole id, the start of an id, or the number in its address. Part of a
name is never taken for the name: it only produces a hint, as with assets.
"""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from coexplorer.computations import (
    AttachedAsset,
    Capsule,
    CapsuleSearch,
    Computation,
    Workplace,
    WorkplaceKind,
)
from coexplorer.config.environment import SESSION, find_session
from coexplorer.errors import AmbiguousAsset, NotFound, PlatformTooOld, Refused, tell_too_old
from coexplorer.library.context import Context
from coexplorer.library.named_assets import is_whole_id
from coexplorer.library.permissions import find_user
from coexplorer.library.workplace_rights import is_released
from coexplorer.models import AssetId, Dialect, is_asset_id
from coexplorer.text import cut

if TYPE_CHECKING:
    from coexplorer.library.used_by import Uses

SHORTEST_ID: Final = 6
"""Characters of the beginning of an id that are enough."""

MOST_SUGGESTED: Final = 50
"""Capsules and pipelines that are offered for a part of a name."""

CAPSULE_ROOT: Final = Path("/root/capsule")
"""Where a workstation has its capsule: on other machines paths of a workstation mean nothing."""

DATA_FOLDERS: Final = (CAPSULE_ROOT / "data", Path("/data"))
"""Where a workstation has the folders of what is attached to it."""

BEGINNING: Final = re.compile(rf"[0-9a-f][0-9a-f-]{{{SHORTEST_ID - 1},34}}", re.IGNORECASE)
"""What may be the beginning of an id."""
_SEARCHED: Final = (WorkplaceKind.CAPSULE, WorkplaceKind.PIPELINE)
_ROWS: Final = 1000
_MOST_PAGES: Final = 20
"""Pages that are read for the beginning of an id, which no search may know."""
_HINTS: Final = 3
_LONGEST_TOLD: Final = 80
_SINCE_ALL: Final = "2.18"
"""Before, the platform's API knows no capsules, pipelines and computations."""
_SINCE_SEARCH: Final = "3.1"
SINCE_SESSIONS: Final = "4.2"
"""The first version that attaches to cloud workstations, and captures their folders."""


def find_data_folder() -> Path | None:
    """Return where a workstation has what is attached to it; None: not on this machine.

    Only where `WorkplaceFinder.here` names one does it mean anything.
    """
    return next(filter(Path.is_dir, DATA_FOLDERS), None)


class FoundWorkplace(msgspec.Struct, frozen=True):
    """A capsule, a pipeline or a computation that somebody meant.

    Attributes:
        workplace: What is asked for by.
        name: As the platform has it; may be empty.
        capsule: What was found, if it is a capsule or a pipeline.
        computation: What was found, if it is a computation.
        is_here: It is the workstation that this program runs in.
    """

    workplace: Workplace
    name: str = ""
    capsule: Capsule | None = None
    computation: Computation | None = None
    is_here: bool = False

    @property
    def title(self) -> str:
        """What it is called in a sentence: ``capsule 'Spike sorting' (03af3513)``."""
        short = self.workplace.id[:8]
        if self.is_here:
            return f"this workstation ({short})"
        session = self.computation is not None and self.computation.cloud_workstation
        kind = "workstation" if session else self.workplace.kind.word
        return f"{kind} {self.name!r} ({short})" if self.name else f"{kind} {short}"


class WorkplaceFinder:
    """Finds capsules, pipelines and computations.

    Every method may raise any `ApiError`.

    Args:
        context: What the session's modules share.
        environment: Says whether this program runs in a workstation.
    """

    def __init__(self, context: Context, environment: Mapping[str, str] = os.environ) -> None:
        self._context = context
        self._environment = environment

    @property
    def here(self) -> str:
        """The id of the computation that this program runs in; empty: it runs in none."""
        return find_session(self._environment)

    async def find_here(self, *, to_list: bool = False) -> FoundWorkplace:
        """Return the workstation that this program runs in.

        Args:
            to_list: Nothing is attached to it or captured, which takes a newer platform.

        Raises:
            Refused: It runs in none.
            NotFound: The platform does not know it.
            PlatformTooOld: It can't do that; says which version can.
        """
        session = self.here
        if not session:
            raise Refused(
                f"this is no cloud workstation: {SESSION} is not set",
                hint="name a capsule, a pipeline or a workstation",
            )
        if not is_asset_id(session):
            raise Refused(
                f"{SESSION} is {cut(session, _LONGEST_TOLD)!r}, which can't be an id",
                hint="a workstation sets it itself; or name a capsule, a pipeline or a workstation",
            )
        try:
            with telling_since(_SINCE_ALL if to_list else SINCE_SESSIONS):
                client = await self._context.client()
                try:
                    computation = await client.workplaces.computation(session)
                except NotFound:
                    await self._ensure_not_legacy()
                    raise
        except NotFound as error:
            raise NotFound(
                f"the platform knows no workstation {session[:8]}, which {SESSION} names",
                hint="it may be of another platform; coexplorer doctor shows which one is asked",
                status=error.status,
            ) from None
        return _of_computation(computation, here=session)

    async def find(self, text: str, *, to_run: bool = False) -> FoundWorkplace:
        """Return the capsule, pipeline or computation that somebody means.

        Args:
            text: Its whole id, the beginning of that (6 characters or more), its whole name, or the
                number in its address; a computation by its whole id.
            to_run: What is meant can be run, so what is missing is a capsule or a pipeline.

        Raises:
            NotFound: There is none, or this user can't see it; the hint names similar ones.
            AmbiguousAsset: It fits several; holds them.
        """
        text = text.strip()
        if is_whole_id(text):
            if (found := await self._get(text.lower())) is not None:
                return found
            await self._ensure_not_legacy()
        seen: dict[str, Capsule] = {}
        if text and not is_whole_id(text):
            try:
                await self._ensure_not_legacy()
                seen = await self._search(text)
            except PlatformTooOld as error:
                if is_asset_id(text) and (found := await self._get(text)) is not None:
                    return found
                raise PlatformTooOld(
                    f"this platform is too old to look for {cut(text, _LONGEST_TOLD)!r}:"
                    f" that takes version {_SINCE_SEARCH}",
                    hint="here only the whole id of a capsule is found: its web page shows it",
                    status=error.status,
                ) from None
        fitting = [each for each in seen.values() if _is_meant(each, text)]
        if len(fitting) == 1:
            return _of_capsule(fitting[0])
        if fitting:
            pairs = [(each.id, f"{each.name} ({each.kind.word})") for each in fitting]
            raise AmbiguousAsset(text, pairs, "capsules or pipelines")
        if not is_whole_id(text) and is_asset_id(text) and not text.isspace():
            found = await self._get(text)
            if found is not None:
                return found
        raise _tell_missing(text, list(seen.values()), to_run=to_run)

    async def suggest(self, part: str) -> list[Capsule]:
        """Return capsules and pipelines whose names have a part, the one used last first.

        Released ones are left out: nothing can be attached to them.

        Args:
            part: Of a name; empty: this user's own.
        """
        found: list[Capsule] = []
        client = await self._context.client()
        for kind in _SEARCHED:
            request = CapsuleSearch(
                query=_name_query(part),
                ownership=None if part.strip() else "created",
                sort_field="last_accessed",
                descending=True,
            )
            with contextlib.suppress(PlatformTooOld):
                page = await client.workplaces.search(kind, request, limit=MOST_SUGGESTED)
                found += page.results
        folded = part.strip().casefold()
        found = [each for each in found if folded in each.name.casefold() and not is_released(each)]
        return sorted(found, key=lambda each: each.last_accessed or 0, reverse=True)

    async def attached(self, workplace: Workplace) -> tuple[AttachedAsset, ...]:
        """Return what is attached to a workplace now; of a computation, what was at its start."""
        return await (await self._context.client()).workplaces.attached(workplace)

    async def names(self, attached: Sequence[AttachedAsset]) -> dict[AssetId, str]:
        """Return the names of attached assets, as far as they can be found in a few seconds.

        Asks for a limited number of those that neither the platform named nor the catalog knows;
        never raises for that.
        """
        from coexplorer.library.attach_plans import find_records  # noqa: PLC0415 - lists need none

        names = {each.id: each.name for each in attached if each.name}
        nameless = [each.id for each in attached if not each.name]
        found = await find_records(self._context, nameless)
        return names | {key: record.asset.name for key, record in found.items()}

    async def uses(
        self,
        ids: Sequence[AssetId],
        *,
        progress: Callable[[int], None] | None = None,
        heard: Callable[[AssetId, Uses], None] | None = None,
        trust_s: float | None = None,
        within_s: float | None = None,
        stalled: Callable[[str], None] | None = None,
    ) -> Mapping[AssetId, Uses]:
        """Return which capsules and pipelines use assets, of those that this user may see.

        A failure is part of the answer, and never raised.

        Args:
            ids: The assets; two searches each, a few assets at a time.
            progress: Told how many were answered, after each.
            heard: Told each answer of the platform as it comes, before `progress`.
            trust_s: Ask again for what was answered longer ago; None: never in this session.
            within_s: Wait no longer; what is not answered by then is not known.
            stalled: Told what went wrong, each time that something is to be asked again.
        """
        from coexplorer.library.uses import find_uses  # noqa: PLC0415 - lists need none of it

        return await find_uses(
            self._context,
            ids,
            progress=progress,
            heard=heard,
            trust_s=trust_s,
            within_s=within_s,
            stalled=stalled,
        )

    def known_uses(
        self, ids: Sequence[AssetId], *, trust_s: float | None = None
    ) -> Mapping[AssetId, Uses]:
        """Return what this session knows already of what uses assets; nobody is asked.

        Args:
            ids: The assets; those that nothing is known of are missing in the answer.
            trust_s: Leave out what was answered longer ago; None: leave out nothing.
        """
        from coexplorer.library.uses import recall_uses  # noqa: PLC0415 - lists need none of it

        return recall_uses(self._context, ids, trust_s=trust_s)

    def forget_uses(self) -> None:
        """Forget what this session knows of what uses assets: the next look asks anew."""
        self._context.uses.clear()

    async def find_session(self, found: FoundWorkplace) -> FoundWorkplace:
        """Return this user's workstation that runs in a capsule; `found` where there is none.

        What is attached to a capsule does not reach a workstation that runs in it already.

        Raises:
            AmbiguousAsset: Several of theirs run in it.
        """
        if found.workplace.kind is WorkplaceKind.COMPUTATION:
            return found
        client = await self._context.client()
        try:
            runs = await client.workplaces.computations(found.workplace)
        except PlatformTooOld:
            return found
        running = [each for each in runs if each.cloud_workstation and not each.is_over]
        if any(each.owner_email for each in running):
            user = await find_user(self._context)
            running = [each for each in running if each.owner_email.casefold() in (user, "")]
        sessions = [each for each in running if each.id == self.here] or running
        if len(sessions) > 1:
            pairs = [(each.id, each.name) for each in sessions]
            raise AmbiguousAsset(found.name or found.workplace.id, pairs, "running workstations")
        return _of_computation(sessions[0], here=self.here) if sessions else found

    async def _ensure_not_legacy(self) -> None:
        """Check that the platform knows computations at all, where it has not found something.

        Raises:
            PlatformTooOld: It does not.
        """
        client = await self._context.client()
        if (client.dialect or await client.fetch_dialect()) is Dialect.LEGACY:
            raise tell_too_old(_SINCE_ALL)

    async def _get(self, workplace_id: str) -> FoundWorkplace | None:
        """Ask for what has an id, whatever it is."""
        client = await self._context.client()
        for kind in _SEARCHED:
            with contextlib.suppress(NotFound):
                return _of_capsule(await client.workplaces.capsule(Workplace(kind, workplace_id)))
        with contextlib.suppress(NotFound):
            computation = await client.workplaces.computation(workplace_id)
            return _of_computation(computation, here=self.here)
        return None

    async def _search(self, text: str) -> dict[str, Capsule]:
        """Search for what may be meant by a text; what is returned need not be it."""
        queries = [_name_query(text)]
        if BEGINNING.fullmatch(text):
            queries.append(f"id:{text}")
        if text.isdigit():
            queries.append(text)
        found: dict[str, Capsule] = {}
        for query in queries:
            found |= await self._walk(CapsuleSearch(query=query), pages=_MOST_PAGES)
        if BEGINNING.fullmatch(text) and not any(_is_meant(e, text) for e in found.values()):
            everything = await self._walk(CapsuleSearch(), pages=_MOST_PAGES)
            found |= {key: each for key, each in everything.items() if _is_meant(each, text)}
        return found

    async def _walk(self, request: CapsuleSearch, *, pages: int) -> dict[str, Capsule]:
        client = await self._context.client()
        found: dict[str, Capsule] = {}
        for kind in _SEARCHED:
            read = 0
            with contextlib.suppress(*_TOO_OLD[kind]):
                async for page in client.workplaces.iter_pages(kind, request, limit=_ROWS):
                    found |= {each.id: each for each in page}
                    read += 1
                    if read >= pages:
                        break
        return found


@contextlib.contextmanager
def telling_since(version: str) -> Iterator[None]:
    """Say from which version of the platform on what is wanted works, and not only a part of it.

    Raises:
        PlatformTooOld: It was raised inside.
    """
    try:
        yield
    except PlatformTooOld as error:
        raise tell_too_old(version, error.status) from None


_TOO_OLD: Mapping[WorkplaceKind, tuple[type[PlatformTooOld], ...]] = {
    WorkplaceKind.CAPSULE: (),
    WorkplaceKind.PIPELINE: (PlatformTooOld,),
}
"""Platforms before 4.0 can be asked for capsules, and not for pipelines."""


def _of_capsule(capsule: Capsule) -> FoundWorkplace:
    return FoundWorkplace(capsule.workplace, capsule.name, capsule=capsule)


def _of_computation(computation: Computation, *, here: str) -> FoundWorkplace:
    workplace = Workplace(WorkplaceKind.COMPUTATION, computation.id)
    is_here = computation.id == here and computation.cloud_workstation
    return FoundWorkplace(workplace, computation.name, computation=computation, is_here=is_here)


def _is_meant(capsule: Capsule, text: str) -> bool:
    if _compose(capsule.name) == _compose(text):
        return True
    starts = BEGINNING.fullmatch(text) and capsule.id.lower().startswith(text.lower())
    return bool(starts) or (text.isdigit() and capsule.slug == text)


def _compose(text: str) -> str:
    """Return a name as it is compared: the same letters are the same, however they are encoded."""
    return unicodedata.normalize("NFC", text).strip()


def _name_query(text: str) -> str:
    """Ask for a name in the platform's own syntax; nothing when its quotes can't hold it."""
    part = text.strip()
    return f'name:"{part}"' if part and '"' not in part else ""


def _tell_missing(text: str, seen: Sequence[Capsule], *, to_run: bool) -> NotFound:
    short = cut(text, _LONGEST_TOLD)
    hint = "give its whole name, its id, or the start of its id"
    similar = [each for each in seen if text and text.casefold() in each.name.casefold()]
    if similar:
        told = " or ".join(f"{each.name} ({each.id[:8]})" for each in similar[:_HINTS])
        more = ", or another one" if len(similar) > _HINTS else ""
        hint = f"did you mean {told}{more}?"
    what = "capsule or pipeline" if to_run else "capsule, pipeline or workstation"
    return NotFound(f"there is no {what} {short!r}, or you can't see it", hint=hint)
