"""``login`` and ``logout``."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from coexplorer.cli.narration import ask_secret, ask_text, confirm, note, read_piped, warn
from coexplorer.cli.output import print_line
from coexplorer.cli.session import Invocation, pass_invocation, run_async, telling_waits
from coexplorer.config import Settings, find_paths
from coexplorer.config.domain import Address, name_profile, parse_domain
from coexplorer.config.environment import (
    DOMAINS,
    TOKENS,
    Credentials,
    explain_missing,
    find_credentials,
)
from coexplorer.config.file import DEMO, Profile, check_profile_name, load_config_file
from coexplorer.config.paths import name_in_shell
from coexplorer.config.settings import build_settings, find_default, keyring_account
from coexplorer.config.tokens import (
    GivenToken,
    TokenCommand,
    TokenFile,
    TokenSource,
    holds_token,
    remove_from_keyring,
    save_in_keyring,
)
from coexplorer.errors import ConfigError, FileTrouble, NotSignedIn
from coexplorer.models import Secret
from coexplorer.text import plural
from coexplorer.written import unwrap_token

if TYPE_CHECKING:
    from coexplorer.config.people import Person
    from coexplorer.library import Library
    from coexplorer.library.people import SignedIn
    from coexplorer.models import Asset


@click.command("login")
@click.argument("domain", required=False)
@click.option("--token-command", help="Program that prints the token, such as: pass show codeocean")
@click.option("--keyring", "in_keyring", is_flag=True, help="Keep the token in the keyring.")
@click.option(
    "--from-environment",
    "from_environment",
    is_flag=True,
    help="Keep the platform and the token that the environment has, as in a capsule.",
)
@click.option("--default", "make_default", is_flag=True, help="Use this profile from now on.")
@pass_invocation
def login_command(
    invocation: Invocation,
    domain: str | None,
    *,
    token_command: str | None,
    in_keyring: bool,
    from_environment: bool,
    make_default: bool,
) -> None:
    """Sign in to a platform: checks your token and saves it as a profile.

    DOMAIN is the platform's name (acme), host (codeocean.acme.com) or URL. You are asked for the
    token; it can also come from a pipe or --token-file, but never from the command line. If the
    environment has a token (see docs/config.md), you can keep that one. Create a token on the
    platform, in your account settings, with the datasets scope.
    """
    given = _choose_platform(invocation, domain)
    elsewhere = bool(token_command or invocation.token_file)
    found = None if elsewhere and not from_environment else _find_given(given, from_environment)
    if found is not None and elsewhere:
        raise click.UsageError("--from-environment needs no other source of a token")
    given = given or (found.domain if found else None)
    given = given or ask_text("Platform (name, host or URL)", instead="give DOMAIN")
    address = parse_domain(given)
    name = invocation.profile or name_profile(address)
    if name == DEMO:
        raise ConfigError(
            "the demo signs in by itself",
            hint="to sign in elsewhere, leave --profile demo out; an alias may add it",
        )
    check_profile_name(name)
    if token_command and (in_keyring or invocation.token_file):
        raise click.UsageError("a token command needs neither --keyring nor --token-file")
    source: TokenSource = (
        GivenToken(found.token_from, found.token)
        if found
        else _token_source(token_command, invocation.token_file)
    )
    token = source.load()
    if token is None:
        raise ConfigError("there is no token", hint="give one")
    profile = Profile(
        name=name,
        domain=address.domain if address.base_url.startswith("https") else address.base_url,
        token=None if token_command or in_keyring else token,
        token_command=token_command,
    )
    try:
        first, told = _check(profile, address, token)
    except NotSignedIn as error:
        error.hint = "make a new token there, in your account settings, with the datasets scope"
        raise
    replaced = load_config_file(find_paths().config_file).profiles.get(name)
    signed_in = _note_person(profile, address, token, first)
    _save(profile, address, token if in_keyring else None, make_default=make_default)
    print_line(f"signed in to {address.domain} as profile {name}: {told}")
    if replaced is not None and parse_domain(replaced.domain) != address:
        warn(f"profile {name} was for {parse_domain(replaced.domain).domain} until now")
    _tell_former(name, signed_in)
    default = find_default(load_config_file(find_paths().config_file))
    if default is None:
        note("none of your profiles is the default: coexplorer config set default_profile NAME")
    elif default != name:
        note(f"profile {default} stays the default; --profile {name} means this one")
    if found is not None:
        note(f"{found.token_from} still comes first where it is set: --profile {name} is this one")


def _choose_platform(invocation: Invocation, domain: str | None) -> str | None:
    """Return the platform that is meant, if something says so: a saved profile knows its own.

    Raises:
        click.UsageError: Two are meant.
    """
    other = invocation.domain
    if domain is not None and other is not None and parse_domain(domain) != parse_domain(other):
        raise click.UsageError(f"--domain {other} and {domain} are two platforms: give one of them")
    if domain is not None or other is not None:
        return domain or other
    profiles = load_config_file(find_paths().config_file).profiles
    saved = profiles.get(invocation.profile) if invocation.profile is not None else None
    return None if saved is None else saved.domain


def _find_given(domain: str | None, from_environment: bool) -> Credentials | None:  # noqa: FBT001 - an option
    """Return what the environment signs in with, if it is to be kept.

    Raises:
        ConfigError: It is to be, and there is nothing, or it is for another platform.
    """
    found = None
    with nullcontext() if from_environment else suppress(ConfigError):
        found = find_credentials(os.environ)
    fits = found is not None and (
        domain is None or parse_domain(domain) == parse_domain(found.domain)
    )
    if found is None or not fits:
        if from_environment:
            raise ConfigError(
                _tell_missing(domain, found),
                hint=f"set {' or '.join(DOMAINS)}, and {' or '.join(TOKENS)}",
            )
        return None
    if from_environment:
        return found
    if not sys.stdin.isatty():
        return None
    host = parse_domain(found.domain).domain
    kept = confirm(f"Keep the token of {found.token_from} for {host} ({found.domain_from})?")
    return found if kept else None


def _tell_missing(domain: str | None, found: Credentials | None) -> str:
    """Say why the environment can't be kept."""
    if found is not None:
        return f"{found.token_from} is for {found.domain} ({found.domain_from}), not for {domain}"
    return explain_missing(os.environ) or (
        "the environment has no token" + (f" for {domain}" if domain else "")
    )


