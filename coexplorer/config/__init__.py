"""Profiles, tokens and places, read from files, environment and flags."""
