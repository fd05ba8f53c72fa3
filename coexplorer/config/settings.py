"""Profiles, environment and flags → one frozen `Settings`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from coexplorer.config.domain import Address, parse_domain
from coexplorer.config.embedded import get_embedded_server
from coexplorer.config.environment import DOMAINS, TOKENS, find_credentials
from coexplorer.config.file import (
    DEMO,
    ConfigFile,
    FileSettings,
    Profile,
    S3Settings,
    check_profile_name,
    load_config_file,
)
from coexplorer.config.paths import Paths, expand_home, find_paths
from coexplorer.config.people import People, load_people
from coexplorer.config.tokens import (
    FirstOf,
    GivenToken,
    KeyringToken,
    TokenCommand,
    TokenFile,
    TokenSource,
)
from coexplorer.errors import ConfigError, NoProfile
from coexplorer.models import Dialect, Secret

ENVIRONMENT = "environment"
"""Name of the profile that a platform and a token in the environment make (`environment`). It
shares no catalog with a profile of the file: the token may be another person's."""

_SIGN_IN = "sign in: coexplorer login, or look around first: coexplorer demo"


class Settings(msgspec.Struct, frozen=True):
    """Everything that the program was told, in one place.

    Attributes:
        profile: Name of the profile.
        base_url: Scheme and host, without a final slash and without ``/api/v1``.
        domain: Host, and port where there is one.
        token_source: See `load_token`.
        catalog_path: The replica of this profile and domain; need not exist.
        journal_path: The journal of this profile and domain; need not exist.
        dialect: What to assume until the platform was asked; None: nothing.
        keys: Key overrides: action → keys.
        actions: One-key actions: key → ``+TAG``, ``-TAG``, ``archive``, …
        columns: Columns of the list; empty: the program's own choice.
        views: Saved searches of this profile: name → query, in the file's order.
        mount_folder: Where `M` mounts.
        domain_from: Variable of the environment that names the platform; empty: none does.
        saved: True when the profile is in ``config.toml``, so that things can be remembered there.
        people_file: Who signed in with this profile; None: it is always the same person.
        person: The number of who is meant, in the names of the catalog and the journal.
        is_newcomer: Nobody knows yet whose the token is: they may have another number.
        asks_program: A program has the token: nobody knows whose it is before it was asked.
        shares_token: Whoever runs the program with this profile has its token from the same place.
        is_guessed: A program or a keyring has the token, which was not read yet: `person` is who
            was here last.
        warnings: Sentences about settings that have no effect; for front ends to show once.
        notices: Other sentences for the app to open with.
        file_cache_bytes: What may be kept on this disk of the files of assets.
        s3: How the buckets of external assets are read.
    """

    profile: str
    base_url: str
    domain: str
    token_source: TokenSource
    catalog_path: Path
    journal_path: Path
    paths: Paths
    mount_folder: Path
    dialect: Dialect | None = None
    keys: dict[str, tuple[str, ...]] = {}
    actions: dict[str, str] = {}
    columns: tuple[str, ...] = ()
    views: dict[str, str] = {}
    saved: bool = False
    domain_from: str = ""
    people_file: Path | None = None
    person: int = 0
    is_newcomer: bool = False
    is_guessed: bool = False
    asks_program: bool = False
    shares_token: bool = False
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    file_cache_bytes: int = FileSettings().cache_bytes
    s3: S3Settings = S3Settings()

    @property
    def platform(self) -> str:
        """The platform, by a name that stays the same: the demo's port changes at each start."""
        is_demo = self.journal_path.is_relative_to(self.paths.demo_dir)
        return DEMO if is_demo else self.base_url

    def advise_on_token(self) -> str:
        """Return what helps where the platform does not take the token; empty: to sign in again.

        A token that comes from a variable, a file or a program is not the one that signing in
        keeps.
        """
        label = self.token_source.label
        if self.saved and ("config.toml" in label or "keyring" in label):
            return ""
        if label == "the demo":
            return "end the demo and start it again: coexplorer demo"
        return f"the token comes from {label}: put one there that works, with the datasets scope"

    def for_person(self, number: int) -> Settings:
        """Return the same for a person who signed in with this profile."""
        return msgspec.structs.replace(
            self,
            catalog_path=self.paths.catalog_file(self.profile, self.domain, number),
            journal_path=self.paths.journal_file(self.profile, self.domain, number),
            person=number,
            is_newcomer=False,
            is_guessed=False,
        )

    def for_token(self, token: Secret) -> Settings:
        """Return the same for the person whose token this is, as far as that is known here."""
        people = load_people(self.people_file) if self.people_file else People()
        if not people.persons:
            return self
        known = people.find_token(token)
        mine = self.for_person(people.next_number if known is None else known.number)
        is_newcomer = known is None or not known.is_proven
        return msgspec.structs.replace(mine, is_newcomer=is_newcomer)

    def load_token(self) -> Secret:
        """Return the token. May block (a program that asks, a keyring): call it in a thread.

        Raises:
            ConfigError: When there is none.
        """
        secret = self.token_source.load()
        if secret is None:
            raise ConfigError(
                f"profile {self.profile} has no token for {self.domain}",
                hint=f"sign in: coexplorer --profile {self.profile} login {self.domain}",
            )
        return secret


