"""The one place where output leaves, and how it leaves: for terminals at the end of a slow link.

The door is `TerminalApp`, the base of the app (`app.py`). Behind it, from the toolkit downwards:
`driver.py` (modes, input, end), `layer.py` (Textual's updates → rows of cells), `diff.py` (rows →
the fewest bytes), `cells.py` (cells and looks), `pacing.py` (when a frame may leave) and
`capabilities.py` (terminfo). `jobs.py` is what a shell can do to a program, and `standing.py` does
it to a first frame. `screen.py` and `compositor.py` draw the rows that changed and no
others. For widgets there are `styles.py`, component styles at the price of those in use, and
`plain.py`, lines that are shown as they are drawn. What is private in Textual and touched here is
listed in `tests/tui/terminal/test_surface.py`, which names what an upgrade changed.
"""
