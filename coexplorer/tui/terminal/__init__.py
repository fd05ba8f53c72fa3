"""The one place that writes to the terminal, made for slow links.

The entrance is `TerminalApp`, the base of the app (`app.py`). Behind it, from the toolkit down:
`driver.py` (modes, input, end), `layer.py` (Textual's updates → rows of cells), `diff.py` (rows →
the fewest bytes), `cells.py` (cells and looks), `pacing.py` (when to send a frame) and
`capabilities.py` (terminfo). `jobs.py` handles what a shell can do to a program, and `standing.py`
does so for a first frame. `screen.py` and `compositor.py` draw only the rows that changed. For
widgets there are `styles.py`, component styles that cost only when used, and `plain.py`, lines that
are shown as they are drawn. Private parts of Textual that are used here are listed in
`tests/tui/terminal/test_surface.py`, which names what an upgrade changed.
"""