def load_settings(
    *,
    profile: str | None = None,
    domain: str | None = None,
    token_file: Path | None = None,
    env: Mapping[str, str] = os.environ,
) -> Settings:
    """Put flags, environment and ``config.toml`` together (reads files; the token is read later).

    A token is only ever paired with its own domain: its profile's, that of the environment beside
    it, or, for ``token_file``, the one that the user names beside it.

    Args:
        profile: ``--profile``; None: the environment's, the default, or the only one.
        domain: ``--domain``; None: the profile's.
        token_file: ``--token-file``, which wins over every other source.
        env: The environment.

    Raises:
        ConfigError: When it is not clear who is asked or the file is wrong.
    """
    paths = find_paths()
    config = load_config_file(paths.config_file)
    if profile == DEMO:
        return _build_demo(paths, config, domain=domain, token_file=token_file)
    asked = parse_domain(domain) if domain is not None else None
    given = find_credentials(env) if profile is None else None
    if given is not None and asked is not None and parse_domain(given.domain) != asked:
        given = None
    if given is not None:
        found = Profile(name=ENVIRONMENT, domain=given.domain, token=given.token)
        sources: tuple[TokenSource, ...] = (GivenToken(given.token_from, given.token),)
    else:
        if asked is None and profile is None and env.get("CODEOCEAN_DOMAIN"):
            asked = parse_domain(env["CODEOCEAN_DOMAIN"])
        try:
            found = _choose(config, profile, asked, may_invent=token_file is not None)
        except ConfigError as error:
            named = next((name for name in DOMAINS if env.get(name)), "")
            if domain is None and profile is None and named and asked is not None:
                token = TOKENS[DOMAINS.index(named)]
                error.hint = f"set {token}, too, as {named} names this platform; or {error.hint}"
            raise
        sources = _profile_sources(found)
    if token_file is not None:
        sources = (TokenFile(token_file),)
    settings = build_settings(paths, config, found, parse_domain(found.domain), sources)
    return msgspec.structs.replace(
        settings,
        domain_from=given.domain_from if given else "",
        shares_token=settings.saved and given is None and token_file is None,
    )


def find_default(config: ConfigFile) -> str | None:
    """Return the profile that is used where none is named; None: there is none."""
    if config.default_profile is not None:
        return config.default_profile if config.default_profile in config.profiles else None
    return next(iter(config.profiles)) if len(config.profiles) == 1 else None


def _choose(
    config: ConfigFile, name: str | None, asked: Address | None, *, may_invent: bool
) -> Profile:
    """Find the profile that the flags mean.

    Raises:
        ConfigError: When there is none, or it belongs to another domain than the one asked.
    """
    if name is not None:
        return _get_named(config, name, asked, may_invent=may_invent)
    if asked is not None:
        fitting = [p for p in config.profiles.values() if parse_domain(p.domain) == asked]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(p.name for p in fitting)
            raise ConfigError(
                f"several profiles use {asked.domain}: {names}", hint="choose: --profile NAME"
            )
        if may_invent:
            return Profile(name=_name_after(asked), domain=asked.base_url)
        raise ConfigError(
            f"there is no token for {asked.domain}",
            hint=f"sign in: coexplorer login {asked.domain}",
        )
    if config.default_profile is not None:
        return _get_named(config, config.default_profile, None, may_invent=False)
    if len(config.profiles) == 1:
        return next(iter(config.profiles.values()))
    if config.profiles:
        raise ConfigError(
            f"there are several profiles: {', '.join(config.profiles)}",
            hint="choose with --profile NAME, or write default_profile in config.toml",
        )
    raise NoProfile("you are not signed in to any platform", hint=_SIGN_IN)


def _get_named(
    config: ConfigFile, name: str, asked: Address | None, *, may_invent: bool
) -> Profile:
    found = config.profiles.get(name)
    if found is None:
        if asked is not None and may_invent:
            return Profile(name=check_profile_name(name), domain=asked.base_url)
        known = ", ".join(config.profiles) or "none yet"
        raise ConfigError(f"there is no profile {name!r}", hint=f"profiles: {known}; {_SIGN_IN}")
    if asked is not None and parse_domain(found.domain) != asked:
        raise ConfigError(
            f"profile {name} is for {found.domain}, and its token goes nowhere else",
            hint=f"sign in there: coexplorer login {asked.domain}",
        )
    return found


