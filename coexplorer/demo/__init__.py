"""An embedded Code Ocean: a real HTTP server over its own SQLite file, encoded by hand."""
