"""Which rows ran old code again, and where a log starts anew."""

import pytest

from novum.logs.phases import phases
from novum.logs.repeats import repeats
from novum.logs.rows import Row, Status


def row(line: int, text: str, *, keep: bool = False, commit: str = "", score: float = 1.0) -> Row:
    status = Status.KEEP if keep else Status.DISCARD
    return Row(line, commit, score, status, str(status), text)


BASE = row(1, "baseline", keep=True, commit="aaa")


@pytest.mark.parametrize(
    "text",
    ["random seed 42 to 137", "seed 1 -> 2", "change of the seed", "different seed", "seed=7"],
)
def test_a_change_of_the_seed_is_a_repeat_of_the_incumbent(text):
    (found,) = repeats([BASE, row(2, text)])
    assert (found.of, found.seed, found.words) == (BASE, True, "a change of the seed")


@pytest.mark.parametrize(
    "text",
    ["re-run", "rerun of the best", "Confirmation run: 3,400 µs", "repeat", "same config, again"],
)
def test_what_says_that_it_ran_again_is_a_repeat(text):
    (found,) = repeats([BASE, row(2, text)])
    assert (found.of, found.seed) == (BASE, False)


@pytest.mark.parametrize(
    "text",
    [
        "depth 10 same dim 640 (too few steps)",
        "re-run with a larger batch",
        "same config but depth 12",
        "seed 1 to 2 and warmdown 0.7",
        "centered comparison not run here",
        "repeated layers",
        "reseed the embedding",
    ],
)
def test_what_changed_more_is_no_repeat(text):
    assert repeats([BASE, row(2, text)]) == []


def test_a_repeat_is_of_the_commit_that_it_names_or_else_of_the_incumbent():
    other = row(2, "wider", commit="bbb")
    kept = row(3, "deeper", keep=True, commit="ccc")
    rows = [BASE, other, kept, row(4, "wider", commit="bbb"), row(5, "rerun"), row(6, "re-run")]
    assert [found.of for found in repeats(rows)] == [other, kept, kept]
    again = row(7, "rerun", commit="aaa")
    assert repeats([BASE, kept, again])[0].of is BASE


def test_a_commit_alone_makes_no_repeat():
    """Many loops write the incumbent's commit beside what they discard."""
    assert repeats([BASE, row(2, "wider", commit="aaa"), row(3, "deeper", commit="aaa")]) == []


def test_a_kept_repeat_leaves_the_incumbent():
    rows = [BASE, row(2, "re-run", keep=True), row(3, "re-run", keep=True)]
    assert [found.of for found in repeats(rows)] == [BASE, BASE]


def names(texts: list[str]) -> list[tuple[str, int]]:
    rows = [row(line, text, keep=True) for line, text in enumerate(texts, 1)]
    return [(name, len(part)) for name, part in phases(rows)]


def test_labels_that_follow_each_other_are_phases():
    texts = ["[A] x", "[A] y", "[A] z", "[B] x", "[B] y", "[B] z"]
    assert names(texts) == [("A", 3), ("B", 3)]


def test_labels_that_come_and_go_are_kinds_of_ideas():
    assert names(["[A] x", "[B] y", "[A] z", "[B] x", "[A] y", "[B] z"]) == [("", 6)]


def test_a_new_baseline_is_a_new_start():
    assert names(["baseline", "x", "new baseline on the H200", "y"]) == [("", 2), ("", 2)]
    assert names(["baseline", "x", "Baseline: other data", "y"]) == [("", 2), ("", 2)]
    assert names(["baseline", "x", "baseline with dropout", "y"]) == [("", 4)]
