"""The machine does not wait for somebody to think, and runs nothing twice."""

import io
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from rich.console import Console

from novum import views
from novum.campaign import Stopped, thinking
from novum.campaign.events import Awaiting, Confirming, Notice, Proposed
from novum.errors import ResearcherError
from novum.ledger import Ledger
from novum.records import Edit, Measurement, Proposal, TrialResult, TrialState, Usage
from novum.researchers.outside import Outside
from novum.runners import Phase, Pulse
from novum.testing import DeliberateResearcher, ScriptedResearcher

SOON = 20.0  # seconds; far more than anything here takes


def wide(value: int) -> Proposal:
    """An idea for the other file, so that it fits whatever became of `train.py`."""
    edits = (Edit("model.py", "width = 8\n", f"width = {value}\n"),)
    return Proposal(f"width {value}", edits, key=f"w={value}")


def consultations(bed):
    return bed.ledger.consultations.all(bed.campaign().id)


def states(bed):
    return [one.state for one in consultations(bed)]


def run(bed, ideas=(), count=None, think=lambda briefing, desk: None, **more):
    researcher = DeliberateResearcher(ideas, think)
    bed.run(count=count, researcher=researcher, **more)


def test_while_a_trial_runs_the_next_proposal_is_made(bed):
    thought = threading.Semaphore(0)

    def measure(order):
        if "x = 1" in (order.tree / "train.py").read_text():
            assert thought.acquire(timeout=SOON), "nobody thought while the trial ran"
        return 1.0

    def think(briefing, desk):
        if briefing.number > 1:
            thought.release()

    run(bed, [bed.idea(1), bed.idea(2), bed.idea(3)], 3, think, measure=measure)
    assert bed.verdicts()[1:] == ["discard"] * 3


def test_without_looking_ahead_nobody_thinks_while_a_trial_runs(bed):
    running = threading.Event()

    def measure(order):
        running.set()
        time.sleep(0.05)
        running.clear()
        return 1.0

    def think(briefing, desk):
        assert not running.is_set()
        assert not briefing.number > 1 or bed.experiments()[-1].verdict

    bed.campaign()
    settings = dict(bed.campaign().settings) | {"ahead": 0}
    bed.ledger.update_campaign(bed.campaign().id, state="open", settings=settings)
    run(bed, [bed.idea(1), bed.idea(2)], 2, think, measure=measure)
    assert bed.verdicts()[1:] == ["discard"] * 2


def test_several_proposals_are_made_ahead_if_asked(bed):
    thoughts = threading.Semaphore(0)

    class Watched:
        name, places = "watched", 1

        def run(self, order, watch, cancel):
            end = time.monotonic() + SOON
            found = 0
            while "x = 1" in (order.tree / "train.py").read_text() and found < 3:
                assert time.monotonic() < end, "three proposals were not made ahead"
                found += thoughts.acquire(timeout=0.05)
                watch(Pulse(Phase.TRAINING, 0.1, 0.1, 1.0))
            return TrialResult(TrialState.MEASURED, Measurement(1.0))

    def think(briefing, desk):
        if briefing.number > 1:
            thoughts.release()

    settings = dict(bed.campaign().settings) | {"ahead": 3}
    bed.ledger.update_campaign(bed.campaign().id, state="open", settings=settings)
    run(bed, [bed.idea(n) for n in (1, 2, 3, 4)], 4, think, measure=Watched())
    assert len(bed.experiments()) == 5


def test_a_proposal_for_an_earlier_incumbent_is_moved_onto_the_new_one(bed):
    run(bed, [bed.idea(-1), wide(16)], 2)
    _, first, second = bed.experiments()
    assert first.verdict.outcome == "keep"
    assert second.parent == first.commit
    assert consultations(bed)[1].parent == first.parent
    assert bed.repo.files(second.commit, ["model.py", "train.py"]) == {
        "model.py": "width = 16\ndepth = 2\n",
        "train.py": "x = -1\n",
    }


