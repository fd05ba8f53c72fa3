"""The first start: nobody has signed in here yet. Sign in, or look around in the demo."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from coexplorer.config import Settings, find_paths
from coexplorer.config.domain import Address, name_profile, parse_domain
from coexplorer.config.file import Profile, check_profile_name, load_config_file
from coexplorer.config.settings import build_settings
from coexplorer.config.tokens import GivenToken
from coexplorer.errors import CoexplorerError, ConfigError, NotSignedIn
from coexplorer.library import open_library
from coexplorer.models import Secret
from coexplorer.text import clean
from coexplorer.tui.columns import Line, Role, wrap
from coexplorer.tui.credentials import (
    Given,
    find_fault,
    find_given,
    find_tokens,
    read_platform,
    read_token,
)
from coexplorer.tui.messages import TextEntered, TextRefused
from coexplorer.tui.terminal.app import TerminalApp
from coexplorer.tui.terminal.bursts import find_word
from coexplorer.tui.themes import STYLE, build_themes, choose_theme
from coexplorer.tui.widgets.choices import Choice, Choices
from coexplorer.tui.widgets.field import go_on
from coexplorer.tui.widgets.form import FormField
from coexplorer.tui.widgets.lines import Lines
from coexplorer.written import unwrap


class Answer(Enum):
    """What the user wants instead of signing in."""

    DEMO = "demo"
    LEAVE = "leave"


_TEXT: tuple[Line, ...] = (
    (("coexplorer", Role.ACCENT), (": browse, edit and mount Code Ocean data assets", Role.TITLE)),
    (),
    (("You are not signed in yet.", Role.TEXT),),
    (),
)
_CHOICES = (
    Choice("sign in", text="sign in", key="s", help="with an access token from your platform"),
    Choice("demo", text="look around", key="d", help="in a demo with made-up assets, offline"),
    Choice("leave", text="leave", key="q"),
)


class WelcomeApp(TerminalApp[Settings | Answer], inherit_bindings=False):
    """Gives the settings of a new profile, or what the user wants instead."""

    CSS = STYLE + "Lines { height: auto; } FormField { margin: 0 0 0 2; }"
    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__()
        for theme in build_themes():
            self.register_theme(theme)
        self.theme = choose_theme("")
        self.animation_level = "none"
        self._choices = Choices()
        self._domain = FormField("domain", "platform")
        self._domain.field.find_hidden = find_tokens
        self._token = FormField("token", "access token (cop_…)", secret=True)
        self._told = Lines()
        self._skipped = 0

    def compose(self) -> ComposeResult:
        """What this is, and what can be done."""
        text = Lines()
        text.show(_TEXT)
        yield text
        yield self._choices
        yield self._domain
        yield self._token
        yield self._told

    def on_mount(self) -> None:
        """Offer the choices."""
        self._domain.display = self._token.display = False
        self._choices.offer(_CHOICES, at=0)

    async def take_key(self, event: events.Key | events.Paste) -> None:
        """Take keys first, so that those typed ahead act in their order."""
        if not self._take_given(event) and (
            isinstance(event, events.Paste) or not self._take_key(event)
        ):
            await super().take_key(event)

    def _take_given(self, event: events.Key | events.Paste) -> bool:
        """Put a platform and a token that are pasted into their fields, whatever stands there.

        Without brackets they come as keys, a line at a time.
        """
        if not self._domain.display:
            return False
        if isinstance(event, events.Paste):
            given = find_given(event.text)
            if given.platform or given.token:
                # What was typed before may still be on its way to the field.
                self._domain.field.call_later(self._put, given)
            return bool(given.platform or given.token)
        if self._skipped:
            self._skipped -= 1
            return True
        line = find_word(event)
        # A key that acts, such as ctrl+u, does so first; what it is pressed before is typed then.
        given = find_given(line if line.isprintable() else "")
        if not given.platform and not given.token:
            return False
        self._skipped = len(line) - 1
        at = self._token if given.token else self._domain
        self.screen.set_focus(at.field)  # at once: the rest of a long one follows
        self._domain.field.call_later(self._part, given)
        return True

    def _take_key(self, event: events.Key) -> bool:
        """Go through the choices; Esc goes back."""
        if event.key in ("escape", "ctrl+c", "ctrl+q"):
            if self._domain.display and event.key == "escape":
                self.on_mount()
            else:
                self.exit(Answer.LEAVE)
        elif event.key == "ctrl+z":
            self.stop_job(group=True)
        elif self._domain.display:
            return self._leave_domain(event)
        elif event.key in ("down", "j", "tab"):
            self._choices.step(1)
        elif event.key in ("up", "k"):
            self._choices.step(-1)
        elif event.key == "enter" and self._choices.chosen is not None:
            self._choose(self._choices.chosen.value)
        else:
            for choice in _CHOICES:
                if choice.key == event.character:
                    self._choose(choice.value)
        return True

    def _leave_domain(self, event: events.Key) -> bool:
        """Go on to the token at once: what is typed or pasted behind the key follows."""
        if event.key in ("tab", "shift+tab") and self.focused is not None:
            go_on(self.focused, back=event.key == "shift+tab")
            return True
        leaves = event.key == "enter" and self.focused is self._domain.field
        if leaves:
            self.screen.set_focus(self._token.field)
            # What was pasted before the key may still be on its way to the field.
            self._domain.field.call_later(self._take_platform)
        return leaves

    def _take_platform(self) -> None:
        """Name where the token will go, and ask for it; or say what the platform lacks."""
        given = read_platform(self._domain.value)
        if given.token:
            self._domain.field.value = given.platform
        self._part(given)
        address = self._find_address()
        if address is not None:
            self._ask_token(address)

    def _find_address(self) -> Address | None:
        """Return the platform's address, or say what is wrong with it there."""
        text = self._domain.value
        try:
            if text.strip():
                return parse_domain(unwrap(text))
            said = "first say which platform: its name (acme), host or URL"
            if self._token.value:
                said = f"that is an access token, so it was put into its field; {said}"
        except ConfigError as error:
            said = f"{error.message}; {error.hint}".rstrip("; ")
        self.screen.set_focus(self._domain.field)
        self._tell(said, Role.BAD)
        return None

    def _part(self, given: Given) -> None:
        """Put what is given in its field; nobody can read a token there."""
        if given.token:
            self._token.field.replace_all(given.token)
        if given.platform:
            self._domain.field.replace_all(given.platform)

    def _put(self, given: Given) -> None:
        """Put what was pasted in its field, and ask for what is missing."""
        self._part(given)
        address = self._find_address()
        if address is not None:
            self._ask_token(address)

    def on_choices_clicked(self, event: Choices.Clicked) -> None:
        """A click chooses."""
        self._choose(event.choice.value)

    def _choose(self, value: str) -> None:
        if value == "demo":
            self.exit(Answer.DEMO)
        elif value == "leave":
            self.exit(Answer.LEAVE)
        else:
            self._choices.offer(())
            self._domain.display = self._token.display = True
            self._tell("its name (acme), host or URL; Enter goes on, Esc goes back", Role.DIM)
            self.screen.set_focus(self._domain.field)
            self._domain.field.select_all()  # what is typed next is in its place

    def _tell(self, text: str, role: Role) -> None:
        parts = wrap(clean(text), max(1, self.size.width - 2))
        self._told.show([(), *(((f"  {part}", role),) for part in parts)])

    def on_text_entered(self, event: TextEntered) -> None:
        """Go from the token to the platform."""
        if event.field != "token":
            return
        address = self._find_address()
        if address is None:
            return
        given = read_token(self._token.value)
        fault = find_fault(given, address)
        if fault:
            self._tell(fault, Role.BAD)
            self._token.field.select_all()  # what is typed or pasted next is in its place
            return
        self._tell(f"asking {address.domain}…", Role.DIM)
        self.run_worker(self._sign_in(address, Secret(given.token)), exclusive=True)

    def _ask_token(self, address: Address) -> None:
        where = f"the token goes to {address.base_url} and nowhere else"
        how = "Enter sends it" if self._token.value else "make one in your account's settings there"
        self._tell(f"{where}; {how}", Role.DIM)
        self.screen.set_focus(self._token.field)
        self._token.field.enter()

    def on_text_refused(self, event: TextRefused) -> None:
        """Say why a field did not take what was pasted."""
        self._tell(event.reason, Role.BAD)

    async def _sign_in(self, address: Address, token: Secret) -> None:
        try:
            self.exit(await sign_in(address, token))
        except NotSignedIn:
            text = f"not signed in: {address.domain} does not accept this token; try another one"
            self._tell(text, Role.BAD)
            self._token.field.select_all()
        except CoexplorerError as error:
            self._tell(f"{error.message}; {error.hint}".rstrip("; "), Role.BAD)


async def sign_in(address: Address, token: Secret) -> Settings:
    """Try a token on its platform, keep the profile in the config file, return its settings.

    Raises:
        ConfigError: The profile's name is none, or the file can't be written.
        ApiError: The platform does not take the token, or can't be reached.
    """
    from coexplorer.config.write import save_profile  # noqa: PLC0415  TOML is written seldom

    name = name_profile(address)
    check_profile_name(name)
    paths = find_paths()
    kept = address.domain if address.base_url.startswith("https") else address.base_url
    profile = Profile(name=name, domain=kept, token=token)
    given = (GivenToken("what you gave", token),)
    settings = build_settings(paths, load_config_file(paths.config_file), profile, address, given)
    async with open_library(settings, origin="tui") as library:
        await library.platform.sign_in(token)
        settings = library.settings
    save_profile(paths, profile)
    return msgspec.structs.replace(settings, saved=True, shares_token=True)
