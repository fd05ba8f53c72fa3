"""Whose token this is: before anything is read or sent for the wrong person.

What is known of assets, and what waits to be sent, belongs to whoever signed in
(`coexplorer.config.people`). A token that was never seen may be a new one of the same person:
the platform is asked. Where it does not say who that is, they count as another person.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from functools import partial

import anyio.to_thread
import msgspec

from coexplorer.catalog import Catalog
from coexplorer.config import Settings, load_settings
from coexplorer.config.people import People, Person, load_people, note_token
from coexplorer.config.settings import tell_new
from coexplorer.config.tokens import GivenToken, ReadAgain, TokenSource
from coexplorer.errors import CoexplorerError, OtherPerson
from coexplorer.library.inspection import inspect_journal
from coexplorer.models import AssetId, Secret
from coexplorer.query import parse_query

_LIMIT_S = 30.0
"""How long the platform may take to say whose a token is."""
_log = logging.getLogger(__name__)


async def find_person(settings: Settings, *, offline: bool = False) -> Settings:
    """Return the settings with the files of whose token it is, where that was not clear yet.

    If the platform can't be asked, nothing is known of them: the files are new ones.

    Args:
        settings: Of a profile.
        offline: Don't ask the platform.
    """
    # A program may take long, and must not hold up whoever gives up waiting.
    settings = await anyio.to_thread.run_sync(place_person, settings, abandon_on_cancel=True)
    path = settings.people_file
    if offline or not settings.is_newcomer or path is None:
        return settings
    try:
        token = await anyio.to_thread.run_sync(settings.load_token)
    except CoexplorerError:  # said where it is used
        return settings
    settings = msgspec.structs.replace(settings, token_source=_begin_with(token, settings))
    before = await anyio.to_thread.run_sync(load_people, path)
    try:
        number = await _ask_and_note(settings, token)
    except CoexplorerError as error:
        _log.info("whose token it is could not be asked: %s", error)
        await _note(settings, token, settings.person, "", is_proven=False)
        return settings
    mine = settings.for_person(number)
    return await anyio.to_thread.run_sync(_tell_other, mine, before)


def place_person(settings: Settings) -> Settings:
    """Return the settings with the files of whose token a program or a keyring has. Blocks.

    The session begins with that token, whatever the program prints a moment later. If the program
    fails, they are still of who was here last: the same person, without their key, say.
    """
    path = settings.people_file
    if not settings.is_guessed or path is None:
        return settings
    try:
        token = settings.load_token()
    except CoexplorerError as error:  # said where it is used
        _log.info("whose token it is can't be told: %s", error)
        return settings
    before = load_people(path)
    mine = msgspec.structs.replace(
        settings.for_token(token), token_source=_begin_with(token, settings)
    )
    if mine.is_newcomer or mine.person == before.current:
        return mine
    with contextlib.suppress(OSError):  # said by whatever is written next
        note_token(path, token, mine.person)
    return _tell_other(mine, before)


def _begin_with(token: Secret, settings: Settings) -> TokenSource:
    source = settings.token_source
    return ReadAgain(GivenToken(source.label, token), lambda: source)


def _tell_other(settings: Settings, before: People) -> Settings:
    """Say that it is somebody else than before, once."""
    if settings.person == before.current or tell_new(settings.profile) in settings.warnings:
        return settings
    people = know_users(settings)
    user = next((each.user for each in people.persons if each.number == settings.person), "")
    told = (
        f"the token of profile {settings.profile} is now that of {user or 'another person'}: the"
        " list, the log and the unsent texts of the person before are kept for them"
    )
    return msgspec.structs.replace(settings, warnings=(*settings.warnings, told))


async def check_person(settings: Settings, token: Secret) -> None:
    """Make sure that a token is of the person whose files these are, before anything is sent.

    Raises:
        OtherPerson: It is somebody else's, or the platform does not say whose.
        ApiError: The platform can't be asked.
    """
    path = settings.people_file
    if path is None:
        return
    people = await anyio.to_thread.run_sync(load_people, path)
    known = people.find_token(token)
    if not people.persons:
        return  # noted by `note_proven`: this token may be a wrong one
    if known is not None and known.is_proven:
        number = known.number
        if people.current != number:
            await _note(settings, token, number, "")
    else:
        number = await _ask_and_note(settings, token)
    if number != settings.person:
        raise _build_error(settings)


async def find_other(settings: Settings) -> OtherPerson | None:
    """Say that a profile's token is somebody else's by now; None: nobody has proven that.

    Another process has: it asked the platform, or somebody signed in. Only then is the program or
    the keyring asked here, too; whoever has a token of their own changes nothing for others.
    """
    if settings.people_file is None or not settings.shares_token:
        return None
    found = await anyio.to_thread.run_sync(_find_now, settings, abandon_on_cancel=True)
    if found is None or found.person == settings.person:
        return None
    return _build_error(settings)


def _find_now(settings: Settings) -> Settings | None:
    """Return what whoever starts with this profile now would get; None: nobody can tell."""
    people = load_people(settings.people_file) if settings.people_file else People()
    if not people.persons or people.current == settings.person:
        return None
    try:
        now = place_person(load_settings(profile=settings.profile))
    except CoexplorerError:
        return None
    is_same = (now.profile, now.base_url) == (settings.profile, settings.base_url)
    return now if is_same and not (now.is_guessed or now.is_newcomer) else None


def _build_error(settings: Settings) -> OtherPerson:
    return OtherPerson(
        f"the token for {settings.domain} belongs to somebody else than the assets known here;"
        " what is known of each is kept apart, and nothing was sent",
        hint="start it again, or sign in with that token: coexplorer login",
    )


async def note_proven(settings: Settings, token: Secret) -> None:
    """Write down whose token this is, the first one of a profile, once assets were read with it."""
    path = settings.people_file
    if path is None or (await anyio.to_thread.run_sync(load_people, path)).persons:
        return
    if await anyio.to_thread.run_sync(_knows_assets, settings):
        await _note(settings, token, settings.person, "")


async def _ask_and_note(settings: Settings, token: Secret) -> int:
    """Return the number of whose token it is, who may be new."""
    from coexplorer.api.probe import ask_platform  # noqa: PLC0415 - httpx is needed seldom

    if settings.people_file is None:
        return settings.person
    found = await ask_platform(settings.base_url, token, limit_s=_LIMIT_S)
    user = found.user
    people = await anyio.to_thread.run_sync(know_users, settings)
    known = await anyio.to_thread.run_sync(_recognize, settings, people, user, found.owns)
    known = known or people.find_token(token)
    number = people.next_number if known is None else known.number
    await _note(settings, token, number, user)
    return number


async def _note(
    settings: Settings, token: Secret, number: int, user: str, *, is_proven: bool = True
) -> None:
    path = settings.people_file
    if path is None:
        return
    note = partial(note_token, path, token, number, user, is_proven=is_proven)
    try:
        await anyio.to_thread.run_sync(note)
    except OSError as error:
        _log.warning("who signed in can't be written down: %s", error)


class SignedIn(msgspec.Struct, frozen=True):
    """What came of signing in.

    Attributes:
        settings: With the files of who signed in.
        former: Who had the profile before, if somebody else did.
        former_settings: Theirs.
    """

    settings: Settings
    former: Person | None = None
    former_settings: Settings | None = None


def sign_in_person(
    settings: Settings,
    token: Secret,
    user: str,
    owns: str,
    *,
    ask_same: Callable[[Person], bool],
) -> SignedIn:
    """Write down who signed in with a profile. Blocks.

    Args:
        settings: The profile's.
        token: A token that the platform takes.
        user: Whose it is; empty: the platform does not say.
        owns: An asset that they own; empty: they own none.
        ask_same: Asked where nobody can tell whether it is still the same person.
    """
    if settings.people_file is None:
        return SignedIn(settings)
    people = know_users(settings)
    current = next((each for each in people.persons if each.number == people.current), None)
    mine = people.find_token(token)
    known = mine if mine is not None and mine.is_proven else None
    known = known or _recognize(settings, people, user, owns)
    if known is None and current is not None and not (user and current.user) and ask_same(current):
        known = current
    known = known or mine
    number = people.next_number if known is None else known.number
    with contextlib.suppress(OSError):  # said by whatever is written next
        note_token(settings.people_file, token, number, user)
    theirs = settings.for_person(number)
    if current is None or current.number == number:
        return SignedIn(theirs)
    return SignedIn(theirs, current, settings.for_person(current.number))


def know_users(settings: Settings) -> People:
    """Return who signed in, with the names that only their catalogs tell. Blocks.

    Somebody of an earlier version has files, and is not written down.
    """
    if settings.people_file is None:
        return People()
    people = load_people(settings.people_file)
    first = settings.for_person(0)
    if not people.persons and (first.catalog_path.exists() or first.journal_path.exists()):
        people = People(persons=(Person(0),))
    return msgspec.structs.replace(
        people,
        persons=tuple(
            msgspec.structs.replace(
                each, user=each.user or _read_user(settings.for_person(each.number))
            )
            for each in people.persons
        ),
    )


def _recognize(settings: Settings, people: People, user: str, owns: str) -> Person | None:
    """Return the person who is called so, or who owns that asset where no platform says more."""
    if (known := people.find_user(user)) is not None:
        return known
    current = next((each for each in people.persons if each.number == people.current), None)
    if current is not None and not current.user and _is_blank(settings.for_person(current.number)):
        return current  # a token that did not work, say: nothing is known that could be mixed up
    if user or not owns:
        return None
    for each in people.persons:
        path = settings.for_person(each.number).catalog_path
        if path.exists():
            with contextlib.suppress(CoexplorerError), Catalog.open(path) as catalog:
                record = catalog.get(AssetId(owns))
                if record is not None and record.membership.mine:
                    return each
    return None


def _is_blank(settings: Settings) -> bool:
    """Tell whether nobody's assets are known and nothing was changed."""
    found = inspect_journal(settings.journal_path, limit_s=_LIMIT_S)
    if found is not None and (found.error is not None or found.entries):
        return False
    return not _knows_assets(settings)


def _knows_assets(settings: Settings) -> bool:
    if not settings.catalog_path.exists():
        return False
    with contextlib.suppress(CoexplorerError), Catalog.open(settings.catalog_path) as catalog:
        return catalog.sync_state().assets > 0
    return True  # nobody can tell


def _read_user(settings: Settings) -> str:
    """Return the owner of what is "mine" in a catalog; empty: it holds none."""
    if not settings.catalog_path.exists():
        return ""
    with contextlib.suppress(CoexplorerError), Catalog.open(settings.catalog_path) as catalog:
        for row in catalog.window(parse_query("is:mine is:any"), offset=0, limit=1, now=0.0):
            return (row.owner or "").casefold()
    return ""
