"""The command line: parses, dispatches, prints."""


def main() -> None:
    """Run the console script."""
    raise SystemExit("coexplorer: no command is built yet")
