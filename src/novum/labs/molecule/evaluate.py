"""What is the lead worth? It is read, filtered, and then docked, with the trial's own seed.

Run it after a trial, where the trial's code can no longer reach (the machine does so):

    python evaluate.py                      # reads $NOVUM_ARTIFACTS/lead.smi and the lab's files,
    python evaluate.py --split holdout      # writes $NOVUM_RESULT

A molecule is refused with one line and status 65: what cannot be read, what filters.toml does not
let pass, what cannot be docked. Status 2 means that the lab's own files are not sound, and 75 that
there is no answer yet, which is nobody's fault. It imports novum, which no trial can see.
"""

import sys

if __name__ == "__main__":  # what lies in this directory cannot pose as a library
    sys.path[:] = sys.path[1:]

import argparse
import json
import os
from pathlib import Path

from novum.errors import NovumError
from novum.molecule.measuring import NoAnswerYetError, RefusedError, Trial, measure

LAB = Path(__file__).resolve().parent
REFUSED, UNSOUND, LATER = 65, 2, 75


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", choices=["validation", "holdout"], default="validation")
    split = parser.parse_args().split
    cache = os.environ.get("NOVUM_CACHE")
    trial = Trial(
        lab=LAB,
        artifacts=Path(os.environ.get("NOVUM_ARTIFACTS", LAB)),
        seed=int(os.environ.get("NOVUM_SEED", "1")),
        split=split,
        cache=Path(cache) / "oracles.db" if cache else None,
    )
    try:
        numbers = measure(trial)
    except RefusedError as error:
        return say(error, REFUSED)
    except NoAnswerYetError as error:
        return say(error, LATER)
    except NovumError as error:
        return say(error, UNSOUND)
    for name, value in numbers.items():
        print(f"{name}: {value:.6g}")
    if result := os.environ.get("NOVUM_RESULT"):
        Path(result).write_text(json.dumps(numbers) + "\n")
    return 0


def say(error: Exception, status: int) -> int:
    print(error, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