def test_a_proposal_that_fits_the_new_incumbent_no_more_is_asked_for_again(bed):
    changed = Proposal("late", (Edit("train.py", "x = 0\n", "x = -5\n"),), key="late")
    run(bed, [bed.idea(-1), changed, wide(4)], 2)
    assert [one.proposal.title for one in bed.experiments()] == [
        "baseline",
        "set x to -1",
        "width 4",
    ]
    assert states(bed) == ["taken", "stale", "taken"]
    assert "experiment 1 ('set x to -1') was kept meanwhile" in consultations(bed)[1].detail


def test_a_proposal_that_repeats_an_experiment_is_answered_with_its_result(bed):
    again = Proposal("the same", (Edit("train.py", "x = 0", "x = 1.0  # up"),), key="other")
    run(bed, [bed.idea(1), again, wide(4)], 2)
    assert states(bed) == ["taken", "repeated", "taken"]
    answer = consultations(bed)[1]
    assert answer.detail.startswith("repeats experiment 1 ('set x to 1')")
    assert answer.experiment == bed.experiments()[1].id
    assert len(bed.experiments()) == 3


def test_an_instant_researcher_learns_the_result_that_it_repeated(bed):
    again = Proposal("the same", (Edit("train.py", "x = 0", "x = 1"),), key="other")
    seen = []

    class Attentive(ScriptedResearcher):
        def propose(self, briefing, desk):
            seen.append(dict(briefing.results))
            return super().propose(briefing, desk)

    bed.run(researcher=Attentive([bed.idea(1), again, wide(4)]))
    assert len(bed.experiments()) == 3
    assert seen[-1]["other"] == seen[-1]["x=1"] == 2.0


def test_who_only_repeats_has_nothing_new(bed):
    class Parrot(DeliberateResearcher):
        def propose(self, briefing, desk):
            return Proposal("again", (Edit("train.py", None, "x = 1\n"),), key="k")

    bed.run(researcher=Parrot(), count=5)
    assert len(bed.experiments()) == 2
    assert states(bed).count("repeated") == 10


def test_blank_space_may_be_proposed_again(bed):
    blank = [
        Proposal(f"blank {n}", (Edit("train.py", None, "x = 0\n" + "\n" * n),), key=str(n))
        for n in (1, 2, 3)
    ]
    run(bed, blank, 3)
    assert len(bed.experiments()) == 4


def ask(bed, value, **more):
    edits = [{"path": "train.py", "search": None, "replace": f"x = {value}\n"}]
    return bed.ledger.requests.ask(
        "proposal", {"title": f"x {value}", "hypothesis": "", "edits": edits} | more
    )


def test_a_request_that_repeats_is_answered_unless_it_is_wanted_again(bed):
    first, second, third = ask(bed, 2), ask(bed, 2), ask(bed, 2, again=True)
    bed.machine(researcher=None).run_requests()
    answers = [bed.ledger.requests.get(one).answer for one in (first, second, third)]
    assert answers[0] == "experiment 1"
    assert answers[1].startswith("repeats experiment 1 ('x 2'), discard")
    assert answers[2] == "experiment 2"


def test_what_was_thought_before_a_kill_is_not_thought_again(bed):
    class Killed(Exception):
        pass

    def measure(order):
        if "x = 1" in (order.tree / "train.py").read_text():
            for _ in range(200):
                if "waiting" in states(bed):
                    raise Killed
                time.sleep(0.05)
        return 1.0

    with pytest.raises(Killed):
        run(bed, [bed.idea(1), bed.idea(2)], 2, measure=measure)
    asked = []
    run(bed, [], 2, lambda briefing, desk: asked.append(briefing.number))
    assert [one.proposal.title for one in bed.experiments()][1:] == ["set x to 1", "set x to 2"]
    assert asked == []


def test_who_was_thinking_when_the_machine_died_is_recorded(bed):
    bed.ledger.consultations.open(bed.campaign().id, "somebody", "0" * 40)
    run(bed, [bed.idea(1)], 1)
    assert states(bed) == ["failed", "taken"]
    assert consultations(bed)[0].detail == "the machine was interrupted"


