"""The mount: assets as directories."""
