"""Confirmation: only what holds on fresh seeds and on the holdout is claimed."""

import io
import random
from collections import Counter
from itertools import groupby

import pytest
from rich.console import Console

from novum import confirmed, views
from novum.audit import Level, check
from novum.campaign import Asked, Stopped
from novum.campaign.events import Confirmed, Notice, Step
from novum.judge.policies import judge_named
from novum.lab import parse_lab
from novum.records import Edit, Proposal, TrialResult, TrialState

LAB = """\
[lab]
name = "bed"
[metric]
name = "v"
direction = "minimize"
[budget]
seconds = 3
[files]
editable = ["train.py", "model.py"]
frozen = ["evaluate.py"]
[trial]
run = ["python", "train.py"]
evaluate = ["python", "evaluate.py"]
holdout = ["python", "evaluate.py", "--split", "holdout"]
[dial]
depth = 2
[guards]
lines_changed = { weight = 0.001 }
[judge]
policy = "greedy"
baseline_runs = 1
[confirm]
"""
NOISE = 0.01


def with_table(bed, text=""):
    bed.toml(LAB + text)
    return bed


def told(order):
    """What the code says: the sum of all numbers after `=` in the two editable files."""
    texts = [(order.tree / name).read_text() for name in ("train.py", "model.py")]
    lines = [line for text in texts for line in text.splitlines() if "=" in line]
    return sum(float(line.split("=")[1]) for line in lines)


def noisy(order):
    """The holdout is 100 worse, so that its scores can be told from the others'."""
    luck = random.Random(f"{order.seed} {order.split} {told(order)}").gauss(0, NOISE)
    return told(order) + luck + (100 if order.split == "holdout" else 0)


class Watched:
    """A measure that remembers its orders."""

    def __init__(self, measure):
        self.measure, self.orders = measure, []

    def __call__(self, order):
        self.orders.append((order.seed, order.split, dict(order.lab.dial), told(order)))
        return self.measure(order)


def claims(bed):
    return confirmed.claims(bed.ledger, bed.campaign())[0]


def parts(bed):
    return confirmed.claims(bed.ledger, bed.campaign())[1]


def cells(bed):
    return [t for t in bed.ledger.all_trials(bed.campaign().id) if t.cell is not None]


def test_at_the_end_a_real_gain_is_confirmed_on_the_holdout_with_fresh_seeds(bed):
    measure = Watched(noisy)
    with_table(bed).run([bed.idea(-1), bed.idea(-2)], measure)
    (claim,) = claims(bed)
    assert (claim.of, claim.against, claim.reason, claim.split) == (2, 0, "end", "holdout")
    assert claim.claim.confirmed
    assert claim.claim.low <= 2 <= claim.claim.high
    assert claim.believed == pytest.approx(2, abs=0.1)
    searched = {seed for seed, split, *_ in measure.orders if split == "validation"}
    fresh = [seed for seed, split, *_ in measure.orders if split == "holdout"]
    assert searched.isdisjoint(fresh)
    assert set(Counter(fresh).values()) == {2}, "both arms of a block have one seed"


def test_the_arms_take_turns_and_their_order_turns_too(bed):
    with_table(bed).run([bed.idea(-1)], noisy)
    blocks = [
        [t.cell.arm for t in block] for _, block in groupby(cells(bed), lambda t: t.cell.block)
    ]
    assert blocks[:3] == [[0, 1], [1, 0], [0, 1]]


def test_luck_is_not_claimed(bed):
    """Greedy keeps every lucky seed of a change that does nothing; none of it is confirmed."""
    ideas = [
        Proposal(f"seed {n}", (Edit("train.py", None, f"x = 0  # {n}\n"),), key=str(n))
        for n in range(30)
    ]

    def measure(order):
        text = (order.tree / "train.py").read_text()
        return random.Random(f"{text} {order.split} {order.seed}").gauss(1.0, NOISE)

    with_table(bed).run(ideas, measure)
    assert bed.verdicts().count("keep") > 2
    assert not any(claim.claim.confirmed for claim in claims(bed))


