"""The one place where output leaves: cells, the difference between screens, and pacing."""
