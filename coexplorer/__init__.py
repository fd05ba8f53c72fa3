"""coexplorer: Code Ocean data assets from a terminal, and their files from Python.

    import coexplorer
    with coexplorer.open_file("ecephys_655019", "behavior/trials.csv") as file:
        start = file.read(1000)

These names are imported when they are first used, so importing coexplorer costs nothing.
``__init__.pyi`` has their types.

Layers, top to bottom (imports go down only; import-linter holds it):
cli; doctor; tui, fs and python; library; s3; api, catalog, demo, remote_files and previews; config;
asset_body; asset_extras; query, names, assets, written, cells, computations, folders and
sharing; metadata; lenient_json, text and spelling; errors; models; fields.
"""

__version__ = "0.1.0"
__all__ = ["AssetFile", "__version__", "open_file"]


def __getattr__(name: str) -> object:
    """Import a public name."""
    if name not in {"AssetFile", "open_file"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 # commands start without it

    found: object = getattr(import_module("coexplorer.python"), name)
    globals()[name] = found
    return found
