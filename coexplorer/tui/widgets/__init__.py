"""Widgets: they show what they are given and say what happened; none knows the library."""
