"""What widgets tell their screen: facts, in the past tense. A widget never asks the library."""

from __future__ import annotations

from textual.message import Message

from coexplorer.fields import Fields


class RowHighlighted(Message):
    """The cursor of the list came to rest on another row, or its row changed."""

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__()


class RowChosen(Message):
    """A row was clicked twice: the user wants its details."""


class RowsMissed(Message):
    """The list shows rows that are not loaded.

    Attributes:
        offset: The first one.
        limit: How many from there on.
    """

    def __init__(self, offset: int, limit: int) -> None:
        self.offset = offset
        self.limit = limit
        super().__init__()


class DetailsResized(Message):
    """The details have another width: what they show is to be laid out again."""


class ViewClicked(Message):
    """A view of the strip was clicked."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__()


class CommandClicked(Message):
    """A command of the footer was clicked."""

    def __init__(self, command_id: str) -> None:
        self.command_id = command_id
        super().__init__()


class TextTyped(Message):
    """The text of a completing field changed, or its cursor moved.

    Attributes:
        field: Which field.
    """

    def __init__(self, field: str, text: str, cursor: int) -> None:
        self.field = field
        self.text = text
        self.cursor = cursor
        super().__init__()


class TextEntered(Message):
    """A completing field was left with Enter."""

    def __init__(self, field: str, text: str) -> None:
        self.field = field
        self.text = text
        super().__init__()


class TextAbandoned(Message):
    """A completing field was left with Esc."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__()


class TextRefused(Message):
    """A field did not take what was pasted.

    Attributes:
        reason: Why not.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class CopyWanted(Message):
    """The key that copies was pressed in a field.

    Attributes:
        text: What is selected; empty: nothing.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()


class FieldLeft(Message):
    """A key that may have moved the focus out of a field was handled, and all that it posted.

    Attributes:
        turn: Which of them.
        followed: It comes after what a form posted instead of the field's own messages.
    """

    def __init__(self, turn: int, *, followed: bool = False) -> None:
        self.turn = turn
        self.followed = followed
        super().__init__()


class Switched(Message):
    """A switch of a form was switched."""

    def __init__(self, switch: str, *, on: bool) -> None:
        self.switch = switch
        self.on = on
        super().__init__()


class HistoryWanted(Message):
    """The user went up out of a completing field: earlier texts are wanted as its choices."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__()


class FieldsTyped(Message):
    """Something was typed in the fields that are edited in place: the draft is to be kept."""

    def __init__(self, mine: Fields) -> None:
        self.mine = mine
        super().__init__()


class FieldsEntered(Message):
    """The fields that were edited in place are to be saved."""

    def __init__(self, mine: Fields) -> None:
        self.mine = mine
        super().__init__()
