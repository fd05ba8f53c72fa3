"""Screens: they put widgets together, start workers, and turn errors into notifications."""
