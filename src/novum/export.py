"""The campaign for other programs: `results.tsv`, in the five columns of the original, and the
JSON lines of pi-autoresearch.

The table is derived from the ledger, and can be thrown away. A row is final once it is written:
its score is the mean of the runs that its verdict rests on, so that later runs of the same commit
do not change it, and the table written whole equals the one that grew line by line.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from novum.campaign.events import Event, Judged, Started
from novum.lab import parse_lab
from novum.ledger import Campaign, Experiment, Ledger, Trial
from novum.records import Outcome, TrialState
from novum.repo import HASH
from novum.terminal import cut

FILE = "results.tsv"
LONGEST = 500
FORMULA = ("=", "+", "-", "@")  # what a spreadsheet would compute begins so
LARGE = 1e12  # what is larger is written with an exponent
SCORED = {Outcome.KEEP, Outcome.DISCARD}

Row = tuple[str, str, str, str, str]


def results_path(ledger: Ledger, tag: str) -> Path:
    """Where the table of a campaign lies."""
    return ledger.home / tag / FILE


def results_header(metric: str) -> Row:
    """The names of the columns."""
    return ("commit", metric, "memory_gb", "status", "description")


def results_row(experiment: Experiment, trials: Iterable[Trial]) -> Row:
    """One judged experiment as a row, from its own `trials`."""
    assert experiment.verdict is not None
    trials = list(trials)
    value = score(experiment, trials)
    memory = max((_peak(trial) for trial in trials if trial.searched), default=0.0)
    title = cell(experiment.proposal.title)
    return (
        _short(experiment.commit),
        "" if value is None else _decimal(value),
        f"{memory / 1024:.1f}" if memory > 0 else "",
        str(experiment.verdict.outcome),
        title.replace('"', "'") if title.startswith('"') else title,  # it would open a quotation
    )


def results_rows(
    metric: str, experiments: Iterable[Experiment], trials: Iterable[Trial]
) -> list[Row]:
    """The whole table, header first; experiments without a verdict are left out."""
    known = by_experiment(trials)
    judged = [experiment for experiment in experiments if experiment.verdict is not None]
    rows = [results_row(experiment, known.get(experiment.id, ())) for experiment in judged]
    return [results_header(metric), *rows]


def write_results(ledger: Ledger, campaign: Campaign, path: Path) -> None:
    """Write the whole table of a campaign, at once or not at all."""
    write_whole(path, campaign_text(ledger, campaign, "tsv").encode())


class ResultsFile:
    """An observer that keeps `results.tsv` current: whole at the start, then a line a verdict.

    A table that cannot be written is no reason to end a campaign: `problem` says so, and the
    next verdict tries again to write it whole.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.problem: str | None = None
        self._ledger = ledger

    def __call__(self, event: Event) -> None:
        """Write what the event adds."""
        if not isinstance(event, Started | Judged):
            return
        campaign = event.standing.campaign
        path = results_path(self._ledger, campaign.tag)
        try:
            if isinstance(event, Judged) and self.problem is None and path.exists():
                self._add(path, event.experiment)
            else:
                write_results(self._ledger, campaign, path)
            self.problem = None
        except OSError as error:
            self.problem = f"{path} cannot be written: {error.strerror}"

    def _add(self, path: Path, experiment: Experiment) -> None:
        row = results_row(experiment, self._ledger.trials(experiment.id))
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(_line(row))


def campaign_text(ledger: Ledger, campaign: Campaign, kind: str) -> str:
    """A whole campaign as text: `tsv` or `pi`."""
    metric = metric_name(campaign)
    experiments, trials = ledger.experiments(campaign.id), ledger.all_trials(campaign.id)
    if kind == "tsv":
        return "".join(map(_line, results_rows(metric, experiments, trials)))
    lab, known = parse_lab(campaign.lab), by_experiment(trials)
    config = {
        "type": "config",
        "name": lab.lab.name,
        "metricName": metric,
        "metricUnit": "",
        "bestDirection": "lower" if lab.minimize else "higher",
    }
    judged = [experiment for experiment in experiments if experiment.verdict is not None]
    runs = [
        _pi_run(number, experiment, known.get(experiment.id, ()))
        for number, experiment in enumerate(judged, 1)
    ]
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in (config, *runs))


def metric_name(campaign: Campaign) -> str:
    """The metric's name; that of an imported log may be one that lab.toml could not hold."""
    return str(campaign.settings.get("metric") or parse_lab(campaign.lab).metric.name)


def _pi_run(number: int, experiment: Experiment, trials: Iterable[Trial]) -> dict[str, object]:
    """One judged experiment as pi writes it: a run without a score has the metric 0."""
    assert experiment.verdict is not None
    trials = list(trials)
    value = score(experiment, trials)
    status = str(experiment.verdict.outcome) if value is not None else "crash"
    measured = [trial.measurement.metrics for trial in trials if trial.measurement is not None]
    return {
        "run": number,
        "commit": _short(experiment.commit),
        "metric": 0 if value is None else value,
        "metrics": dict(measured[0]) if measured and value is not None else {},
        "status": status,
        "description": one_line(experiment.proposal.title, LONGEST),
        "timestamp": round(1000 * (experiment.judged or experiment.created)),
        "segment": 0,
    }


def by_experiment(trials: Iterable[Trial]) -> Mapping[int, Sequence[Trial]]:
    """Trials of the search by the experiment whose commit they ran; confirmations are apart."""
    groups: dict[int, list[Trial]] = {}
    for trial in (trial for trial in trials if trial.cell is None):
        groups.setdefault(trial.experiment, []).append(trial)
    return groups


def own_scores(experiment: Experiment, trials: Iterable[Trial]) -> tuple[float, ...]:
    """The validation scores that the experiment's own verdict rests on, oldest first."""
    return tuple(
        trial.measurement.metric
        for trial in trials
        if trial.measurement is not None
        and trial.state is TrialState.MEASURED
        and trial.searched
        and trial.experiment == trial.asked_by == experiment.id
    )


def score(experiment: Experiment, trials: Iterable[Trial]) -> float | None:
    """The mean of an experiment's own scores; a crash has none."""
    if experiment.verdict is None or experiment.verdict.outcome not in SCORED:
        return None
    values = own_scores(experiment, trials)
    return sum(values) / len(values) if values else None


def one_line(text: str, longest: int) -> str:
    """Text from outside as data: one line, nothing that controls a terminal, and cut."""
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    shown = " ".join(shown.split())
    return cut(shown, longest)


def cell(text: str, longest: int = LONGEST) -> str:
    """Text from outside as one line that no spreadsheet takes for a formula."""
    shown = one_line(text, longest)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _short(commit: str | None) -> str:
    """A commit in seven digits; the name that an imported log has in its place as it is."""
    if commit is None:
        return "-"
    return commit[:7] if HASH.fullmatch(commit) else one_line(commit, 40)


def _line(row: Row) -> str:
    return "\t".join(row) + "\n"


def _peak(trial: Trial) -> float:
    measured = trial.measurement.metrics if trial.measurement else {}
    return max(measured.get("peak_memory_mb", 0.0), trial.peak_memory_mb)


def _decimal(value: float) -> str:
    """Six decimals as in the original, or six digits where those would lose the number."""
    return f"{value:.6f}" if 0.1 <= abs(value) < LARGE or value == 0 else f"{value:.6g}"
