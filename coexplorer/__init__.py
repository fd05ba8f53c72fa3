"""coexplorer: Code Ocean data assets from a terminal.

Layers, top to bottom (imports go down only; import-linter holds it):
cli; tui and fs; library; api, catalog and demo; config; query, names and assets; models; errors.
"""

__version__ = "0.1.0"
