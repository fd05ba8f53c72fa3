r"""What the shell has on its command line, and how it wants what goes on from there.

Names hold blanks, quotes and colons, which mean something to a shell. zsh and fish quote what they
are given, and only want plain texts; bash puts into the line what it is given, instead of what
follows the last character that it takes for the end of a word (a colon is one), so it gets
exactly that, quoted as the user began. Pure, but for the environment that the scripts set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from click import Option
from click.shell_completion import CompletionItem, ShellComplete, _resolve_context

from coexplorer.cli.missing_values import is_negated
from coexplorer.text import clean

_HELP_CELLS = 60
_ENDS_COMMAND = "|;&("
_BREAKS = "\"'><=;|&(:"


class Typed(NamedTuple):
    """A command line up to the cursor.

    Attributes:
        words: The words before the one with the cursor, as the program would get them.
        value: That word, likewise.
        quote: The quote that is open at the cursor; empty: none.
        fixed: What of `value` stands before the part that bash replaces.
    """

    words: tuple[str, ...]
    value: str
    quote: str
    fixed: str


_PIECE = re.compile(
    r"""(?P<end>[\s|;&(])
    | \\(?P<escaped>.)
    | '(?P<single>[^']*)(?P<closes_single>'?)
    | "(?P<double>(?:\\.|[^"\\])*)(?P<closes_double>"?)
    | (?P<plain>.)""",
    re.DOTALL | re.VERBOSE,
)
_IN_DOUBLE = re.compile(r'\\(["$`\\!])')


def read_line(line: str, breaks: str = _BREAKS) -> Typed:
    """Read a command line of a POSIX shell that is not yet ended (pure)."""
    words: list[str] = []
    value, fixed, quote = "", "", ""
    begun = False
    for piece in _PIECE.finditer(line):
        if (end := piece["end"]) is not None:
            words = [] if end in _ENDS_COMMAND else [*words, *([value] if begun else [])]
            value, fixed, begun = "", "", False
            continue
        begun = True
        before = value
        if piece["single"] is not None:
            value += piece["single"]
            quote = "" if piece["closes_single"] else "'"
        elif piece["double"] is not None:
            value += _IN_DOUBLE.sub(r"\1", piece["double"])
            quote = "" if piece["closes_double"] else '"'
        else:
            value += piece["escaped"] or piece["plain"]
        if quote:
            fixed = before
        elif piece["plain"] is None or piece["plain"] in breaks:
            fixed = fixed if piece["escaped"] else value
    return Typed(tuple(words), value, quote, fixed)


def quote_for_bash(text: str, quote: str) -> str:
    """Return a text as bash reads it back, inside a quote that is open or outside any (pure)."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return "".join(f"\\{char}" if char in '"$`\\' else char for char in text)
    return "".join(
        char if char.isalnum() or char in "_-./:,@%+=^" or not char.isascii() else f"\\{char}"
        for char in text
    )


class _Shell(ShellComplete):
    """What the three have in common: choices that can be typed on one line."""

    def choices(self, args: Sequence[str], value: str) -> list[CompletionItem[str]]:
        """Return what goes on from `value`, each as the whole word."""
        if "=" in value and is_negated(value):
            return self._complete_negated(args, value)
        items = self._complete_value(args, value) or self.get_completions([*args], value)
        option, equals, _ = value.partition("=")
        if equals and option.startswith("--"):
            for item in items:
                item.value = f"{option}={item.value}"
        return [item for item in items if item.type != "plain" or str(item.value).isprintable()]

    def _complete_negated(self, args: Sequence[str], value: str) -> list[CompletionItem[str]]:
        """Complete `-name:=x`, which click takes for an option and its value."""
        items = self.get_completions([*args], f"not:{value[1:]}")
        for item in items:
            item.value = f"-{str(item.value).removeprefix('not:')}"
        return items

    def _complete_value(self, args: Sequence[str], value: str) -> list[CompletionItem[str]]:
        """Complete the value of the option before it where that begins with a dash: `-size`.

        click takes it for an option.
        """
        name, equals, typed = value.partition("=")
        if equals and name.startswith("--"):
            before = [*args]
        else:
            before, name, typed = [*args[:-1]], args[-1] if args else "", value
        if not (name.startswith("-") and typed.startswith("-")):
            return []
        ctx = _resolve_context(self.cli, self.ctx_args, self.prog_name, before)
        option = next((each for each in ctx.command.get_params(ctx) if name in each.opts), None)
        if not isinstance(option, Option) or option.is_flag or option.count:
            return []
        return option.shell_complete(ctx, typed)


class BashShell(_Shell):
    """Debian's bash 4.4 and newer."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = """\
%(complete_func)s() {
    local line type text
    COMPREPLY=()
    while IFS=$'\\t' read -r type text; do
        case $type in
        dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
        file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
        part) compopt -o nospace; COMPREPLY+=("$text") ;;
        plain) COMPREPLY+=("$text") ;;
        esac
    done < <(COMP_LINE=$COMP_LINE COMP_POINT=$COMP_POINT COMP_BREAKS=$COMP_WORDBREAKS \\
        COEXPLORER_ALIAS=${BASH_ALIASES[$1]} \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def complete(self) -> str:
        """Return a line for each choice: what bash puts instead of the last part of the word."""
        line = os.environ.get("COMP_LINE", "").encode("utf-8", "surrogateescape")
        point = os.environ.get("COMP_POINT", "")
        cut = line[: int(point)] if point.isdecimal() else line
        typed = read_line(cut.decode("utf-8", "replace"), os.environ.get("COMP_BREAKS") or _BREAKS)
        alias = read_line(f"{os.environ.get('COEXPLORER_ALIAS', '')} ").words
        args = [*_skip_program(alias), *_skip_program(typed.words)]
        items = _prefer_exact(self.choices(args, typed.value), typed.value)
        lines = []
        for item in items:
            text = str(item.value)
            if item.type != "plain":
                lines.append(f"{item.type}\t")
            elif text.startswith(typed.fixed):
                quoted = quote_for_bash(text[len(typed.fixed) :], typed.quote)
                lines.append(f"{'part' if _goes_on(text) else 'plain'}\t{quoted}")
        return "\n".join(lines)


class ZshShell(_Shell):
    """Debian's zsh 5."""

    name: ClassVar[str] = "zsh"
    source_template: ClassVar[str] = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local type text told keep
    local -a texts shown parts parts_shown
    while IFS=$'\\t' read -r type text told; do
        case $type in
        dir) _path_files -/ ;;
        file) _path_files ;;
        keep) keep=yes ;;
        part) parts+=("$text"); parts_shown+=("$text${told:+  -- $told}") ;;
        plain) texts+=("$text"); shown+=("$text${told:+  -- $told}") ;;
        esac
    done < <(COEXPLORER_WORDS="${(pj:\\x1f:)${(@Q)words[1,CURRENT-1]}}" \\
        COEXPLORER_WORD="${(Q)PREFIX}" %(complete_var)s=zsh_complete ${words[1]} 2>/dev/null)
    (( $#texts )) && compadd -U -V choices -l -d shown -a texts
    (( $#parts )) && compadd -U -V parts -l -d parts_shown -S '' -a parts
    if [[ -n $keep && $compstate[insert] == *unambiguous* ]]; then
        compstate[insert]= compstate[list]='list force'
    fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

    def complete(self) -> str:
        """Return a line for each choice: its whole text, and what it is."""
        words, value = _read_words()
        items = self.choices(words, value)
        texts = [str(item.value) for item in items if item.type == "plain"]
        # zsh puts what all have in common instead of what is typed, also where that is less.
        loses = len(texts) > 1 and not _find_common(texts).startswith(value)
        return _tell(items) + ("\nkeep\t\t" if loses else "")


class FishShell(_Shell):
    """Debian's fish 3."""

    name: ClassVar[str] = "fish"
    source_template: ClassVar[str] = """\
function %(complete_func)s
    set -l words (commandline -opc)
    set -lx COEXPLORER_WORDS (string join \\x1f -- $words)
    set -lx COEXPLORER_RAW (commandline -ct)
    set -lx %(complete_var)s fish_complete
    for line in (command $words[1] 2>/dev/null)
        set -l parts (string split \\t -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                __fish_complete_path (commandline -ct)
            case '*'
                printf '%%s\\t%%s\\n' $parts[2] "$parts[3]"
        end
    end
end
complete --no-files --keep-order --command %(prog_name)s --arguments "(%(complete_func)s)"
"""

    def complete(self) -> str:
        """Return a line for each choice: its whole text, and what it is."""
        words, _ = _read_words()
        value = read_line(os.environ.get("COEXPLORER_RAW", "")).value
        return _tell(self.choices(words, value))


SHELLS = (BashShell, ZshShell, FishShell)


def _find_common(texts: Sequence[str]) -> str:
    """Return what all texts begin with (pure)."""
    first, last = min(texts), max(texts)
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:at]
    return min(first, last, key=len)


def _prefer_exact(items: list[CompletionItem[str]], typed: str) -> list[CompletionItem[str]]:
    """Leave out what begins otherwise than it is typed, where there is something that begins so.

    bash puts what all choices have in common instead of what is typed, also where that is less.
    """
    exact = [item for item in items if item.type != "plain" or str(item.value).startswith(typed)]
    return exact or items


def _skip_program(words: Sequence[str]) -> Sequence[str]:
    """Leave out what stands before the program: variables that are set, sudo, and itself."""
    for at, word in enumerate(words):
        if os.path.basename(word).startswith("coexplorer"):  # noqa: PTH119 - no path yet
            return words[at + 1 :]
    return words[1:]


def _read_words() -> tuple[Sequence[str], str]:
    joined = os.environ.get("COEXPLORER_WORDS", "")
    words = joined.split("\x1f")
    return words[1:], os.environ.get("COEXPLORER_WORD", "")


def _tell(items: Iterable[CompletionItem[str]]) -> str:
    return "\n".join(
        f"{'part' if item.type == 'plain' and _goes_on(str(item.value)) else item.type}"
        f"\t{item.value}\t{clean(item.help or '')[:_HELP_CELLS]}"
        for item in items
    )


def _goes_on(text: str) -> bool:
    """Tell whether more is typed behind a choice: the value of a field."""
    return text.endswith((":", "=", "..", "tag:all(")) or text == "keys."
