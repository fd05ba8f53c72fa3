"""Fault scripts: one rule per line (see the package's docstring for the language)."""

from __future__ import annotations

import shlex
from typing import TypedDict, Unpack

from coexplorer.demo.faults.plan import FaultKind, FaultPlan, Rule

LOWEST_STATUS, HIGHEST_STATUS = 200, 599


class FaultScriptError(ValueError):
    """A line that is not a rule; the message names the line."""


class _Options(TypedDict, total=False):
    nth: int
    every: int
    times: int
    after: int
    status: int
    message: str
    code: str
    body: str
    retry_after: str
    seconds: float
    piece_bytes: int
    renew: int


_COUNTS = ("nth", "every", "times", "after", "status", "bytes", "renew")
_OPTIONS = (*_COUNTS, "seconds", "retry-after", "message", "code", "body")


def parse_script(text: str) -> list[Rule]:
    """Read a script.

    Raises:
        FaultScriptError: A line is not a rule.
    """
    plan = FaultPlan()
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
            if words:
                rules.append(_parse_rule(plan, words))
        except ValueError as error:
            raise FaultScriptError(f"line {number}: {error}") from error
    return rules


def _parse_rule(plan: FaultPlan, words: list[str]) -> Rule:
    match words:
        case [method, path, fault, *rest]:
            return _add_rule(plan, method, path, fault, **_parse_options(rest))
        case _:
            raise ValueError("expected METHOD PATH FAULT, as in: GET data_assets/* 503 times=2")


def _add_rule(
    plan: FaultPlan, method: str, path: str, fault: str, **options: Unpack[_Options]
) -> Rule:
    if fault.isdecimal():
        if not LOWEST_STATUS <= int(fault) <= HIGHEST_STATUS:
            raise ValueError(f"{fault} is not a status")
        options["status"] = int(fault)
        return plan.add(FaultKind.STATUS, method, path, **options)
    if fault == FaultKind.STATUS or fault not in set(FaultKind):
        known = ", ".join(kind for kind in FaultKind if kind is not FaultKind.STATUS)
        raise ValueError(f"unknown fault {fault!r}: a status or one of {known}")
    return plan.add(FaultKind(fault), method, path, **options)


def _parse_options(words: list[str]) -> _Options:
    options: _Options = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in _OPTIONS:
            raise ValueError(f"unknown option {word!r}: one of {', '.join(_OPTIONS)}, with =")
        if name == "message":
            options["message"] = value
        elif name == "code":
            options["code"] = value
        elif name == "body":
            options["body"] = value
        elif name == "retry-after":
            float(value.removeprefix("date+"))
            options["retry_after"] = value
        elif name == "seconds":
            options["seconds"] = float(value)
        else:
            _set_count(options, name, value)
    return options


def _set_count(options: _Options, name: str, value: str) -> None:
    if not value.isdecimal() or (int(value) == 0 and name not in {"after", "times"}):
        raise ValueError(f"{name} needs a whole number, not {value!r}")
    count = int(value)
    match name:
        case "nth":
            options["nth"] = count
        case "every":
            options["every"] = count
        case "times":
            options["times"] = count
        case "after":
            options["after"] = count
        case "status":
            options["status"] = count
        case "bytes":
            options["piece_bytes"] = count
        case _:
            options["renew"] = count
