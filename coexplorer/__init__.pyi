from coexplorer.python import AssetFile, open_file

__version__: str
__all__ = ["AssetFile", "__version__", "open_file"]
