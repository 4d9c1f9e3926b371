"""The soak, for a bounded time: whole campaigns of real trials under random faults."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = float(os.environ.get("SOAK_SECONDS", "75"))
SOAK = Path(__file__).parent / "soak.py"


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 200)
def test_campaigns_under_random_faults_come_to_what_they_come_to_undisturbed(tmp_path):
    """`SOAK_SECONDS` sets how long; a failure says the seed and the faults."""
    options = ["--minutes", f"{SECONDS / 60}", "--experiments", "0", "--ideas", "40"]
    command = [sys.executable, str(SOAK), *options, "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout[-6000:])
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
