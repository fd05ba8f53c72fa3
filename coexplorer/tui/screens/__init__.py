"""Screens: they arrange widgets, start workers, and turn errors into notifications."""
