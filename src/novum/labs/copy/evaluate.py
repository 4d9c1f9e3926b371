"""What is the copy worth? Real visitors say so: it is shown beside the incumbent, and counted.

Run it after a trial, where the trial's code can no longer reach (the machine does so):

    python evaluate.py                      # reads copy.toml of $NOVUM_ARTIFACTS, $NOVUM_CONTROL
    python evaluate.py --split holdout      # and $NOVUM_CACHE/site.db; writes $NOVUM_RESULT

It opens an experiment on the site, and waits for a batch of visitors. Ended at any instant and run
again, it goes on with the same batch. A copy that breaks a brand rule is refused with one line and
status 65; status 2 means that the lab's own files are not sound, and 75 that the visitors do not
come, which is nobody's fault. It imports novum, which no trial can see.
"""

import sys

if __name__ == "__main__":  # what lies in this directory cannot pose as a library
    sys.path[:] = sys.path[1:]

import argparse
import json
import os
from pathlib import Path

from novum.errors import NovumError, UsageError
from novum.site.measuring import NoVisitorsError, RefusedError, Trial, measure

LAB = Path(__file__).resolve().parent
REFUSED, UNSOUND, LATER = 65, 2, 75


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", choices=["validation", "holdout"], default="validation")
    control = os.environ.get("NOVUM_CONTROL")
    try:
        numbers = measure(
            Trial(
                lab=LAB,
                artifacts=Path(os.environ.get("NOVUM_ARTIFACTS", LAB)),
                control=Path(control) if control else None,
                site=Path(os.environ.get("NOVUM_CACHE", LAB / ".novum" / "cache")),
                run=int(os.environ.get("NOVUM_RUN", "0")),
                seed=int(os.environ.get("NOVUM_SEED", "0")),
                split=parser.parse_args().split,
            )
        )
    except RefusedError as error:
        return say(error, REFUSED)
    except NoVisitorsError as error:
        return say(error, LATER)
    except UsageError as error:
        return say(error, UNSOUND)
    except NovumError as error:  # the site's file is locked, full or unreadable
        return say(error, LATER)
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
