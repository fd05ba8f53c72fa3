"""Random reads while everything goes wrong; ``benchmarks/check_reads.py`` does it for longer."""

import os
import random
from pathlib import Path

from benchmarks.check_reads import Checker


async def test_random_reads_with_faults_never_give_a_wrong_byte(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4), "little")
    checker = Checker(tmp_path / "checked", random.Random(seed))
    await checker.run(rounds=2, reads=30)
    assert checker.wrong == [], f"seed {seed}"
    assert checker.over == 0, f"seed {seed}"
    assert checker.told["hung"] == 0, f"seed {seed}"
    assert checker.told["reads"] > 50, f"seed {seed}: {checker.told}"
