"""coexplorer: Code Ocean data assets from a terminal.

Layers, top to bottom (imports go down only; import-linter holds it):
cli; doctor; tui and fs; library; api, catalog, demo, remote_files and previews; config; asset_body;
asset_extras; query, names, assets, written, cells, computations, folders and sharing; metadata;
lenient_json, text and spelling; errors; models; fields.
"""

__version__ = "0.1.0"
