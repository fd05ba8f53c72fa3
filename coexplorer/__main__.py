"""``python -m coexplorer`` is the console script."""

from coexplorer.cli import main

if __name__ == "__main__":
    main()