def test_a_problem_of_the_researcher_pauses_the_campaign_after_the_running_experiment(bed):
    def think(briefing, desk):
        if briefing.number > 1:
            raise ResearcherError("no key")

    with pytest.raises(ResearcherError, match="no key"):
        run(bed, [bed.idea(1), bed.idea(2)], 2, think)
    assert bed.verdicts() == ["keep", "discard"]
    assert bed.ledger.campaign("t").state == "open"
    run(bed, [bed.idea(2)], 2)
    assert bed.verdicts() == ["keep", "discard", "discard"]


def test_whatever_a_researcher_of_somebody_elses_raises_is_told_in_a_line(bed):
    with pytest.raises(ResearcherError, match="deliberate failed: ZeroDivisionError"):
        run(bed, [bed.idea(1)], 1, lambda briefing, desk: 1 / 0)


def test_not_even_an_attempt_to_end_the_process_is_taken_for_silence(bed):
    def think(briefing, desk):
        raise SystemExit(3)

    with pytest.raises(ResearcherError, match="deliberate failed: SystemExit: 3"):
        run(bed, [bed.idea(1)], 1, think)
    assert states(bed) == ["failed"]


def test_who_does_not_end_when_told_is_left_alone_and_writes_nothing_more(bed, monkeypatch):
    monkeypatch.setattr(thinking, "PATIENCE", 0.05)
    stopped, ended = threading.Event(), threading.Event()

    def think(briefing, desk):
        bed.ledger.requests.ask("stop", {})
        stopped.wait(SOON)
        desk.keep("answer", "too late")
        desk.spend(Usage(1, 1, 1, 1, 1.0))
        ended.set()

    with pytest.raises(Stopped):
        run(bed, [bed.idea(1)], 1, think)
    assert states(bed) == ["failed"]
    bed.ledger.close()  # a thread that failed would be a warning, and warnings are errors
    stopped.set()
    assert ended.wait(SOON)
    time.sleep(0.05)
    with closing(Ledger(bed.path)) as ledger:
        (one,) = ledger.consultations.all(1)
        assert one.detail == "cancelled: the campaign stopped" and one.usage == Usage()
        assert ledger.consultations.transcript(one.id) == []


def test_what_a_thinking_researcher_was_shown_does_not_change_under_it(bed):
    seen = []

    def think(briefing, desk):
        seen.append((briefing, len(briefing.tried), dict(briefing.results), dict(briefing.tallies)))

    run(bed, [bed.idea(n) for n in (1, 2, 3)], 3, think)
    assert [tried for _, tried, _, _ in seen] == [0, 1, 2]
    for briefing, tried, results, tallies in seen:
        assert len(briefing.tried) == tried
        assert briefing.results == results and briefing.tallies == tallies


def test_nobodys_words_make_a_point_of_a_repetition(bed):
    edits = [{"path": "train.py", "search": None, "replace": "x = 1\n"}]
    body = {"title": "again", "hypothesis": "", "edits": edits, "kind": "point"}
    run(bed, [bed.idea(1)], 1)
    request = bed.ledger.requests.ask("proposal", body)
    bed.machine(researcher=None).run_requests()
    assert bed.ledger.requests.get(request).answer.startswith("repeats experiment 1")


def test_half_a_character_in_a_request_stops_nothing(bed):
    for path, search, replace in (
        ("\ud800", None, "x"),
        ("train.py", "\ud800", "x"),
        ("train.py", None, "\ud800"),
    ):
        edit = {"path": path, "search": search, "replace": replace}
        body = {"title": "\ud800", "hypothesis": "\ud800", "edits": [edit], "key": "\ud800"}
        bed.ledger.requests.ask("proposal", body)
    bed.machine(researcher=None).run_requests()
    assert bed.verdicts() == ["keep"] + ["invalid"] * 3


