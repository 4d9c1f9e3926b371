"""What the experiments so far teach, from a real campaign."""

from novum.lessons import NEAR, TRIED, Lessons
from novum.records import Edit, Proposal
from novum.standing import Standing


def standing_of(bed) -> Standing:
    return Standing.read(bed.ledger, bed.lab, bed.campaign())


def lessons_of(bed) -> Lessons:
    return standing_of(bed).lessons


def demanding(bed) -> None:
    """Nothing that these tests try is enough to be kept."""
    text = (bed.path / "lab.toml").read_text().replace("greedy", "exact")
    bed.toml(text.replace('"minimize"', '"minimize"\nnoise = "none"\nmin_effect = 9'))


def test_kinds_are_counted_whatever_their_spelling(bed):
    bed.run([bed.idea(-0.2, kind="Rate"), bed.idea(0.5, kind=" rate "), bed.idea(0.4)])
    kinds = lessons_of(bed).kinds
    assert set(kinds) == {"rate", "(none given)"}
    assert (kinds["rate"].tried, kinds["rate"].kept) == (2, 1)
    assert round(kinds["rate"].gained, 9) == 0.2
    assert round(kinds["(none given)"].best, 9) == -0.6


def test_what_the_machine_took_out_is_no_direction_of_a_researcher(bed):
    bed.run([bed.idea(0.5, kind="simplification", researcher="ablation")])
    lessons = lessons_of(bed)
    assert not lessons.kinds
    assert [one.number for one in lessons.tried] == [1]


def test_the_baseline_teaches_nothing(bed):
    bed.run([])
    lessons = lessons_of(bed)
    assert not lessons.kinds and not lessons.tried


def test_what_does_not_apply_is_a_failure(bed):
    bed.run([Proposal("no", (Edit("train.py", "absent", ""),), kind="rate")])
    lessons = lessons_of(bed)
    assert lessons.kinds["rate"].failed == 1
    assert [one.proposal.title for one in lessons.failed] == ["no"]


def test_near_misses_are_the_ones_that_were_better_the_nearest_last(bed):
    demanding(bed)
    bed.run([bed.idea(v) for v in (0.1, -0.2, -0.4, -0.3)])
    assert [one.number for one in lessons_of(bed).near] == [2, 4, 3]


def test_however_long_a_campaign_is_little_is_held(bed):
    demanding(bed)
    bed.run([bed.idea(-n / 100) for n in range(1, NEAR + 10)])
    lessons = lessons_of(bed)
    assert len(lessons.near) == NEAR and lessons.near[-1].number == NEAR + 9
    assert lessons.tried.maxlen == TRIED


def test_what_is_learnt_in_a_campaign_is_what_the_ledger_says(bed):
    machine = bed.machine([bed.idea(v, kind="k") for v in (0.5, -0.2, 0.1)])
    machine.run(None)
    assert machine._standing.lessons == lessons_of(bed)