def test_no_holdout_score_enters_the_search(bed):
    with_table(bed, "first_milestone = 1").run([bed.idea(-v) for v in (1, 2, 3, 4)], noisy)
    standing_values = [v for e in bed.experiments() for v in e.verdict.evidence.values]
    assert max(standing_values) < 50
    machine = bed.machine([], noisy)
    standing = machine._standing
    assert all(max(standing.values(e.id), default=0) < 50 for e in bed.experiments())
    assert standing.belief.mean < 50


def test_milestones_compare_with_the_start_and_with_the_last_milestone(bed):
    with_table(bed, "first_milestone = 2").run([bed.idea(-v) for v in range(1, 6)], noisy)
    seen = [(one.reason, one.of, one.against) for one in claims(bed)]
    assert seen == [
        ("milestone", 2, 0),
        ("milestone", 4, 0),
        ("milestone", 4, 2),
        ("end", 5, 0),
        ("end", 5, 4),
    ]
    assert all(one.claim.confirmed for one in claims(bed))


def test_shortly_before_the_end_there_is_no_milestone(bed):
    ideas = [bed.idea(-v) for v in range(1, 5)]
    with_table(bed, "first_milestone = 3").run(ideas, noisy, count=4)
    assert [one.reason for one in claims(bed)] == ["end"]


def test_what_is_confirmed_is_not_confirmed_again_and_a_campaign_without_keeps_not_at_all(bed):
    with_table(bed).run([bed.idea(-1)], noisy)
    before = len(cells(bed))
    bed.run([bed.idea(5)], noisy)
    assert len(cells(bed)) == before
    assert bed.ledger.campaign("t").state == "finished"


def test_a_campaign_without_keeps_confirms_nothing(bed):
    with_table(bed).run([bed.idea(5)], noisy)
    assert cells(bed) == []
    bed.machine([], noisy).confirm(Asked())
    assert cells(bed) == []
    assert any("nothing to confirm" in notice.text for notice in bed.told(Notice))


class Kill(Exception):
    pass


def killer(step, at):
    seen = [0]

    def watch(event):
        if isinstance(event, Step) and event.name == step:
            seen[0] += 1
            if seen[0] == at:
                raise Kill

    return watch


@pytest.mark.parametrize(
    ("step", "at"),
    [("confirming", 1), ("running", 5), ("measured", 4), ("measured", 6), ("confirmed", 1)],
)
def test_an_interrupted_confirmation_goes_on_where_it_was(bed, step, at):
    ideas = [bed.idea(-1)]
    with_table(bed)
    with pytest.raises(Kill):
        bed.run(ideas, noisy, observers=[killer(step, at)])
    bed.run(ideas, noisy)
    done = Counter((t.cell.block, t.cell.arm) for t in cells(bed) if t.state is TrialState.MEASURED)
    assert set(done.values()) == {1}, "no cell is run twice"
    (claim,) = claims(bed)
    assert claim.claim.confirmed
    lost = [t for t in cells(bed) if t.state is TrialState.INFRASTRUCTURE]
    assert len(lost) <= 1


def test_a_stop_leaves_the_confirmation_open_and_run_finishes_it(bed):
    with_table(bed)
    machine = bed.machine([bed.idea(-1)], noisy, observers=[killer("never", 1)])
    stop = machine.stop

    def stopping(event):
        if isinstance(event, Step) and event.name == "confirming":
            stop.after_trial.set()

    machine._observers = [stopping]
    with pytest.raises(Stopped):
        machine.run(1)
    assert bed.ledger.confirmations.unfinished(bed.campaign().id) is not None
    bed.machine([], noisy).run(1)
    assert len(claims(bed)) == 1


def test_an_incumbent_that_crashes_on_fresh_seeds_is_not_confirmed(bed):
    def fragile(order):
        if order.split == "holdout" and told(order) < bed_start + -0.5:
            return TrialResult(TrialState.CRASH, detail="it diverged")
        return noisy(order)

    bed_start = 10.0  # width = 8, depth = 2, x = 0
    with_table(bed).run([bed.idea(-1)], fragile)
    (claim,) = claims(bed)
    assert not claim.claim.confirmed
    assert claim.claim.pairs == 0
    assert "it diverged" in confirmed.sentence(claim)
    assert len(cells(bed)) <= 6