def test_what_was_prepared_is_tried_whoever_goes_on(bed):
    consultation = bed.ledger.consultations.open(bed.campaign().id, "chat:a/b", "")
    bed.ledger.consultations.close(consultation, "waiting", wide(4))
    bed.run([bed.idea(1)])
    assert [one.proposal.title for one in bed.experiments()][1:] == ["width 4", "set x to 1"]
    assert states(bed) == ["taken"]


def test_costs_are_recorded_as_they_arise_and_bounded(bed):
    settings = dict(bed.campaign().settings) | {"max_tokens": 250}
    bed.ledger.update_campaign(bed.campaign().id, state="open", settings=settings)
    left = []

    def think(briefing, desk):
        left.append(desk.tokens_left)
        desk.spend(Usage(1, 80, 20, 20, 0.5))

    with pytest.raises(ResearcherError, match=r"bound .* is reached \(max_tokens\).*--max-tokens"):
        run(bed, [bed.idea(n) for n in range(1, 9)], 8, think)
    assert left == [250, 150, 50]
    assert bed.ledger.consultations.spent(bed.campaign().id) == Usage(3, 240, 60, 60, 1.5)
    spent = [
        sum((c.usage for c in bed.ledger.consultations.of(one.id)), Usage()).usd
        for one in bed.experiments()
    ]
    assert spent == [0, 0.5, 0.5, 0.5]
    with pytest.raises(ResearcherError, match="bound"):
        run(bed, [bed.idea(9)], 9, think)  # again, and nothing more is spent
    assert len(left) == 3


def test_money_is_bounded_by_what_the_lab_says(bed):
    bed.toml((bed.path / "lab.toml").read_text() + "[researcher]\nmax_cost_usd = 1.0\n")
    with pytest.raises(ResearcherError, match="max_cost_usd"):
        run(bed, [bed.idea(n) for n in range(1, 9)], 8, lambda b, desk: desk.spend(Usage(usd=0.6)))
    assert bed.ledger.consultations.spent(bed.campaign().id).usd == pytest.approx(1.2)


def test_nobody_thinks_about_experiments_that_will_not_be(bed):
    asked = []
    run(bed, [bed.idea(n) for n in range(1, 9)], 2, lambda b, desk: asked.append(b.number))
    assert asked == [1, 2]


def test_who_has_nothing_while_a_result_is_to_come_is_asked_again(bed):
    class Waiting(DeliberateResearcher):
        def propose(self, briefing, desk):
            known = len(briefing.recent)
            return bed.idea(known) if known == briefing.number else None

    bed.run(researcher=Waiting(), count=3)
    assert bed.verdicts() == ["keep", "discard", "discard", "discard"]


def test_a_stop_ends_the_thinking_too(bed):
    ended = threading.Event()

    def think(briefing, desk):
        bed.ledger.requests.ask("stop", {})
        ended.set() if desk.cancel.wait(SOON) else None

    with pytest.raises(Stopped):
        run(bed, [bed.idea(1)], 1, think)
    assert ended.is_set()
    assert states(bed) == ["failed"]


def test_the_person_is_told_who_is_awaited_and_what_a_researcher_notices(bed):
    run(bed, [bed.idea(1)], 1, lambda briefing, desk: desk.notice("waiting 3 s"))
    assert [one.researcher for one in bed.told(Awaiting)][:1] == ["deliberate"]
    assert "waiting 3 s" in [one.text for one in bed.told(Notice)]


def test_the_status_says_who_is_thinking(bed):
    seen = []

    def think(briefing, desk):
        with closing(Ledger(bed.path)) as ledger:
            seen.append(views.status_facts(ledger, bed.campaign()))

    with bed.ledger.lock():
        run(bed, [bed.idea(1)], 1, think)
    assert seen[0]["thinking"]["researcher"] == "deliberate" and not seen[0]["paused"]
    console = Console(width=160, file=io.StringIO())
    console.print(views.status_view(seen[0] | {"paused": "a bound is reached"}))
    text = console.file.getvalue()
    assert "deliberate, 0 s ago; it is thinking" in text and "a bound is reached" in text


