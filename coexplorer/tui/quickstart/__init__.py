"""The first frame of the next start: kept at the exit, shown before the app is imported."""