def _token_source(token_command: str | None, token_file: Path | None) -> TokenSource:
    if token_command:
        return TokenCommand(token_command)
    if token_file is not None:
        return TokenFile(token_file)
    question = "Access token (cop_…)"
    if sys.stdin.isatty():
        return GivenToken("what you typed", Secret(unwrap_token(ask_secret(question))))
    return GivenToken("standard input", Secret(read_piped(question, ends=holds_token)))


def _build_settings(profile: Profile, address: Address, token: Secret) -> Settings:
    """Return the settings of a profile that is not saved yet."""
    paths = find_paths()
    source = GivenToken("what you gave", token)
    return build_settings(paths, load_config_file(paths.config_file), profile, address, (source,))


def _check(profile: Profile, address: Address, token: Secret) -> tuple[Asset | None, str]:
    """Ask the platform for what is the user's own; return the first of it, and a sentence.

    Raises:
        ApiError: The platform does not take the token, or can't be reached.
    """
    return _Probe(_build_settings(profile, address, token)).ask()


def _note_person(
    profile: Profile, address: Address, token: Secret, first: Asset | None
) -> SignedIn:
    from coexplorer.library.people import sign_in_person

    def ask_same(former: Person) -> bool:
        who = former.user or "you"
        return sys.stdin.isatty() and confirm(
            f"It can't be told whose token this is. Was it {who} who used profile {profile.name}"
            " before, and is it the same person now?"
        )

    settings = _build_settings(profile, address, token)
    user, owns = ("", "") if first is None else (first.owner, first.id)
    return sign_in_person(settings, token, user, owns, ask_same=ask_same)


