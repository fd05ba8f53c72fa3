"""The one door to `quickstart`: the first frame, and the switch that turns it off.

While `SWITCH` is set, nothing of `quickstart` is imported, and the app opens and ends as it does
where no frame was kept. The first frame comes by here: this module imports nothing that costs.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing itself costs more than the frame
if TYPE_CHECKING:
    from collections.abc import Sequence

    from coexplorer.tui.last_screen import LastScreen
    from coexplorer.tui.quickstart.first_frame import ListBehind
    from coexplorer.tui.quickstart.standing import Painted
    from coexplorer.tui.terminal.cells import Row

SWITCH = "COEXPLORER_STOCK_OUTPUT"
"""Environment variable: when set, there is no first frame, and the app writes as Textual does."""

_is_painted = False


def is_on() -> bool:
    """Tell whether there may be a first frame, and output of our own."""
    return not os.environ.get(SWITCH)


def paint(version: str) -> bool:
    """Paint the frame that the last run kept; tell whether there is one that is true.

    Args:
        version: The program's.
    """
    global _is_painted  # noqa: PLW0603 - one process, one terminal
    if is_on():
        from coexplorer.tui.quickstart import first_frame  # noqa: PLC0415 - behind the switch

        _is_painted = first_frame.paint(os.environ, version, _open_list)
    return _is_painted


def _open_list(rows: bytes, look: bytes, catalog: str, size: tuple[int, int]) -> ListBehind | None:
    from coexplorer.tui.quickstart.list_view import open_list  # noqa: PLC0415 - 20 times the frame

    return open_list(rows, look, catalog, size)


def take() -> Painted | None:
    """Hand the screen over to the app; None when nothing was painted."""
    if not _is_painted:
        return None
    from coexplorer.tui.quickstart import first_frame  # noqa: PLC0415 - behind the switch

    return first_frame.take()


def read_rows(painted: Painted) -> Sequence[Row]:
    """Return the rows that are on the screen.

    Raises:
        ValueError: What was kept is not a frame.
    """
    from coexplorer.tui.quickstart.codec import decode_rows  # noqa: PLC0415 - behind the switch

    return painted.drawn or decode_rows(painted.rows)


def hand_over() -> None:
    """Leave the terminal to the app: it gives it back from here on."""
    if _is_painted:
        from coexplorer.tui.quickstart import first_frame  # noqa: PLC0415 - behind the switch

        first_frame.hand_over()


def stop(*, group: bool) -> bool:
    """Stop the process, on a frame that the app has not taken over; tell whether there is one."""
    if not _is_painted:
        return False
    from coexplorer.tui.quickstart import first_frame  # noqa: PLC0415 - behind the switch

    return first_frame.stop(group=group)


def go_on() -> None:
    """After a stop that can't be caught, repaint the first frame, if one stands."""
    if _is_painted:
        from coexplorer.tui.quickstart import first_frame  # noqa: PLC0415 - behind the switch

        first_frame.go_on()


def give_up() -> None:
    """Give the terminal back as it was, if the app did not come to take over."""
    if _is_painted:
        from coexplorer.tui.quickstart import first_frame  # noqa: PLC0415 - behind the switch

        first_frame.give_up()


def keep(version: str, last: LastScreen) -> None:
    """Keep the screen that the next start opens with.

    Args:
        version: The program's.
        last: The screen.

    Raises:
        OSError: It can't be written; there will be no first frame.
    """
    from coexplorer.tui.quickstart import codec, first_frame  # noqa: PLC0415 - behind the switch

    first_frame.keep(os.environ, version, codec.build_frame(last))
