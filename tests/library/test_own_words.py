"""One user, any order of edits, undos and redos, the platform up or down: the last words win.

A model says what the words come to; after `retry` the platform must show just that.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import NotFound, UndoRefused, Unreachable
from coexplorer.fields import Value
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import Purpose, State
from coexplorer.library.field_diffs import describe_difference
from coexplorer.models import AssetId
from tests.library.conftest import many_assets

TEXTS = ("name", "description", "mount")
TAGS = ("one", "two", "three")
STEPS = 14
DELETES = 0.03
"""How often somebody deletes an asset, of all steps with the platform up."""

Key = tuple[str, str]
"""A field and what of it: a tag, else empty."""
Said = str | bool


@dataclass
class Word:
    """What one entry of the journal says of its asset, as the model sees it."""

    batch: int
    asset: str
    purpose: Purpose
    target: Word | None = None
    parts: dict[Key, tuple[Said, Said]] = field(default_factory=dict)
    left: set[Key] = field(default_factory=set)  # what it was to take back and will not
    beneath: set[Key] = field(default_factory=set)  # what it was not to take back when it was said
    overruled: set[Key] = field(default_factory=set)
    state: str = "pending"
    undone: bool = False
    partly: bool = False
    passed: bool = False  # an undo found its asset gone
    deletes: bool = False
    gave_up: bool = False  # it only ended a word that was not sent
    restored: bool = False  # a redo of that: it waits again, and is sent when it is named

    @property
    def takes_back(self) -> bool:
        return self.target is not None and not self.restored

    @property
    def stands(self) -> bool:
        return self.state == "applied" and not self.undone

    @property
    def can_be_taken_back(self) -> bool:
        return self.stands or self.state == "pending"


@dataclass
class Model:
    """What the platform has, the words that wait, and the changes of the log."""

    has: dict[str, dict[Key, Said]]
    up: bool = True
    gone: set[str] = field(default_factory=set)
    words: list[Word] = field(default_factory=list)
    waiting: dict[tuple[str, Key], list[Word]] = field(default_factory=dict)

    def shows(self, asset: str, key: Key) -> Said:
        """Return what the words so far come to."""
        stack = self.waiting.get((asset, key), [])
        return stack[-1].parts[key][1] if stack else self.has[asset][key]

    def say(self, word: Word, keys: Iterable[Key]) -> None:
        """Put parts of a word above all that waits; what it covers as a whole is given up."""
        keys = set(keys)
        for earlier in self.words:
            waits = earlier.state == "pending" and earlier.asset == word.asset
            if waits and earlier is not word:
                if {*earlier.parts, *earlier.left} <= keys:
                    self.give_up(earlier)
                earlier.overruled |= keys
        for key in keys:
            self.waiting.setdefault((word.asset, key), []).append(word)
        self.words.append(word)
        if self.up and not word.restored:
            self.send(word)

    def give_up(self, word: Word) -> None:
        word.state = "given up"
        for key in word.parts:
            stack = self.waiting.get((word.asset, key), [])
            if word in stack:
                stack.remove(word)

    def send(self, word: Word) -> None:
        """Write what of a word has the last word; nothing else of these parts is ever sent."""
        if word.asset in self.gone:  # nothing is left to take back
            word.state, word.partly = "skipped", True
            if word.target is not None:
                word.target.passed = True
            return
        done = {}
        for key, (now, wanted) in word.parts.items():
            stack = self.waiting.get((word.asset, key), [])
            if word in stack and stack[-1] is word:
                if key in word.beneath and self.has[word.asset][key] not in (now, wanted):
                    word.partly = True  # something newer than what it takes back is there
                elif self.has[word.asset][key] != wanted:
                    done[key] = (self.has[word.asset][key], wanted)
                    self.has[word.asset][key] = wanted
                for below in stack[:-1]:
                    differs = below.parts[key][1] != wanted
                    below.partly |= below.batch > word.batch and differs
                stack.clear()
            elif word in stack:
                stack.remove(word)
        word.state = "applied" if done else "skipped" if word.partly else "unchanged"
        word.parts = done
        if word.target is not None and word.state in ("applied", "unchanged") and not word.partly:
            word.target.undone = True

    def edit(self, batch: int, asset: str, values: dict[Key, Said]) -> None:
        word = Word(batch, asset, Purpose.DO)
        word.parts = {key: (self.has[asset][key], value) for key, value in values.items()}
        self.say(word, word.parts)

    def delete(self, batch: int, asset: str) -> None:
        """Delete an asset, and give up all that waits of it; nothing brings it back."""
        for word in self.words:
            if word.asset == asset and word.state == "pending":
                self.give_up(word)
        self.gone.add(asset)
        self.words.append(Word(batch, asset, Purpose.DO, state="applied", deletes=True))

    def withdraw(self, word: Word) -> None:
        """Give up a word that waits; an edit with what it had taken the place of."""
        for key in word.parts:
            stack = self.waiting.get((word.asset, key), [])
            if word in stack and not word.takes_back:
                stack[:] = [each for each in stack if each.batch >= word.batch]
        self.give_up(word)

    def reverse(self, batch: int, purpose: Purpose, word: Word) -> None:
        """Take one word back: what was done of it, or what waits of it.

        An undo leaves a text alone that this user has set otherwise since, be it sent or not.
        """
        back = Word(batch, word.asset, purpose, target=word)
        if word.state == "pending":
            taken = {
                key: values
                for key, values in word.parts.items()
                if (stack := self.waiting.get((word.asset, key))) and stack[-1] is word
            }
            self.withdraw(word)
            back.gave_up = bool(taken) and not word.takes_back
            back.state = "applied" if back.gave_up else "unchanged"
            back.parts = {key: (mine, base) for key, (base, mine) in taken.items()}
            self.words.append(back)
            return
        for earlier in self.words:
            if earlier.target is word and earlier.state == "pending":
                self.withdraw(earlier)
        back.parts = {key: (after, before) for key, (before, after) in word.parts.items()}
        back.restored = word.undone = word.gave_up
        said = []
        for key, (now, wanted) in dict(back.parts).items():
            stack = self.waiting.get((word.asset, key), [])
            shown = self.shows(word.asset, key)
            newer = not stack or stack[-1].batch > word.batch
            if key[0] not in TEXTS or shown == now or not newer:
                said.append(key)
            elif stack:  # it would be said if what is above it were taken back
                stack.insert(-1, back)
                back.beneath.add(key)
                back.partly |= self.up and not back.restored and shown != wanted
            elif shown != wanted:
                back.partly = True
                back.left.add(key)
                del back.parts[key]
        self.say(back, said)

    def retry(self) -> None:
        waiting = [word for word in self.words if word.state == "pending"]
        for word in waiting:
            stacks = [self.waiting.get((word.asset, key), []) for key in word.parts]
            places = [(stack, stack.index(word)) for stack in stacks if word in stack]
            if word.left <= word.overruled and not any(
                place == len(stack) - 1 or any(each.batch < word.batch for each in stack[place:])
                for stack, place in places
            ):
                word.state = "given up"
        for word in waiting:
            if word.state == "pending":
                self.send(word)

    def last(self, purposes: tuple[Purpose, ...]) -> int | None:
        """Return the change that a plain undo or redo is about."""
        found = [
            word.batch
            for word in self.words
            if word.purpose in purposes
            and not word.passed
            and (word.can_be_taken_back or (word.state == "skipped" and not word.undone))
        ]
        return max(found, default=None)

    def of(self, batch: int) -> list[Word]:
        return [word for word in self.words if word.batch == batch]


class Person:
    """Says the same to the library and to the model.

    Args:
        library: A session.
        server: Its platform.
        seed: Of what is said.
    """

    def __init__(self, library: Library, server: DemoServer, seed: int) -> None:
        self.library = library
        self.server = server
        self.dice = random.Random(seed)
        self.assets = many_assets(server, 3)
        self.model = Model({asset: read_asset(server, asset) for asset in self.assets})
        self.said: list[str] = []

    async def step(self) -> None:
        steps = [self.edit, self.edit, self.edit, self.undo, self.undo, self.redo, self.plug]
        if self.model.up and len(self.assets) > 1 and self.dice.random() < DELETES:
            await self.delete()
        else:
            await self.dice.choice(steps)()

    async def delete(self) -> None:
        asset = self.assets.pop(self.dice.randrange(len(self.assets)))
        result = await self.library.changes.delete(AssetId(asset), archive_first=True)
        self.said.append(f"{result.batch_id}: delete {asset}")
        self.model.delete(result.batch_id, asset)

    async def plug(self) -> None:
        """Pull the plug of the platform, or put it back in."""
        self.model.up = not self.model.up
        self.said.append("up" if self.model.up else "down")
        if self.model.up:
            self.server.start()
            if self.dice.random() < 0.3:
                await self.retry()
            await self.library.sync.sweep()
        else:
            self.server.stop()
            with pytest.raises(Unreachable):
                await self.library.platform.ping()

    async def edit(self) -> None:
        chosen = self.dice.sample(self.assets, min(len(self.assets), self.dice.choice((1, 1, 2))))
        values: dict[Key, Said] = {}
        if self.dice.random() < 0.25:
            values["archived", ""] = not self.model.shows(chosen[0], ("archived", ""))
        else:
            for name in self.dice.sample([*TEXTS, *TAGS], self.dice.choice((1, 1, 2, 3))):
                if name in TEXTS:
                    values[name, ""] = f"{name} {len(self.said)}"
                else:
                    values["tags", name] = self.dice.random() < 0.5
        change = build_change(values)
        plan = await self.library.changes.plan([AssetId(asset) for asset in chosen], change)
        report = await self.library.changes.apply(plan)
        self.said.append(f"{report.batch_id}: {change.title} of {chosen}")
        for asset in chosen:
            self.model.edit(report.batch_id, asset, values)

    async def undo(self) -> None:
        everything = {word.batch for word in self.model.words if word.can_be_taken_back}
        if not everything or self.dice.random() < 0.5:
            await self.take_back(None, Purpose.UNDO)
        else:
            await self.take_back(self.dice.choice(sorted(everything)), Purpose.UNDO)

    async def redo(self) -> None:
        await self.take_back(None, Purpose.REDO)

    async def take_back(self, batch: int | None, purpose: Purpose) -> None:
        """Take back a change; None: what a plain undo or redo is about."""
        if batch is None:
            both = (Purpose.DO, Purpose.REDO)
            last = self.model.last(both if purpose is Purpose.UNDO else (Purpose.UNDO,))
            words = [] if last is None else self.model.of(last)
            call = (
                self.library.changes.undo if purpose is Purpose.UNDO else self.library.changes.redo
            )
            if not any(word.can_be_taken_back for word in words):
                self.said.append(f"{purpose} in vain")
                try:
                    report = await call()
                except UndoRefused:
                    return
                await self.fail(f"{purpose} has taken back {report}")
            try:
                report = await call()
            except UndoRefused as error:
                if any(word.deletes for word in words):
                    return
                await self.fail(f"{error} and not {purpose} of {words}")
        else:
            words = self.model.of(batch)
            if any(word.deletes for word in words):
                with pytest.raises(UndoRefused):
                    await self.library.changes.undo(batch)
                return
            report = await self.library.changes.undo(batch)
            was_undo = words[0].purpose is Purpose.UNDO
            purpose = Purpose.REDO if was_undo else Purpose.UNDO
        number = words[0].batch
        self.said.append(f"{report.batch_id}: {purpose} of {number}")
        noted = await self.library.log.batch(report.batch_id)
        if (noted.purpose, noted.reverses) != (purpose, number):
            await self.fail(f"{noted} does not take {number} back")
        for word in reversed(words):
            if word.can_be_taken_back:
                self.model.reverse(report.batch_id, purpose, word)

    async def retry(self) -> None:
        self.said.append("retry")
        kept = [entry.id for entry in await self.library.log.kept()]
        for number in kept[:: self.dice.choice((1, -1))]:
            try:
                result = await self.library.changes.retry(number)
            except NotFound:
                continue
            why = result.error.message if result.error else ""
            if result.state in (State.CONFLICT, State.REFUSED) or "elsewhere" in why:
                await self.fail(f"entry {number} is {result.state}: {why}")
        assert await self.library.log.kept() == [], self.said
        self.model.retry()

    async def fail(self, why: str) -> NoReturn:
        """Fail with all that was said and that the log says of it."""
        entries = sorted(await self.library.log.entries(limit=1000), key=lambda entry: entry.id)
        log = [
            f"entry {each.id} of {each.batch_id}, {each.asset_id[:8]}: {each.action} {each.state}"
            f" {describe_difference(each.base, each.mine) if each.base and each.mine else ''}"
            f" reverses {each.reverses} undone by {each.undone_by}: {each.reason}"
            for each in entries
        ]
        pytest.fail("\n".join([why, *self.said, *log]))

    async def end(self) -> None:
        if not self.model.up:
            await self.plug()
        await self.retry()
        for asset in self.assets:
            found = read_asset(self.server, asset)
            if found != self.model.has[asset]:
                wanted = self.model.has[asset]
                differing = {
                    key: (found[key], wanted[key]) for key in wanted if found[key] != wanted[key]
                }
                await self.fail(f"{asset}: found and wanted: {differing}")


def build_change(values: dict[Key, Said]) -> Change:
    if ("archived", "") in values:
        return Change(archive=bool(values["archived", ""]))
    texts: dict[str, Value] = {name: str(value) for (name, tag), value in values.items() if not tag}
    tags = {tag: value for (name, tag), value in values.items() if tag}
    return Change(
        values=texts,
        add_tags=tuple(tag for tag, wanted in tags.items() if wanted),
        remove_tags=tuple(tag for tag, wanted in tags.items() if not wanted),
    )


def read_asset(server: DemoServer, asset: str) -> dict[Key, Said]:
    """Return all that the words are about, as the platform has it."""
    stored = server.store.get(asset)
    texts: dict[Key, Said] = {(name, ""): getattr(stored, name) or "" for name in TEXTS}
    tags: dict[Key, Said] = {("tags", tag): tag in stored.tags for tag in TAGS}
    return {**texts, **tags, ("archived", ""): stored.archived}


@pytest.mark.parametrize("seed", range(40))
async def test_the_last_words_win_whatever_kind_each_was(
    library: Library, server: DemoServer, seed: int
) -> None:
    await library.sync.sweep()
    person = Person(library, server, seed)
    await library.sync.sweep()
    for _ in range(STEPS):
        await person.step()
    await person.end()