def _profile_sources(profile: Profile) -> tuple[TokenSource, ...]:
    domain = parse_domain(profile.domain).domain
    sources: list[TokenSource] = []
    if profile.token_command:
        sources.append(TokenCommand(profile.token_command))
    sources.append(KeyringToken(keyring_account(profile.name, domain)))
    if profile.token is not None:
        sources.append(GivenToken("config.toml", profile.token))
    return tuple(sources)


def keyring_account(profile: str, domain: str) -> str:
    """Return the account's name in a keyring: with the domain, so that a token keeps to its own."""
    return f"{profile}@{domain}"


def _build_demo(
    paths: Paths, config: ConfigFile, *, domain: str | None, token_file: Path | None
) -> Settings:
    if domain is not None or token_file is not None:
        raise ConfigError(
            "the demo signs in by itself: it takes no token and no domain",
            hint="leave --domain and --token-file out",
        )
    server = get_embedded_server(paths.demo_dir)
    address = parse_domain(server.url)
    profile = Profile(name=DEMO, domain=server.url)
    settings = build_settings(
        paths, config, profile, address, (GivenToken("the demo", server.token),)
    )
    # The demo's port changes from run to run, its data do not: no domain in the files' names.
    return msgspec.structs.replace(
        settings,
        catalog_path=paths.demo_dir / "catalog.sqlite3",
        journal_path=paths.demo_dir / "journal.sqlite3",
        s3=S3Settings(f"{address.base_url}/s3", is_anonymous=True),
    )


def build_settings(
    paths: Paths,
    config: ConfigFile,
    profile: Profile,
    address: Address,
    sources: tuple[TokenSource, ...],
) -> Settings:
    """Put settings together for a profile that need not be in the file (yet).

    Args:
        paths: The program's folders.
        config: The file.
        profile: Whose settings.
        address: Where its domain is.
        sources: Where its token comes from, in their order.
    """
    folder = Path(profile.mount_folder or f"~/codeocean/{profile.name}")
    with contextlib.suppress(ConfigError):  # no home: told where somebody wants to mount there
        folder = expand_home(folder)
    settings = Settings(
        profile=profile.name,
        base_url=address.base_url,
        domain=address.domain,
        token_source=FirstOf(sources, profile.name),
        catalog_path=paths.catalog_file(profile.name, address.domain),
        journal_path=paths.journal_file(profile.name, address.domain),
        paths=paths,
        mount_folder=folder,
        dialect=profile.dialect,
        keys=config.keys,
        actions=config.actions,
        columns=config.columns,
        views=profile.views,
        saved=profile.name in config.profiles,
        people_file=paths.people_file(profile.name, address.domain),
        asks_program=isinstance(sources[0], TokenCommand),
        warnings=config.warnings,
        file_cache_bytes=config.files.cache_bytes,
        s3=profile.s3,
    )
    return settings if profile.name == DEMO else _find_person(settings, sources)


def _find_person(settings: Settings, sources: tuple[TokenSource, ...]) -> Settings:
    """Return the settings with the files of the person whose token it is, as far as that is known.

    What a program or a keyring has is not read here: that may take long, or ask for a passphrase.
    """
    people = load_people(settings.people_file) if settings.people_file else People()
    if not people.persons:
        return settings
    token = _read_quickly(sources)
    if token is None:
        return msgspec.structs.replace(settings.for_person(people.current), is_guessed=True)
    mine = settings.for_token(token)
    if not mine.is_newcomer:
        return mine
    return msgspec.structs.replace(mine, warnings=(*settings.warnings, tell_new(settings.profile)))


def tell_new(profile: str) -> str:
    """Say that nobody knows yet whose a profile's token is."""
    return (
        f"profile {profile} has a new token: if it is another person's, coexplorer shows nothing"
        " of what it knew, and sends nothing that waited"
    )


def _read_quickly(sources: tuple[TokenSource, ...]) -> Secret | None:
    """Return the token, if it stands in a file or came with the settings; None: it may not."""
    for source in sources:
        is_here = isinstance(source, GivenToken) or (
            isinstance(source, TokenFile) and os.path.isfile(source.path)  # noqa: PTH113 - never raises
        )
        if is_here:
            with contextlib.suppress(ConfigError):  # said where it is used
                return source.load()
        if isinstance(source, TokenCommand):
            return None
    return None


def _name_after(address: Address) -> str:
    """Name an unsaved profile after its host."""
    return address.domain.replace(":", "_").strip("[]")
