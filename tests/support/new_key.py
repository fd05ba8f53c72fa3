"""Where a new key of a deployment's schema must appear: each place, and the test that looks.

A new front end, or a new place in one, is a line here and a look in that test.
"""

from typing import Final

_COMMANDS = "tests/cli/test_metadata.py::test_a_new_key_is_everywhere_in_commands"
_APP = "tests/tui/test_metadata.py::test_a_new_key_is_shown_and_edited_in_the_app"
_MOUNT = (
    "tests/fs/test_metadata_file.py"
    "::test_a_save_is_one_change_and_a_wrong_value_is_refused_with_what_is_allowed"
)

PLACES: Final = {
    "the list of keys": _COMMANDS,
    "completion in the shell": _COMMANDS,
    "the editor's document": _COMMANDS,
    "what show prints": _COMMANDS,
    "the columns of a list": _COMMANDS,
    "the search language": _COMMANDS,
    "the app's fields": _APP,
    "the mount's file": _MOUNT,
}
