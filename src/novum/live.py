"""What the person sees while a campaign runs: a live panel in a terminal, plain lines elsewhere."""

import time
from collections import deque
from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from novum import confirmed
from novum.campaign.events import (
    Awaiting,
    Beat,
    Confirmed,
    Confirming,
    Event,
    Judged,
    Notice,
    Proposed,
    Started,
    TrialEnded,
    TrialStarted,
)
from novum.judge import average
from novum.ledger import Experiment
from novum.records import Outcome, TrialState
from novum.runners import Phase, Pulse
from novum.standing import Standing
from novum.terminal import duration, figure, harmless
from novum.views import COLOURS, curve_line

CURVE_POINTS = 400


class Tally:
    """What has happened since this process began, for the rate and the time that is left."""

    def __init__(self, target: int | None) -> None:
        self.target = target
        self.standing: Standing | None = None
        self._began = time.monotonic()
        self._before = 0

    def start(self, standing: Standing) -> None:
        """Remember where this session began."""
        self.standing, self._before = standing, standing.experiments

    def judged(self, experiment: Experiment) -> None:
        """The time of the baseline says nothing about the rate of experiments."""
        if experiment.number == 0:
            self._began = time.monotonic()

    def opening(self, experiment: Experiment) -> bool:
        """Whether this is the baseline, being measured for the first time."""
        known = self.standing is not None and self.standing.has_baseline
        return experiment.number == 0 and not known

    def rate(self) -> float | None:
        """Experiments an hour in this session; None before the first."""
        done = self.standing.experiments - self._before if self.standing else 0
        return 3600 * done / (time.monotonic() - self._began) if done else None

    def words(self) -> str:
        """How far, how fast, how long still."""
        standing = self.standing
        if standing is None:
            return ""
        total = f"/{self.target}" if self.target else ""
        text = f"{standing.experiments}{total} experiments, {len(standing.keeps[1:])} kept"
        rate = self.rate()
        if rate:
            text += f", {rate:.0f} an hour"
            left = (self.target or 0) - standing.experiments
            if left > 0:
                text += f", {duration(round(3600 * left / rate))} left"
        return text

    def best(self) -> str:
        """The incumbent and the gain, as believed."""
        standing = self.standing
        if standing is None or standing.belief is None:
            return "measuring the baseline"
        belief = standing.belief
        return (
            f"best {standing.lab.metric.name} {figure(belief.mean)} ± "
            f"{figure(belief.sd, belief.mean)}, "
            f"gain {figure(standing.gain, belief.mean, '+')} (as the search believes)"
        )


def verdict_line(experiment: Experiment, standing: Standing) -> Text:
    """One experiment in one line."""
    verdict = experiment.verdict
    assert verdict is not None
    values = verdict.evidence.values
    score = figure(average(values)) if values else "-" * 7
    reason = harmless(verdict.reason).partition("\n")[0]
    return Text.assemble(
        f"{experiment.number:4d} ",
        (f"{verdict.outcome:8}", COLOURS[verdict.outcome]),
        f"{score:>9}  ",
        (harmless(experiment.proposal.title), "bold" if verdict.outcome is Outcome.KEEP else ""),
        (f"  {reason}", "dim"),
    )


def confirming_line(event: Confirming) -> Text:
    """That a confirmation begins, and what it compares."""
    plan, keeps = event.confirmation.plan, event.standing.keeps
    numbers = {keep.id: keep.number for keep in keeps}
    first, *others = plan.arms
    words = ", ".join(
        f"itself without {', '.join(map(str, arm.without))}"
        if arm.without
        else "the start"
        if numbers[arm.experiment] == 0
        else f"experiment {numbers[arm.experiment]}"
        for arm in others
    )
    return Text(
        f"     {event.confirmation.reason}: experiment {numbers[first.experiment]} beside {words}, "
        f"at most {confirmed.blocks(plan.pairs, event.standing.lab.metric.noise)}",
        style="cyan",
    )


def confirmed_lines(event: Confirmed) -> list[Text]:
    """What a confirmation came to, a line for each claim."""
    numbers = {keep.id: keep.number for keep in event.standing.keeps}
    lines = []
    noise = event.standing.lab.metric.noise
    for one in confirmed.claimed(event.confirmation, event.findings, numbers, noise):
        words = confirmed.part_sentence(one) if one.without else confirmed.sentence(one)
        style = "bold green" if one.claim.confirmed and not one.without else "default"
        lines.append(Text(f"     {harmless(words)}", style=style))
    return lines


