"""What did the laboratory measure of the lead? One well a run, as Novum's oracle `plate` gives it.

Status 65 means that the molecule has no score, for a reason that is told (what cannot be read, what
is beyond the limits of the assay); 2 that the lab's own files are not sound; 75 that there is no
value yet.
"""

import sys

if __name__ == "__main__":  # what lies in this directory cannot pose as a library
    sys.path[:] = sys.path[1:]

import json
import os
from pathlib import Path

from novum.errors import NovumError
from novum.lab import read_lab
from novum.molecule.lead import SeriesError, read_series
from novum.molecule.oracles import read_oracle
from novum.molecule.scores import Status

LAB = Path(__file__).resolve().parent
REFUSED, UNSOUND, LATER = 65, 2, 75


def main() -> int:
    try:
        metric = read_lab(LAB).metric.name
        oracle = read_oracle(LAB / "oracle.toml")
        lead = read_series(Path(os.environ.get("NOVUM_ARTIFACTS", LAB)) / "lead.smi")[-1]
    except SeriesError as error:
        return say(str(error), REFUSED)
    except NovumError as error:
        return say(str(error), UNSOUND)
    (score,) = oracle.score([lead.smiles])
    if score.value is None:
        waits = score.status in {Status.PENDING, Status.UNAVAILABLE}
        return say(f"{lead.name}: {score.reason}", LATER if waits else REFUSED)
    numbers = {metric: score.value, **score.numbers}
    for name, value in numbers.items():
        print(f"{name}: {value:.6g}")
    if result := os.environ.get("NOVUM_RESULT"):
        Path(result).write_text(json.dumps(numbers) + "\n")
    return 0


def say(reason: str, status: int) -> int:
    print(reason, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