def test_a_pair_of_which_both_runs_fail_is_one_lost_pair(bed):
    blocks = []

    def fragile(order):
        if order.split == "validation":
            return noisy(order)
        blocks.append(order.seed)
        return TrialResult(TrialState.CRASH, detail="no") if len(blocks) <= 4 else noisy(order)

    with_table(bed).run([bed.idea(-1)], fragile)
    (claim,) = claims(bed)
    assert claim.claim.pairs == 4, "after two lost pairs"
    assert "no" in claim.detail


def test_another_dial_reaches_the_trials_and_the_claim(bed):
    measure = Watched(noisy)
    with_table(bed, "at_end = false").run([bed.idea(-1)], measure)
    bed.machine([], measure).confirm(Asked(pairs=4, dial={"depth": 6}))
    (claim,) = claims(bed)
    assert claim.dial == {"depth": 6}
    assert {str(dial) for _, split, dial, _ in measure.orders if split == "holdout"} == {
        "{'depth': 6}"
    }
    assert confirmed.headline(claims(bed)) is None, "the headline is of the lab as it is"


def test_asked_by_a_person_every_milestone_is_compared(bed):
    ideas = [bed.idea(-v) for v in range(1, 6)]
    with_table(bed, "first_milestone = 1\nat_end = false").run(ideas[:4], noisy)
    bed.run(ideas, noisy)
    bed.machine([], noisy).confirm(Asked())
    asked = [one.against for one in claims(bed) if one.reason == "asked"]
    assert asked[0] == 0
    assert len(asked) > 2


def test_without_noise_one_pair_decides(bed):
    bed.toml(LAB.replace('direction = "minimize"', 'direction = "minimize"\nnoise = "none"'))
    lab = parse_lab((bed.path / "lab.toml").read_text())
    bed.run([bed.idea(-1)], told, judge=judge_named(lab.judge.policy))
    (claim,) = claims(bed)
    assert claim.claim.confirmed
    assert (claim.claim.pairs, claim.claim.gain) == (1, 1.0)


def test_a_running_campaign_confirms_when_it_is_asked(bed):
    with_table(bed, "at_end = false")
    bed.run([bed.idea(-1)], noisy)
    request = bed.ledger.requests.ask("confirm", {"pairs": 4})
    nonsense = bed.ledger.requests.ask("confirm", {"pears": 4})
    bed.run([bed.idea(-1), bed.idea(-2)], noisy)
    assert [one.reason for one in claims(bed)] == ["asked"]
    assert bed.ledger.requests.get(request).answer == "confirming"
    assert "not understood" in bed.ledger.requests.get(nonsense).answer


# Ablation

WIDTH = ("model.py", "width = 8\n", "width = 7\n")
DEAD = ("model.py", "depth = 2\n", "depth = 2\n# a\n# b\n# c\n# d\n# e\n")


def change(path, search, replace, key):
    return Proposal(key, (Edit(path, search, replace),), key=key)


def ablated(bed, measure=noisy, *, prune=True):
    """A campaign whose second keep was luck and adds five dead lines."""

    def lucky(order):
        text = (order.tree / "model.py").read_text()
        luck = 0.05 if "# a" in text and order.split == "validation" and order.seed < 4 else 0.0
        return measure(order) - luck

    with_table(bed, "at_end = false")
    ideas = [change(*WIDTH, "narrow"), change(*DEAD, "dead lines"), bed.idea(-3)]
    bed.run(ideas, lucky)
    assert bed.verdicts() == ["keep", "keep", "keep", "keep"]
    bed.machine([], lucky).confirm(Asked(ablate=True, prune=prune))


def test_an_ablation_finds_the_keep_that_is_not_worth_its_lines(bed):
    ablated(bed, prune=False)
    gains = {one.without: one.claim.gain for one in parts(bed)}
    assert gains[1, 2] == pytest.approx(1, abs=0.05)
    assert gains[3,] == pytest.approx(3, abs=0.05)
    assert gains[2,] == pytest.approx(0, abs=0.05), "the search was not sure of it"
    assert len(bed.experiments()) == 4, "nothing is changed without --prune"
    assert all(one.claim.level == 0 for one in parts(bed)), "an ablation claims nothing"


