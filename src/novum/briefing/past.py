"""Earlier experiments as a researcher reads them: the idea, the diff, what came of it and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from novum.briefing import curve
from novum.briefing.failure import explanation
from novum.briefing.fence import Fence, one_line, visible
from novum.errors import PatchError
from novum.judge.words import comparison, number
from novum.ledger import Experiment, Ledger, Trial
from novum.ledger.confirmations import ABLATION
from novum.lessons import score_of
from novum.patch import apply_edits, diff
from novum.records import Proposal, TrialState
from novum.standing import Standing
from novum.terminal import counted, cut

TITLE, HYPOTHESIS, REASON = 160, 600, 400  # characters
DIFF_LINES, DIFF_WIDTH = 24, 160
DIFF_READ = 50_000  # characters; what follows is not looked at
LARGEST_LOG = 1_000_000  # bytes; a longer one is not read for a line
MEMORY = 0.1  # a difference in memory that is worth a word
TAKEN_OUT = "The machine took this out to see whether its lines are worth keeping."


@dataclass
class Past:
    """Reads from the ledger what it says of single experiments, and remembers what was shown."""

    ledger: Ledger | None
    standing: Standing
    fence: Fence
    files: Mapping[str, str]
    _runs: dict[int, tuple[Trial | None, curve.Points]] = field(default_factory=dict)

    def detailed(self, experiment: Experiment, note: str = "") -> str:
        """An experiment with all that there is to learn from it."""
        told = [self.fence.around("\n".join(self._own_words(experiment)))]
        told += [f"{one[:1].upper()}{one[1:]}." for one in (*self._facts(experiment), note) if one]
        return f"### {self.head(experiment)}\n" + "\n".join(told)

    def head(self, experiment: Experiment) -> str:
        """Its number and its verdict in numbers; the words of a run do not belong here."""
        verdict = experiment.verdict
        if verdict is None:
            return f"Experiment {experiment.number}: no verdict yet"
        words = f"Experiment {experiment.number}: {verdict.outcome}"
        if verdict.evidence.runs and experiment.number > 0:
            return f"{words}, {' '.join(verdict.reason.split())}"
        return words

    def effect(self, experiment: Experiment) -> str:
        """Better or worse by how much, or how it failed."""
        verdict = experiment.verdict
        if verdict is None:
            return "no verdict yet"
        return comparison(verdict.evidence) if verdict.evidence.runs else str(verdict.outcome)

    def applies(self, experiment: Experiment) -> str:
        """Whether its edits still fit the present files, in a phrase."""
        edits = experiment.proposal.edits
        if any(edit.search is None and edit.path in self.files for edit in edits):
            return "it rewrote a whole file, so take its diff as the guide"
        if self.together(experiment) is not None:
            return "its edits still apply to the present files as they are"
        return "its edits do not apply to the present files any more: what they touch has changed"

    def is_in(self, experiment: Experiment) -> bool:
        """Whether the present files hold what it wanted to put there."""
        edits = experiment.proposal.edits
        return bool(edits) and all(
            len(edit.replace.strip()) > 0 and edit.replace in self.files.get(edit.path, "")
            for edit in edits
        )

    def together(self, *experiments: Experiment) -> Mapping[str, str] | None:
        """The present files with all of their edits; None if these do not fit together."""
        files: Mapping[str, str] = self.files
        editable = self.standing.lab.files.editable
        for experiment in experiments:
            edits = experiment.proposal.edits
            if any(edit.search is None and edit.path in self.files for edit in edits):
                return None
            try:
                files = apply_edits(files, edits, editable)
            except PatchError:
                return None
        return files

    def _own_words(self, experiment: Experiment) -> list[str]:
        """What its researcher said, what it changed, and what its run said: data."""
        proposal, verdict = experiment.proposal, experiment.verdict
        lines = idea_lines(proposal)
        if experiment.diff.text:
            lines.append(short_diff(experiment.diff.text, len(self.files) == 1))
        if verdict is not None and not verdict.evidence.runs:
            lines.append(f"reason: {one_line(verdict.reason, REASON)}")
            said = self._last_words(experiment)
            if said and said.splitlines()[-1] not in lines[-1]:
                lines.append(f"log: {said}")
            elif said.count("\n"):
                lines.append(f"log: {said.splitlines()[0]}")
        return lines

    def _facts(self, experiment: Experiment) -> list[str]:
        """What the machine saw of it: score, curve, memory."""
        facts = []
        score, verdict = score_of(experiment), experiment.verdict
        if score is not None and verdict is not None and experiment.number > 0:
            evidence = verdict.evidence
            before = number(evidence.incumbent, evidence.sd)
            facts.append(
                f"it scored {number(score, evidence.sd)}, the best then was believed at {before}"
                f"{self._hope(experiment.proposal)}"
            )
        trial = self._trial(experiment)
        if trial is not None:
            facts.append(self._curve_words(experiment, trial))
            facts.append(self._memory_words(experiment, trial))
        if net := experiment.diff.net_lines:
            facts.append(f"{counted(abs(net), 'line')} {'more' if net > 0 else 'fewer'}")
        return facts

    def _hope(self, proposal: Proposal) -> str:
        hope = proposal.expected
        if hope is None or not isfinite(hope):
            return ""
        return f"; its researcher expected {self.standing.oriented(hope):+.3g}"

    def _trials(self, experiment: Experiment) -> Sequence[Trial]:
        """The search's own trials of it that say something."""
        if self.ledger is None:
            return ()
        trials = self.ledger.trials(experiment.id)
        return [trial for trial in trials if trial.searched and trial.state.counts]

    def _trial(self, experiment: Experiment) -> Trial | None:
        """The trial that tells most: the newest."""
        trials = self._trials(experiment)
        return trials[-1] if trials else None

    def reference(self, experiment: Experiment) -> tuple[Trial | None, curve.Points]:
        """The newest measured trial of the best of an experiment's time, and its curve."""
        keeps = self.standing.keeps
        then = next((keep for keep in reversed(keeps) if keep.commit == experiment.parent), None)
        return self._measured(then or self.standing.incumbent) if keeps else (None, ())

    def own(self) -> tuple[Trial | None, curve.Points]:
        """The newest measured trial of the present best, and its curve."""
        return self._measured(self.standing.incumbent) if self.standing.has_baseline else (None, ())

    def _measured(self, keep: Experiment) -> tuple[Trial | None, curve.Points]:
        if keep.id not in self._runs:
            measured = [t for t in self._trials(keep) if t.state is TrialState.MEASURED]
            points = self.ledger.curve(measured[-1].id) if self.ledger and measured else []
            self._runs[keep.id] = (measured[-1] if measured else None, points)
        return self._runs[keep.id]

    def _curve_words(self, experiment: Experiment, trial: Trial) -> str:
        if self.ledger is None:
            return ""
        reference = self.reference(experiment)[1]
        whole = trial.state is TrialState.MEASURED
        points = self.ledger.curve(trial.id)
        words = curve.words(points, reference, self.standing.lab, whole=whole)
        return f"curve: {words}" if words else ""

    def _memory_words(self, experiment: Experiment, trial: Trial) -> str:
        before = self.reference(experiment)[0]
        if before is None or not before.peak_memory_mb or not trial.peak_memory_mb:
            return ""
        ratio = trial.peak_memory_mb / before.peak_memory_mb
        if abs(ratio - 1) < MEMORY:
            return ""
        return f"peak memory {trial.peak_memory_mb:.0f} MB against {before.peak_memory_mb:.0f}"

    def _last_words(self, experiment: Experiment) -> str:
        trial = self._trial(experiment)
        failed = trial is not None and trial.state not in {
            TrialState.MEASURED,
            TrialState.HOPELESS,
        }
        if self.ledger is None or trial is None or not failed:
            return ""
        log = self.ledger.log(trial.id, at_most=LARGEST_LOG)
        return explanation(log, self.standing.lab.files.editable)

    def pending(self, proposal: Proposal) -> str:
        """A proposal without a verdict yet."""
        lines = idea_lines(proposal)
        try:
            after = apply_edits(self.files, proposal.edits, self.standing.lab.files.editable)
            lines.append(short_diff(diff(self.files, after).text, len(self.files) == 1))
        except PatchError:
            pass  # made for other files: its words have to do
        return self.fence.around("\n".join(lines))


