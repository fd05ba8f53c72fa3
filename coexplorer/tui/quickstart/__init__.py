"""The first frame: saved at exit, shown at the next start before the app is imported."""