def exactly(order):
    return told(order) + (100 if order.split == "holdout" else 0)


def test_pruning_takes_it_out_as_an_experiment_and_then_confirms_the_rest(bed):
    ablated(bed, exactly)
    pruned = bed.experiments()[-1]
    assert pruned.proposal.title == "Take out: dead lines"
    assert pruned.proposal.researcher == "ablation"
    assert str(pruned.verdict.outcome) == "keep"
    assert pruned.diff.net_lines == -5
    assert "# a" not in bed.repo.file(bed.branch, "model.py")
    assert "width = 7" in bed.repo.file(bed.branch, "model.py")
    assert claims(bed)[-1].of == pruned.number
    assert claims(bed)[-1].claim.confirmed


def test_an_ablation_that_was_made_is_not_made_again(bed):
    ablated(bed, prune=False)
    before = len(parts(bed))
    bed.machine([], noisy).confirm(Asked(ablate=True))
    assert len(parts(bed)) == before


def test_what_could_not_be_taken_out_is_not_taken_out_again(bed):
    """Greedy does not look at the price of lines, so it keeps what is worth a little less."""
    with_table(bed, "at_end = false")
    more = ("model.py", "depth = 2\n", "depth = 1.999\n# a\n# b\n# c\n# d\n# e\n")
    bed.run([bed.idea(-3), change(*more, "more")], exactly)
    for _ in range(2):
        bed.machine([], exactly).confirm(Asked(prune=True))
    assert bed.verdicts() == ["keep", "keep", "keep", "discard"]
    assert bed.experiments()[-1].proposal.title == "Take out: more"


def test_a_part_that_later_changes_rest_on_is_left_in_and_the_rest_of_its_block_looked_at(bed):
    bed.toml(LAB.replace("baseline_runs = 1", "baseline_runs = 3") + "at_end = false")
    first = change("model.py", "width = 8\n", "width = 7\n", "first")
    second = change("train.py", "x = 0\n", "x = -1\n", "second")
    third = change("model.py", "width = 7\n", "width = 5\n", "third")
    bed.run([first, second, third], noisy)
    bed.machine([], noisy).confirm(Asked(ablate=True))
    assert {one.without for one in parts(bed)} == {(2,), (3,)}
    said = [one.text for one in bed.told(Notice)]
    assert any("keeps 1, 2 cannot be taken out alone" in text for text in said)
    assert any("keep 1 cannot be taken out alone" in text for text in said)
    assert bed.verdicts() == ["keep"] * 4


def test_a_confirmation_is_told_to_those_who_watch(bed):
    with_table(bed).run([bed.idea(-1)], noisy)
    (event,) = bed.told(Confirmed)
    assert event.findings[0].claim.confirmed


def test_check_says_whether_gains_can_be_confirmed_on_unseen_data(bed):
    def found():
        return {f.subject: f.level for f in check(bed.path)}["holdout"]

    bed.toml(LAB)
    assert found() is Level.GOOD
    bed.toml(LAB.replace("holdout =", "# holdout ="))
    assert found() is Level.CAUTION


# What a person asks for, and who takes it


def stopped_in_a_confirmation(bed, asked, trials):
    """The person asks, and stops it after so many of its trials."""
    machine = bed.machine([], noisy)

    def stopping(event):
        if isinstance(event, Step) and event.name == "measured" and len(cells(bed)) >= trials:
            machine.stop.after_trial.set()

    machine._observers = [stopping]
    with pytest.raises(Stopped):
        machine.confirm(asked)


def test_asking_again_after_an_interruption_goes_on_and_does_not_begin_another(bed):
    with_table(bed, "at_end = false").run([bed.idea(-1)], noisy)
    stopped_in_a_confirmation(bed, Asked(pairs=5), 3)
    bed.machine([], noisy).confirm(Asked(pairs=5))
    assert [one.reason for one in claims(bed)] == ["asked"]
    stopped_in_a_confirmation(bed, Asked(pairs=5), 13)
    bed.machine([], noisy).confirm(Asked(pairs=5, dial={"depth": 6}))
    assert [one.dial for one in claims(bed)] == [None, None, {"depth": 6}], (
        "another wish is another"
    )


