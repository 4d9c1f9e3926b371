"""What every researcher and every runner must do, whoever wrote it.

Each function raises `AssertionError` with a sentence that says what was not kept.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer

from novum.briefing import Briefing
from novum.lab import parse_lab
from novum.records import Proposal, TrialResult, TrialState
from novum.researchers import Desk, Researcher
from novum.runners import Order, Pulse, Runner

ENOUGH = 200  # proposals; a researcher may have no end

LAB = """
[lab]
name = "conformance"
[metric]
name = "score"
direction = "minimize"
[budget]
seconds = 1
grace = 2
startup = 20
timeout = 20
[files]
editable = ["program"]
[trial]
run = ["sh", "program"]
"""
# How a trial ends, by the program that it runs.
ENDINGS = {
    "echo METRIC score=1.5": TrialState.MEASURED,
    "echo no score": TrialState.INVALID,
    "echo METRIC score=nan": TrialState.INVALID,
    "exit 3": TrialState.CRASH,
    'echo \'{"event": "start"}\' >> "$NOVUM_PROGRESS"; trap "" TERM; sleep 60': TrialState.TIMEOUT,
}


def check_researcher(make: Callable[[], Researcher], briefing: Briefing) -> list[Proposal]:
    """Ask a researcher until it has nothing left; returns what it proposed.

    `make` gives a new one each time: after an interruption a campaign makes a new one, too, and
    `briefing.tried` is all that this one knows of the past.
    """
    proposals: list[Proposal] = []
    tried = set(briefing.tried)
    before = (briefing, dict(briefing.files))
    while len(proposals) < ENOUGH:
        proposal = make().propose(replace(briefing, tried=frozenset(tried)), Desk())
        if proposal is None:
            break
        assert isinstance(proposal, Proposal), f"it proposed a {type(proposal).__name__}"
        assert proposal.title.strip(), "a proposal needs a title"
        assert proposal.key, f"{proposal.title!r} has no key, so it cannot be known again"
        assert proposal.key not in tried, f"{proposal.key!r} was proposed twice"
        paths = {edit.path for edit in proposal.edits}
        strange = sorted(paths - set(briefing.lab.files.editable))
        assert not strange, f"{proposal.key!r} changes {strange}, which may not be edited"
        tried.add(proposal.key)
        proposals.append(proposal)
    assert isinstance(make().instant, bool), "it must say whether it is instant"
    assert before == (briefing, dict(briefing.files)), "it changed the briefing"
    return proposals


def check_runner(runner: Runner, directory: Path) -> None:
    """Run trials that end in each of the ways a runner must tell apart, in an empty directory."""
    assert runner.name, "a runner needs a name"
    assert runner.places >= 1, "a runner has at least one place"
    for number, (program, state) in enumerate(ENDINGS.items()):
        result = _run(runner, directory / str(number), program, Event())
        told = f"`{program}` ended as {result.state} ({result.detail}), not as {state}"
        assert result.state is state, told
        measured = result.measurement is not None
        assert measured == (state is TrialState.MEASURED), f"{state} with {result.measurement}"
        assert measured or result.detail, f"{state} is not explained"
    said = _run(runner, directory / "log", "echo hello; exit 1", Event())
    assert b"hello" in said.log, "what a trial prints must be in its log"
    cancel = Event()
    timer = Timer(0.5, cancel.set)
    timer.start()
    try:
        stopped = _run(runner, directory / "cancelled", "sleep 15", cancel)
    finally:
        timer.cancel()
    assert stopped.state is TrialState.CANCELLED, f"cancelled, it ended as {stopped.state}"


def _run(runner: Runner, bench: Path, program: str, cancel: Event) -> TrialResult:
    for name in ("tree", "pristine", "scratch"):
        (bench / name).mkdir(parents=True)
    (bench / "tree" / "program").write_text(program + "\n", encoding="utf-8")
    order = Order(
        lab=parse_lab(LAB),
        tree=bench / "tree",
        pristine=bench / "pristine",
        scratch=bench / "scratch",
        seed=1,
        seconds=1.0,
    )
    pulses: list[Pulse] = []
    return runner.run(order, pulses.append, cancel)
