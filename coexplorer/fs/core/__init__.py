"""What a mount holds in memory: the tree of assets, file contents, scratch files, the log."""
