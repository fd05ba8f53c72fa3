"""How long a test waits for a condition: longer if the machine is busy."""

import os


def stretched(seconds: float) -> float:
    """Return a time that is as generous on a busy machine as `seconds` are on a quiet one.

    The load is how many processes want to run; beside our own workers, each of them gets the
    cores' share of that.
    """
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