class PlainLines:
    """An observer that prints a line for what matters; for pipes and log files."""

    def __init__(self, console: Console, target: int | None) -> None:
        self._console, self._tally = console, Tally(target)

    def __call__(self, event: Event) -> None:
        """Print the event, if it is one that matters."""
        match event:
            case Started(standing):
                self._tally.start(standing)
            case TrialEnded(experiment, result) if self._tally.opening(experiment):
                words = harmless(result.detail) or str(result.state)
                if result.measurement is not None:
                    words = figure(result.measurement.metric)
                self._say(f"     baseline run: {words}")
            case Judged(experiment, standing):
                self._tally.judged(experiment)
                self._say(verdict_line(experiment, standing))
                if experiment.verdict and experiment.verdict.outcome is Outcome.KEEP:
                    self._say(f"     {self._tally.best()}; {self._tally.words()}")
            case Confirming():
                self._say(confirming_line(event))
            case Confirmed():
                for line in confirmed_lines(event):
                    self._say(line)
            case Notice(text):
                self.notice(text)

    def notice(self, text: str) -> None:
        """Say something to the person."""
        self._say(Text(f"     note: {harmless(text)}", style="yellow"))

    def _say(self, line: str | Text) -> None:
        self._console.print(line, soft_wrap=True)


class LivePanel:
    """An observer that keeps a panel at the bottom of a terminal, verdicts above it.

    The panel is on the screen while its `live` is entered.
    """

    def __init__(self, console: Console, target: int | None) -> None:
        self._console, self._tally = console, Tally(target)
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self._curve: deque[Mapping[str, float]] = deque(maxlen=CURVE_POINTS)
        self._experiment: Experiment | None = None
        self._of: Experiment | None = None
        self._pulse: Pulse | None = None
        self._awaited: str | None = None

    def __call__(self, event: Event) -> None:
        """Take in an event and draw again."""
        match event:
            case Started(standing):
                self._tally.start(standing)
            case Awaiting(researcher):
                self._experiment, self._awaited = None, researcher
            case Proposed(experiment):
                self._experiment = experiment
            case TrialStarted(experiment, _, _):
                self._awaited = None
                self._of, self._pulse = experiment, None
                self._experiment = self._experiment or experiment
                self._curve.clear()
            case Beat(pulse):
                self._take(pulse)
            case TrialEnded(experiment, result):
                self._baseline_line(experiment, result.state, result.detail)
            case Judged(experiment, standing):
                self._tally.judged(experiment)
                self._console.print(verdict_line(experiment, standing), soft_wrap=False)
            case Confirming():
                self._console.print(confirming_line(event), soft_wrap=False)
            case Confirmed():
                for line in confirmed_lines(event):
                    self._console.print(line, soft_wrap=False)
            case Notice(text):
                self.notice(text)
        self.live.update(self._panel(), refresh=True)

    def notice(self, text: str) -> None:
        """Say something to the person, above the panel."""
        self._console.print(Text(f"note: {harmless(text)}", style="yellow"))

    def _take(self, pulse: Pulse) -> None:
        self._pulse = pulse
        if pulse.point:
            self._curve.append(pulse.point)

    def _baseline_line(self, experiment: Experiment, state: TrialState, detail: str) -> None:
        if self._tally.standing is not None and self._tally.opening(experiment):
            values = self._tally.standing.values(experiment.id)
            measured = state is TrialState.MEASURED and values
            self._console.print(
                f"     baseline run: {figure(values[-1])}"
                if measured
                else f"     {harmless(detail)}"
            )

    def _panel(self) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=10)
        grid.add_column(ratio=1)
        standing = self._tally.standing
        tag = standing.campaign.tag if standing else ""
        grid.add_row(Text(tag, style="bold"), Text(self._tally.words()))
        grid.add_row(Text("best", style="bold green"), Text(self._tally.best()))
        if self._experiment is not None:
            title = harmless(self._experiment.proposal.title)
            grid.add_row(Text(f"#{self._experiment.number}", style="bold"), Text(title))
            if self._experiment.proposal.hypothesis:
                grid.add_row("", Text(harmless(self._experiment.proposal.hypothesis), style="dim"))
        grid.add_row(Text("trial", style="bold"), self._trial())
        return Group(Text(""), grid)

    def _trial(self) -> RenderableType:
        pulse, standing = self._pulse, self._tally.standing
        if self._awaited is not None:
            return Text(f"waiting for what {self._awaited} proposes")
        if pulse is None or standing is None:
            return Text("starting")
        seconds = float(standing.campaign.settings["seconds"])
        words = f"{pulse.phase}, {duration(round(pulse.elapsed))} in all, {pulse.memory_mb:.0f} MB"
        if self._of is not None and self._of is not self._experiment:
            words += f" (of experiment {self._of.number})"
        if pulse.phase is not Phase.TRAINING:
            return Text(words)
        bar = ProgressBar(total=seconds, completed=min(pulse.clock, seconds), width=40)
        line = Table.grid(padding=(0, 1))
        line.add_row(bar, Text(f"{pulse.clock:.0f}/{seconds:g} s"))
        return Group(line, Text(f"{words}  {curve_line(list(self._curve), 40)}"))
