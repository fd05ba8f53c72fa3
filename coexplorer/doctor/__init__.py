"""Says what is wrong on this machine, in its settings, or on the way to the platform.

`diagnose` is the way in. It works where nothing else does: with broken settings, without a profile
or a network, on a disk that can't be written; and it changes nothing.
"""

from coexplorer.doctor.diagnosis import diagnose
from coexplorer.doctor.findings import CHECKS, CheckState, Finding

__all__ = ["CHECKS", "CheckState", "Finding", "diagnose"]
