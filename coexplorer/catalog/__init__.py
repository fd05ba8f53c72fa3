"""The local replica: one SQLite file for each profile, which can be deleted at any time."""
