"""How quickly did the generator find good molecules? Read from the oracle's record.

Frozen. The score of a task is PMO's: the mean of the best ten values so far against the number of
calls, as the area under that curve between 0 and 1. The metric is the mean over the tasks. Only
the record that oracle.py kept is read, and nothing that the trial left.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from novum.molecule.auc import TOP, top_auc
from novum.molecule.screening import RECORD

FIRST = 100  # calls: what a search begins with; later a leap is one from call to call


class Unsound(Exception):
    """The record cannot be measured."""


def read_record(path):
    """The first line of the record, and its calls by task, in the order of their numbers."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError as error:
        raise Unsound(f"there is no record: {error.strerror}") from None
    # A line that was not finished when the oracle ended is no call.
    head, *rest = [json.loads(line) for line in lines if line.endswith("\n")] or [None]
    if head is None:
        raise Unsound("the record is empty")
    calls = {task: {} for task in head["tasks"]}
    unreadable = 0
    for line in rest:
        if "call" in line:
            calls[line["task"]][line["call"]] = line["gain"] or 0.0
        else:
            unreadable += 1
    return (
        head,
        {task: [found[n] for n in sorted(found)] for task, found in calls.items()},
        unreadable,
    )


def largest_leap(values):
    """By how much one call, after the first ones, raised the best value."""
    best, leap = max(values[:FIRST], default=0.0), 0.0
    for value in values[FIRST:]:
        leap, best = max(leap, value - best), max(best, value)
    return leap


def measure(head, calls, unreadable):
    """The metric and what else is worth knowing."""
    areas = {task: top_auc(values, head["calls"]) for task, values in calls.items()}
    number = len(calls)
    result = {f"auc_{task.rpartition(':')[2]}": area for task, area in areas.items()}
    tops = [sorted(values)[-TOP:] for values in calls.values()]
    result["top10"] = sum(map(sum, tops)) / (TOP * number)
    result["start_best"] = max(max(values[:FIRST], default=0.0) for values in calls.values())
    result["leap"] = max(map(largest_leap, calls.values()))
    result["calls_used"] = sum(map(len, calls.values())) / (number * head["calls"])
    result["unreadable"] = unreadable
    result["items"] = [[area, 1] for area in areas.values()]
    result["auc_top10"] = sum(areas.values()) / number
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=["validation", "holdout"], default="validation")
    split = parser.parse_args().split
    try:
        head, calls, unreadable = read_record(Path(os.environ["NOVUM_RECORD"]) / RECORD)
        if head["split"] != split:
            raise Unsound(f"the record is of {head['split']}, not of {split}")
        result = measure(head, calls, unreadable)
    except Unsound as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        return 1
    Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
