"""The terminal app. `run` opens it, `welcome` a first start; nothing else is called from outside.

The modules:

    commands,            what can be done: ids, keys, help, why disabled (pure). Footer, palette,
    command_registry     help screen, ``docs/keys.md`` and overrides derive from it
    keys                 which key does what, with the user's overrides and one-key actions (pure)
    browsing, views      the search in force, its order, earlier places; the strip's views (pure)
    columns, facts,      model → cells: rows, details, Markdown (pure; all untrusted text is cleaned
    markdown, tag_text   here, by `coexplorer.text.clean`)
    windows              which rows of a long list are at hand (pure)
    main_state           what the main screen, its actions and its feeds share: the search, marks,
                         fields that are open, what is on its way (plain state)
    marks                what is marked, by which search, and how it looked then (pure)
    log_pages            what the log shows, read a page at a time
    in_flight            changes on their way, for an undo to wait for
    memory               searches, last tags, theme and drafts, in small files beside the journal
    external             $EDITOR, the mount's process, the config file
    themes               colors and the shared style sheet
    messages             what widgets tell their screen, in the past tense
    widgets/             show what they are given, post messages; never call the library
    app_protocol         what screens ask of the app: the app imports them, not they it
    workbench            the main screen without its keys: widgets, state, sizes, marks
    feeds/               read the library for the widgets of the workbench, follow its events
    actions/             what each command of the main screen does: functions of the workbench, by
                         id; they call the library
    screens/             key_queue (keys in their order), openings (what they open), base (keys →
                         commands, workers, errors → notifications), main (leads keys
                         and what widgets tell to actions), and one screen per file for what
                         covers it; they call the library
    quickstart/          the first frame: kept at the exit, shown while the app is still imported
    opening              the one door to it, with the switch that turns it off
    last_screen          what the next start needs of the screen that the app leaves (plain data)
    terminal/            the one place that writes output: cells, differences, pacing,
                         driver; and being a job of a shell: signals, stopping, going on
    app, session         what all screens share; the library opened around them
    welcome              the first start: sign in, or look around in the demo

How a key works: it bubbles to `screens.base.CommandScreen.on_key`, which looks it up in the
keymap and calls `perform(id)`: disabled → the reason is shown; else the handler runs
(`actions.ACTIONS[id]` on the main screen, a method ``do_log_retry`` on the others). A handler that
is async runs in a worker (`start`), where every `CoexplorerError` becomes a notification with its
hint (`report`). Questions are asked in place by `Prompt.ask`, `choose` and `confirm`.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # the first frame comes by here: typing itself costs more than painting it
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from coexplorer.config import Settings


def run(settings: Settings, spell: Callable[[str], str] = str) -> int:
    """Run the terminal app on a profile until the user leaves.

    Returns:
        The exit code.

    Raises:
        CoexplorerError: The journal can't be used, or there is no way to start.
    """
    # Nothing that is imported is garbage: the collector waits until the app is shown.
    gc.disable()
    from coexplorer.tui.terminal.capabilities import lacks_colors  # noqa: PLC0415  see `gc` above

    if lacks_colors(os.environ):
        os.environ["NO_COLOR"] = "1"
        # Textual looks once, when it is imported: only with its own look does it leave colors out.
        os.environ.setdefault("TEXTUAL_THEME", "ansi-dark")
    else:
        os.environ.pop("NO_COLOR", None)  # set to nothing it asks for nothing; Textual differs
    # Textual lets a key wait for the next of its 60 frames a second; when frames may leave is the
    # business of `terminal.pacing`, which knows the link.
    os.environ.setdefault("TEXTUAL_FPS", "250")
    from coexplorer.tui.session import run_session  # noqa: PLC0415  --help must not import Textual

    return run_session(settings, spell)


def welcome() -> Settings | Literal["demo"] | None:
    """Greet a user who has no profile yet.

    Returns:
        The settings of the profile that was made, ``demo`` when the user would rather see that, or
        None when they left.

    Raises:
        SystemExit: A signal ended it.
    """
    from coexplorer.tui.welcome import Answer, WelcomeApp  # noqa: PLC0415  see `run`

    app = WelcomeApp()
    answer = app.run()
    if app.ended_by is not None:
        sys.exit(128 + app.ended_by)
    if answer is Answer.DEMO:
        return "demo"
    return None if answer is Answer.LEAVE else answer
