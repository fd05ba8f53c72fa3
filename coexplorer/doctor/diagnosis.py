"""Puts the checks together: what must be known first, what is asked side by side, what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import COMMAND_TIMEOUT_S
from coexplorer.doctor.buckets import look_at_buckets
from coexplorer.doctor.files import (
    look_at_cache,
    look_at_catalog,
    look_at_disk,
    look_at_folders,
    look_at_journal,
    look_at_locks,
    look_at_texts,
)
from coexplorer.doctor.findings import CHECKS, CheckState, Finding, pass_check, skip_check
from coexplorer.doctor.machine import look_at_fuse, look_at_mounts_here, look_at_versions
from coexplorer.doctor.network import ANSWER_S, look_at_network, look_at_token, look_at_way
from coexplorer.doctor.running import Check, iter_checks, run_checks
from coexplorer.doctor.settings import Asked, Subject, look_at_settings
from coexplorer.errors import ConfigError

_SHORT_S = 10.0
_FILE_S = 15.0
_WAY_S = 2 * ANSWER_S + 5
_WAY = {"network", "proxy", "certificates", "connection", "clock", "token", "platform"}
_TOKEN_S = COMMAND_TIMEOUT_S + 2 * ANSWER_S + 5
"""A program that gives the token may be asking for a passphrase."""


def diagnose(
    asked: Asked, *, tell: Callable[[Sequence[Finding]], None] | None = None
) -> list[Finding]:
    """Look at everything, and return what was found in the order of `CHECKS`.

    It takes seconds, and never longer than the longest deadline of a check. Nothing is changed.

    Args:
        asked: What the command line gives.
        tell: Told what was found as soon as it is known, what goes together in one piece: first of
            this machine, in the order of `CHECKS`, then of the way to the platform.
    """
    subject = Subject()
    settings = Check(("settings", "profile"), lambda: look_at_settings(subject, asked), _SHORT_S)
    found: list[Finding] = []
    way: list[Finding] = []

    def note(news: Sequence[Finding]) -> None:
        found.extend(news)
        if tell is not None and news:
            tell(_sort(news))

    note(run_checks([settings]))
    checks = list(_list_checks(subject))
    names = {name for check in checks for name in check.names} - _WAY
    in_turn = [name for name in CHECKS if name in names]
    early: dict[str, list[Finding]] = {}
    for news in iter_checks(checks):
        # What the way to the platform is the cause of is told with it.
        for each in news:
            (way if each.check in _WAY else early.setdefault(each.check, [])).append(each)
        while in_turn and in_turn[0] in early:  # the same order each time, whoever is faster
            note(early.pop(in_turn.pop(0)))
    missing = [name for name in CHECKS if name not in {each.check for each in (*found, *way)}]
    note([*_explain_by_cause(way), *(skip_check(name, "no profile to check") for name in missing)])
    return _sort(found)


def _sort(found: Iterable[Finding]) -> list[Finding]:
    order = list(CHECKS)
    return sorted(found, key=lambda each: order.index(each.check))


def _list_checks(subject: Subject) -> Iterator[Check]:
    base_url, settings = subject.base_url, subject.settings
    yield Check(("network",), lambda: look_at_network(base_url), _SHORT_S)
    yield Check(
        ("proxy", "certificates", "connection", "clock"), lambda: look_at_way(base_url), _WAY_S
    )
    if settings is not None:
        yield Check(("token", "platform"), lambda: look_at_token(settings), _TOKEN_S)
    yield Check(("fuse",), look_at_fuse, _SHORT_S)
    yield Check(("versions",), look_at_versions, _SHORT_S)
    if subject.paths is not None:
        yield from _list_of_folders(subject.paths, subject)


def _list_of_folders(paths: Paths, subject: Subject) -> Iterator[Check]:
    settings = subject.settings
    yield Check(("mounts",), lambda: look_at_mounts_here(paths), _SHORT_S)
    yield Check(("folders",), lambda: look_at_folders(paths), _SHORT_S)
    yield Check(("locks",), lambda: look_at_locks(paths), _SHORT_S)
    yield Check(("disk",), lambda: look_at_disk(paths), _SHORT_S)
    if settings is not None:
        yield Check(("cache",), lambda: look_at_cache(settings), _SHORT_S)
        yield Check(("buckets",), lambda: look_at_buckets(settings), _FILE_S)
    limit_s = _FILE_S
    if settings is not None and settings.is_guessed:
        limit_s += COMMAND_TIMEOUT_S  # the files are of whose token the program has
    for name, look in _OF_A_PERSON:
        yield Check((name,), partial(_look_at_theirs, look, paths, settings), limit_s)


_OF_A_PERSON: Sequence[tuple[str, Callable[[Paths, Settings | None], Iterator[Finding]]]] = (
    ("catalog", look_at_catalog),
    ("journal", look_at_journal),
    ("texts", look_at_texts),
)


def _look_at_theirs(
    look: Callable[[Paths, Settings | None], Iterator[Finding]],
    paths: Paths,
    settings: Settings | None,
) -> Iterator[Finding]:
    """Look at files of the person whose token there is now."""
    if settings is not None and settings.is_guessed:
        with suppress(ConfigError):  # told by the check of the token
            settings = settings.for_token(settings.load_token())
    yield from look(paths, settings)


def _explain_by_cause(found: list[Finding]) -> Iterator[Finding]:
    """Leave a cause alone: what failed only because of it was not really looked at."""
    states = {each.check: each.state for each in found}
    ways = ("network", "proxy", "certificates", "connection")
    cause = next((name for name in ways if states.get(name) is CheckState.FAULT), "")
    # Certificates that can't be read are so without any network; those of a platform that was not
    # reached are not at fault.
    follows = {"proxy", "connection", "platform", "network"}
    for each in found:
        if each.check == "network" and states.get("connection") is CheckState.OK:
            told = "the platform answers" if each.state is CheckState.FAULT else each.message
            yield pass_check("network", told)
        elif cause and each.state is CheckState.FAULT and each.check in follows - {cause}:
            yield skip_check(each.check, f"fix first: {cause}")
        else:
            yield each
