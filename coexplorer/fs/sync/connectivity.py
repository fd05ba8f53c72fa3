"""Asking the platform for news, and whether it is back when it was away."""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable

import trio

from coexplorer.errors import CoexplorerError, NotSignedIn, OtherPerson
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.sync.health import Health
from coexplorer.library import Library

log = logging.getLogger(__name__)

_REFRESH_S = 60.0
_SAME_TOUCH_S = 0.2
"""``touch`` opens the file and sets its times: that is one question."""
_PROBE_S = 2.0
_AT_ONCE_S = 0.5
_LOOKS = 2


class Connectivity:
    """What is known of the way to the platform, and whoever asks when that has to be known.

    Attributes:
        is_looking: Whether it asks the platform for what is new at the moment.
    """

    def __init__(self, volume: Volume, library: Library, nursery: trio.Nursery) -> None:
        self.health = Health()
        self.is_looking = False
        self._volume = volume
        self._library = library
        self._nursery = nursery
        self._refreshed = trio.current_time()
        self._is_touched = self._is_catching_up = False
        self._asked: trio.Event | None = None
        self._told = ""
        self._refusal = ("", 0.0)

    # --- News

    def refresh_soon(self) -> None:
        """Look for news in the background, at most once a minute for the whole mount."""
        if trio.current_time() - self._refreshed > _REFRESH_S:
            self.refresh_now()

    def refresh_now(self) -> None:
        """Look for news in the background."""
        self._refreshed = trio.current_time()
        self.health.forget_permissions()
        if not self.is_looking:
            self.is_looking = True
            self._nursery.start_soon(self._refresh)

    def catch_up(self) -> None:
        """Read all assets again in the background: news includes edits by others."""
        self.health.forget_permissions()
        self._refreshed = trio.current_time()
        self._is_touched = True
        if not self._is_catching_up:
            self._is_catching_up = True
            self._nursery.start_soon(self._catch_up)

    async def _catch_up(self) -> None:
        """Look until no look began before somebody asked for one: it may have missed their news."""
        try:
            while self._is_touched:
                await trio.sleep(_SAME_TOUCH_S)
                self._is_touched = False
                await self._look(self._library.sync.catch_up)
        finally:
            self._is_catching_up = False

    @property
    def is_reading(self) -> bool:
        """Whether what is new, or everything, is being read from the platform."""
        return self.is_looking or self._is_catching_up

    async def _refresh(self) -> None:
        try:
            await self._look(self._library.sync.refresh)
        finally:
            self.is_looking = False

    async def _look(self, ask: Callable[[], Awaitable[object]]) -> None:
        try:
            await self._signed_in(ask)
        except CoexplorerError as error:
            self.note_failure(error)
        except Exception:
            log.exception("looking for news failed unexpectedly")
        else:
            self.note_success()

    def note_failure(self, error: CoexplorerError) -> None:
        """Note that there was no news, and say why, once; look for another token if it is that."""
        self.health.note(error)
        if error.message != self._told:
            self._told = error.message
            self._volume.report(f"looking for news failed: {error.message}")
            if error.hint:
                self._volume.report(f"what to do: {error.hint}")
        if isinstance(error, NotSignedIn):
            self.check_sign_in()

    def check_sign_in(self) -> None:
        """Ask in the background whether the token is taken, or there is another one now.

        Some platforms say that somebody is not signed in of an asset that is only gone.
        """
        if self._asked is None:
            self._ask_soon()

    def note_success(self) -> None:
        """Note that the platform answered as it should."""
        self.health.note_success()
        if self._told:
            self._told = ""
            self._volume.report("the platform answers again")

    async def _signed_in(self, ask: Callable[[], Awaitable[object]]) -> None:
        """Ask the platform something; with the token of today, if it does not take ours any more.

        Raises:
            CoexplorerError: Whatever the question raises.
        """
        try:
            await ask()
        except NotSignedIn:
            if not await self._sign_in_again():
                raise
            self._volume.report("signed in again, with the new token")
            await ask()

    async def _sign_in_again(self) -> bool:
        """Go on with the token that there is now; nobody else's is taken.

        Raises:
            NotSignedIn: It is somebody else's.
            CoexplorerError: It is not taken either, or there is none.
        """
        try:
            return await self._library.platform.sign_in_again()
        except OtherPerson as error:
            if error.message != self._told:
                self._told = error.message
                self._volume.report(error.message)
            hint = "unmount it, and mount it again: the new mount is theirs"
            raise NotSignedIn(error.message, hint=hint) from error

    # --- Trouble

    async def find_refusal(self, node: Node, *, queues: bool = False) -> int:
        """Return the errno of a write that would be in vain, and log why; 0 when it may go on.

        While trouble with the platform is known, it is asked whether that is over: the first save
        after it must go through.

        Args:
            node: The asset.
            queues: The kernel lets one of these calls at a time go on. Behind each other they would
                wait for a multiple of the deadline, so a silence of a moment ago is believed.
        """
        number = await self._find_trouble(node.slot, queues=queues)
        if number:
            self._report_refusal(f"{node.title}: refused: {self.health.explain(node.slot).message}")
        return number

    def _report_refusal(self, text: str) -> None:
        """Log it once: a shell or an editor that was refused asks again, in other ways, at once."""
        now, (last, reported_at) = trio.current_time(), self._refusal
        self._refusal = (text, now)
        if text != last or now - reported_at > _AT_ONCE_S:
            self._volume.report(text)

    async def _find_trouble(self, slot: int, *, queues: bool) -> int:
        if self.health.may_not_write(slot):
            return errno.EACCES
        for _ in range(_LOOKS):
            if not self.health.trouble or (queues and self.health.was_silent_lately):
                break
            # The question of somebody else may have been put too early: then there is a second.
            joined = self._asked is not None
            await self._ask_once()
            if not joined:
                break
        return self.health.trouble

    async def _ask_once(self) -> None:
        """Wait for an answer, or until it is clear that there is none; one question at a time."""
        asked = self._asked if self._asked is not None else self._ask_soon()
        await asked.wait()

    def _ask_soon(self) -> trio.Event:
        self._asked = trio.Event()
        self._nursery.start_soon(self._ask, self._asked)
        return self._asked

    async def _ask(self, asked: trio.Event) -> None:
        try:
            with trio.move_on_after(_PROBE_S) as patience:
                await self._signed_in(self._library.platform.ping)
                self.note_success()
                self.refresh_now()
            if patience.cancelled_caught:
                self.health.note_silence()
        except CoexplorerError as error:
            self.health.note(error)
        except Exception:
            log.exception("asking the platform failed unexpectedly")
        finally:
            self._asked = None
            asked.set()