def idea_lines(proposal: Proposal) -> list[str]:
    """An idea in its researcher's words, cut; what a confirmation measured is not among them."""
    hypothesis = TAKEN_OUT if proposal.researcher == ABLATION else proposal.hypothesis
    about = (one_line(proposal.kind, 60), f"by {one_line(proposal.researcher, 80)}")
    told = {
        "idea": one_line(proposal.title, TITLE),
        "why": one_line(hypothesis, HYPOTHESIS),
        "kind": ", ".join(part for part in about if part and part != "by "),
    }
    return [f"{name}: {text}" for name, text in told.items() if text]


def short_diff(text: str, one_file: bool) -> str:
    """The changed lines of a diff, with a line of context around them; cut if there are many."""
    lines = visible(text[:DIFF_READ]).split("\n")
    heads = {
        place + offset
        for place, line in enumerate(lines[:-2])
        if line.startswith("---")
        and lines[place + 1].startswith("+++")
        and lines[place + 2].startswith("@@")
        for offset in (0, 1)
    }
    changed = [line[:1] in {"+", "-"} and n not in heads for n, line in enumerate(lines)]
    kept = [
        cut(line, DIFF_WIDTH)
        for place, line in enumerate(lines)
        if line.startswith("@@")
        or (place in heads and line.startswith("+++") and not one_file)
        or (place not in heads and any(changed[max(0, place - 1) : place + 2]))
    ]
    if len(kept) > DIFF_LINES:
        left = len(kept) - DIFF_LINES
        kept = [*kept[:DIFF_LINES], f"[{left} more lines of the diff are left out]"]
    return "\n".join(kept)