def test_a_wish_of_another_campaign_is_left_to_it(bed):
    with_table(bed, "at_end = false").run([bed.idea(-1)], noisy)
    others = bed.ledger.requests.ask("confirm", Asked(pairs=4).body("other"))
    own = bed.ledger.requests.ask("confirm", Asked(pairs=4).body("t"))
    bed.run([bed.idea(-2)], noisy)
    assert bed.ledger.requests.get(others).taken is None
    assert bed.ledger.requests.get(own).answer == "confirming"
    assert len(claims(bed)) == 1


def test_a_wish_during_the_last_experiment_is_still_taken(bed):
    def asking(event):
        if isinstance(event, Step) and event.name == "judged":
            bed.ledger.requests.ask("confirm", Asked(pairs=4).body("t"))

    with_table(bed, "at_end = false").run([], noisy)
    bed.run([bed.idea(-1)], noisy, count=1, observers=[asking])
    assert [one.reason for one in claims(bed)] == ["asked"]


@pytest.mark.parametrize(
    "body", [[], 3, {"pairs": "many"}, {"dial": [6]}, {"dial": {"depth": "x"}}]
)
def test_a_wish_that_makes_no_sense_is_answered_and_ends_nothing(bed, body):
    with_table(bed, "at_end = false").run([bed.idea(-1)], noisy)
    request = bed.ledger.requests.ask("confirm", body)
    bed.run([bed.idea(-2)], noisy)
    assert "not understood" in bed.ledger.requests.get(request).answer
    assert claims(bed) == []


def test_more_pairs_than_an_ablation_had_are_run(bed):
    ablated(bed, prune=False)
    bed.machine([], noisy).confirm(Asked(pairs=6, ablate=True))
    assert [one.claim.pairs for one in parts(bed)][-1] == 6


def test_a_keep_that_removed_lines_stays_unless_it_surely_costs_more(bed):
    """Without a price on lines, half of all that changed nothing would be put back in."""
    bed.toml(LAB.replace("lines_changed = { weight = 0.001 }", "") + "at_end = false")
    bed.commit("longer", **{"model.py": "width = 8\ndepth = 2\n# a\n# b\n# c\n"})
    shorter = change("model.py", "# a\n# b\n# c\n", "", "shorter")

    def unlucky(order):
        gone = "# a" not in (order.tree / "model.py").read_text()
        luck = (-1) ** order.seed * NOISE + NOISE / 5 if order.split == "holdout" else -0.1
        return noisy(order) + gone * luck

    bed.run([shorter, bed.idea(-3)], unlucky)
    assert bed.verdicts() == ["keep"] * 3
    bed.machine([], unlucky).confirm(Asked(prune=True))
    assert bed.verdicts() == ["keep"] * 3, "nothing is put back in"


def test_status_says_that_a_confirmation_runs_and_of_which_campaign(bed):
    seen = []

    def looking(event):
        if isinstance(event, Step) and event.name == "running" and cells(bed):
            seen.append(views.status_facts(bed.ledger, bed.campaign()))

    with_table(bed, "at_end = false").run([bed.idea(-1)], noisy)
    bed.ledger.start_campaign("other", LAB, {"seconds": 3, "target": None}, "0" * 40, {})
    with bed.ledger.lock():
        bed.machine([], noisy, observers=[looking]).confirm(Asked(pairs=4))
        other = views.status_facts(bed.ledger, bed.ledger.campaign("other"))
    assert other["state"] == "stopped", "what runs is another campaign"
    assert seen[2]["state"] == "running"
    assert (seen[2]["trial"]["confirming"], seen[2]["trial"]["trials"]) == ("asked", 2)
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(views.status_view(seen[2]))
    assert "confirming (asked, 2 trials done) experiment 1: set x to -1" in console.export_text()
