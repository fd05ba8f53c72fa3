"""Speaks HTTP to a Code Ocean deployment, in both dialects of its data asset API."""
