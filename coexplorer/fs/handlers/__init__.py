"""One module for each kind of request: look up, open and read, rename, tag, control files."""
