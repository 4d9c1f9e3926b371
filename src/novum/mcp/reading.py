"""What an agent may read: the code, the history, an experiment. Never a holdout score."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from novum import asking, views
from novum.briefed import standing_of
from novum.briefing.composing import compose
from novum.briefing.frame import frame
from novum.campaign.ablation import RESEARCHER as ABLATION
from novum.errors import UsageError
from novum.lab import parse_lab, read_program
from novum.ledger import Campaign, Experiment, Ledger
from novum.mcp import wording
from novum.mcp.answers import Briefed, Explained, FileText, History, Idea, Row, TrialFacts
from novum.mcp.following import experiment_of
from novum.opening import newest

SYMLINK = 0o120000
IDEAS = 10  # in one briefing, the oldest
FILE_CHARACTERS = 60_000  # in one answer: a line may be as long as it likes
NOTHING_YET = "no experiment was made in this lab yet; propose one"


def briefed(directory: Path, researcher: str = "outside") -> Briefed:
    """What to know before proposing; `researcher` is who asks, by the name it proposes under."""
    on, ideas = asking.ground(directory), _ideas(directory)
    with ExitStack() as stack:
        ledger = None
        if on.campaign is not None:
            ledger = stack.enter_context(closing(Ledger(directory)))
        briefing = compose(
            ledger,
            standing_of(on.lab, on.repo, ledger, on.campaign),
            parent=on.commit,
            files=on.files,
            program=read_program(directory),
            researcher=researcher,
        )
    parts = [frame(on.lab), briefing.text.strip(), wording.idea_words(ideas)]
    return Briefed(
        campaign=on.campaign.tag if on.campaign else None,
        experiment=on.number,
        commit=on.commit,
        editable=list(on.lab.files.editable),
        ideas=ideas,
        text="\n\n".join(part for part in parts if part),
    )


def _ideas(directory: Path) -> list[Idea]:
    """What the person put in in plain words, and nobody has worked out."""
    if not Ledger.exists(directory):
        return []
    with closing(Ledger(directory)) as ledger:
        waiting = ledger.requests.waiting("idea")[:IDEAS]
    texts = {one.id: one.body.get("text") for one in waiting if isinstance(one.body, dict)}
    return [
        Idea(id=number, text=wording.line(text, wording.WORDS))
        for number, text in texts.items()
        if isinstance(text, str)
    ]


def file_text(
    directory: Path, path: str, experiment: int | None, first: int, count: int
) -> FileText:
    """Lines of a file at a commit, from git's objects and never from the disk; or the files there.

    Raises:
        UsageError: if there is no such file, or it is no text.
    """
    on = asking.ground(directory)
    commit, number = on.commit, on.number
    if experiment is not None:
        found = _experiment(directory, experiment)[1]
        commit, number = found.commit or found.parent, experiment
    entries = on.repo.entries(commit)
    files = sorted(name for name, entry in entries.items() if entry.mode != SYMLINK)
    text = on.repo.file(commit, path) if path in files else ""
    if path and path not in files:
        raise UsageError(f"there is no file {path!r} there; read_file() without a path lists them")
    lines = (text or "").splitlines(keepends=True)
    return FileText(
        path=path,
        commit=commit,
        experiment=number,
        first_line=first,
        lines_in_all=len(lines),
        text="".join(lines[first - 1 : first - 1 + count])[:FILE_CHARACTERS],
        files=[] if path else files,
    )


def history(directory: Path, last: int, verdict: str | None = None, having: str = "") -> History:
    """The newest experiments of a verdict (`open`: without one), with a text in them."""
    lab, tag, rows = asking.ground(directory).lab, None, []
    if Ledger.exists(directory):
        with closing(Ledger(directory)) as ledger:
            campaign = newest(ledger)
            if campaign is not None:
                tag, lab = campaign.tag, parse_lab(campaign.lab)
                rows = views.log_facts(ledger, campaign, None)
    found = [row for row in rows if _matches(row, verdict, having)][-last:]
    return History(
        campaign=tag,
        metric=lab.metric.name,
        direction=lab.metric.direction,
        experiments_in_all=len(rows),
        rows=[Row(**_row(row)) for row in found],
    )


def explained(directory: Path, number: int) -> Explained:
    """All that is known of an experiment.

    Raises:
        UsageError: if there is none.
    """
    campaign, found = _experiment(directory, number)
    with closing(Ledger(directory)) as ledger:
        facts = views.show_facts(ledger, found)
        log = ledger.log(facts["trials"][-1]["id"]) if facts["trials"] else b""
    names = parse_lab(campaign.lab).curve_names
    # What an ablation says of a part was measured on the holdout, where there is one.
    told = "" if facts["researcher"] == ABLATION else facts["hypothesis"]
    told_by = asdict(found.verdict.evidence) if found.verdict else {}
    evidence = {name: value for name, value in told_by.items() if value is not None}
    return Explained(
        **_row(facts),
        hypothesis=wording.cut(told, wording.WORDS),
        expected=facts["expected"],
        source=wording.line(facts["source"]),
        commit=facts["commit"],
        parent=facts["parent"],
        evidence=evidence if evidence.get("runs") else {},
        diff=wording.cut(facts["diff"], wording.DIFF).rstrip("\n"),
        trials=[_trial(trial, names, directory) for trial in facts["trials"]],
        log_data=wording.log_end(log, directory),
    )


def _experiment(directory: Path, number: int) -> tuple[Campaign, Experiment]:
    if not Ledger.exists(directory):
        raise UsageError(NOTHING_YET)
    with closing(Ledger(directory)) as ledger:
        campaign = newest(ledger)
        found = experiment_of(ledger, campaign, number)
        assert campaign is not None
        return campaign, found


def _matches(row: Mapping[str, Any], verdict: str | None, having: str) -> bool:
    text = f"{row['title']} {row['kind']} {row['reason'] or ''}".casefold()
    return verdict in {None, row["verdict"] or "open"} and having.casefold() in text


def _row(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the history shows of an experiment, its words cut."""
    words: dict[str, str | None]
    words = {name: wording.line(facts[name]) for name in ("title", "researcher", "kind")}
    reason = facts["reason"]
    words["reason"] = None if reason is None else wording.cut(reason, wording.WORDS)
    return {name: facts[name] for name in Row.model_fields} | words


def _trial(trial: Mapping[str, Any], names: Sequence[str], directory: Path) -> TrialFacts:
    seconds = trial["seconds"]
    name, curve = wording.spread(trial["curve"], names)
    detail = wording.without_places(trial["detail"], directory)
    return TrialFacts(
        seed=trial["seed"],
        state=trial["state"],
        score=trial["metric"],
        metrics=trial["metrics"],
        detail=wording.cut(detail, wording.WORDS),
        training_seconds=seconds["training"],
        total_seconds=seconds["startup"] + seconds["training"] + seconds["evaluation"],
        peak_memory_mb=trial["peak_memory_mb"],
        curve_of=name,
        curve=curve,
    )