def test_an_idea_in_words_is_worked_out_by_who_takes_time_to_think(bed):
    request = bed.ledger.requests.ask("idea", {"text": "a wider model"})
    ideas = []
    run(bed, [wide(16), bed.idea(1)], 2, lambda briefing, desk: ideas.append(briefing.idea))
    assert ideas == ["a wider model", ""]
    assert bed.ledger.requests.get(request).answer == "experiment 1"


def test_an_idea_that_was_tried_before_is_answered_with_what_came_of_it(bed):
    run(bed, [bed.idea(1)], 1)
    request = bed.ledger.requests.ask("idea", {"text": "one for x"})
    again = Proposal("one", (Edit("train.py", "x = 0", "x = 1"),), key="one")
    ideas = []
    run(bed, [again, wide(4)], 2, lambda briefing, desk: ideas.append(briefing.idea))
    assert ideas == ["one for x", ""]
    assert bed.ledger.requests.get(request).answer.startswith("repeats experiment 1 ('set x to 1')")


def test_what_was_sent_and_answered_is_kept(bed):
    def think(briefing, desk):
        desk.keep("sent", "half a character \ud800")
        desk.keep("answered", "é")

    run(bed, [bed.idea(1)], 1, think)
    kept = bed.ledger.consultations.transcript(consultations(bed)[0].id)
    assert [name for name, _ in kept] == ["sent", "answered"]


def test_outside_waits_for_the_proposals_of_others_and_ends_when_none_come(bed):
    def ask_later():
        time.sleep(0.5)
        ask(bed, 3)

    threading.Thread(target=ask_later).start()
    began = time.monotonic()
    bed.run(researcher=Outside(1.0))
    assert [e.experiment.proposal.title for e in bed.told(Proposed)] == ["baseline", "x 3"]
    assert time.monotonic() - began >= 1.5


def test_what_is_asked_while_a_campaign_ends_is_still_worked_on(bed):
    bed.toml((bed.path / "lab.toml").read_text().replace("at_end = false", "at_end = true"))
    handed = []

    def late(event):
        if isinstance(event, Confirming):
            handed.append(ask(bed, 5))

    run(bed, [bed.idea(-1)], 1, observers=[late])
    assert [bed.ledger.requests.get(one).answer for one in handed] == ["experiment 2"]
    assert bed.verdicts() == ["keep", "keep", "discard"]


def test_a_confirmation_that_is_asked_for_while_nothing_runs_is_begun(bed):
    def ask_later(event):
        if isinstance(event, Awaiting) and len(bed.experiments()) > 1:
            bed.ledger.requests.ask("confirm", {"campaign": "t"})

    ask(bed, -1)
    bed.run(researcher=Outside(1.0), observers=[ask_later])
    assert len(bed.told(Confirming)) == 1


def test_a_researcher_whose_changes_never_apply_does_not_go_on_all_night(bed):
    class Wrong(DeliberateResearcher):
        def propose(self, briefing, desk):
            edits = (Edit("train.py", "not there", "x"),)
            return Proposal("wrong", edits, key=f"w{briefing.number}")

    with pytest.raises(ResearcherError, match="last 10 proposals did not apply"):
        bed.run(researcher=Wrong(), count=3)
    assert bed.verdicts()[1:] == ["invalid"] * len(bed.verdicts()[1:])
    assert 10 <= len(bed.verdicts()[1:]) <= 11


def test_what_was_sent_and_answered_can_be_shown(bed):
    run(bed, [bed.idea(1)], 1, lambda briefing, desk: desk.keep("user", "the\x1b[31m briefing"))
    shown = subprocess.run(
        [sys.executable, "-m", "novum", "show", str(bed.path), "1", "--asked"],
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stderr
    assert "deliberate: taken" in shown.stdout
    assert "[user]\nthe briefing" in shown.stdout