def _tell_former(name: str, signed_in: SignedIn) -> None:
    """Say that somebody else had the profile, and where what is theirs is."""
    from coexplorer.library.inspection import inspect_journal

    former, settings = signed_in.former, signed_in.former_settings
    if former is None or settings is None:
        return
    who = former.user or "another person, as far as can be told"
    found = inspect_journal(settings.journal_path, limit_s=1.0)
    unsent = f", with {plural(found.waiting, 'unsent change')}" if found and found.waiting else ""
    warn(
        f"profile {name} was used by {who}: their list of assets and their log{unsent} are kept"
        " apart, and are theirs again when they sign in; to remove their list:"
        f" rm {name_in_shell(settings.catalog_path)}*"
    )


class _Probe:
    """A search of one row with settings that are not saved yet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ask(self) -> tuple[Asset | None, str]:
        """Return an asset that the user owns, if there is one, and a sentence about the user."""
        from tempfile import TemporaryDirectory

        from coexplorer.library import open_library

        async def main(folder: Path) -> tuple[Asset | None, str]:
            settings = msgspec.structs.replace(
                self._settings,
                catalog_path=folder / "catalog.sqlite3",
                journal_path=folder / "journal.sqlite3",
                people_file=None,
            )
            async with open_library(settings, origin="cli") as library:
                return await telling_waits(library, lambda: _describe_user(library))

        # Nobody knows yet whose it is, so nothing that is kept is touched.
        with TemporaryDirectory(prefix="coexplorer-") as folder:
            return run_async(lambda: main(Path(folder)))


async def _describe_user(library: Library) -> tuple[Asset | None, str]:
    from coexplorer.models import Ownership, SearchRequest

    mine = await library.platform.find_first(SearchRequest(ownership=Ownership.OWNED))
    if mine is not None:
        return mine, f"you are {mine.owner}" if mine.owner else "you own assets there"
    if await library.platform.find_first(SearchRequest()) is not None:
        return None, "you can see other people's assets but own none"
    return None, "no assets are there for you yet"


def _save(
    profile: Profile, address: Address, for_keyring: Secret | None, *, make_default: bool
) -> None:
    from coexplorer.config.write import save_profile

    account = keyring_account(profile.name, address.domain)
    if for_keyring is not None:
        save_in_keyring(account, for_keyring)
    save_profile(find_paths(), profile, make_default=make_default)
    if for_keyring is None:
        # An older one there would win over the new one.
        remove_from_keyring(account)


@click.command("logout")
@pass_invocation
def logout_command(invocation: Invocation) -> None:
    """Forget the profile that --profile names (or the only one), and its token.

    The local catalog is removed, and so is what was kept of the platform's files, whichever profile
    read them. The log stays on this machine, as it may hold changes that were not sent; the command
    tells you where it is.
    """
    from coexplorer.config.write import remove_profile
    from coexplorer.library.inspection import inspect_journal

    settings = invocation.load_settings()
    if not settings.saved:
        raise ConfigError(f"profile {settings.profile} is not kept in config.toml")
    remove_profile(settings.paths, settings.profile)
    remove_from_keyring(keyring_account(settings.profile, settings.domain))
    _remove_catalog(settings)
    _remove_files(settings)
    print_line(
        f"forgot profile {settings.profile}, its token, its list of assets,"
        " and what was kept of their files"
    )
    if os.path.lexists(settings.journal_path):
        found = inspect_journal(settings.journal_path, limit_s=1.0)
        there = name_in_shell(settings.journal_path)
        print_line(
            f"{plural(found.waiting, 'unsent change')} can be sent when you sign in again: {there}"
            if found is not None and found.waiting
            else f"the log of your changes is still here; to remove it: rm {there}*"
        )


def _remove_catalog(settings: Settings) -> None:
    """Remove what is known of assets, and the screen that the app would open with."""
    catalog = settings.catalog_path
    paths = [catalog.with_name(f"{catalog.name}{end}") for end in ("", "-wal", "-shm")]
    for path in (*paths, settings.paths.cache_dir / "frame"):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FileTrouble.of(path, "removed", error) from None


def _remove_files(settings: Settings) -> None:
    """Remove what is kept of files of the platform."""
    from coexplorer.remote_files import BlockCache

    folder = settings.paths.file_cache_dir
    try:
        BlockCache(folder, settings.file_cache_bytes).clear(settings.platform)
    except OSError as error:
        raise FileTrouble.of(
            folder, "emptied", error, hint=f"or rm -r {name_in_shell(folder)}"
        ) from None
