"""What a researcher is shown, composed: the newest and the most informative first, in a bound.

It reads from the ledger no more than it shows, however long the campaign is. A confirmation's
trials, on the holdout or not, are never read.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from novum.briefing import Briefing, material
from novum.briefing.fence import Fence, one_line, visible
from novum.briefing.files import shown_files
from novum.briefing.history import sections
from novum.briefing.past import Past
from novum.briefing.size import BETWEEN, Purse, share_out, tokens
from novum.briefing.templates import filled, text_of
from novum.briefing.terms import state, terms
from novum.ledger import Ledger, Request
from novum.records import Proposal
from novum.standing import Standing, Tally

LONGEST = 4000  # characters of one of them
HISTORY = 0.15  # of the bound: what files leave to earlier experiments at least, if there are any
WORDS, IDEA, PENDING, NOTES, PROGRAM = 0.12, 0.15, 0.1, 0.06, 0.25  # of the bound, at most


def compose(
    ledger: Ledger | None,
    standing: Standing,
    *,
    parent: str,
    files: Mapping[str, str],
    program: str = "",
    researcher: str = "",
    idea: str = "",
    start: Mapping[str, str] | None = None,
    with_text: bool = True,
) -> Briefing:
    """What a researcher is shown now: `parent` is the commit to change, `files` its editable ones.

    `program` is the text of `program.md`; `researcher` is who is asked, so that it learns what
    became of its last proposals; `idea` is to be worked out now; `start` are the editable files
    that the campaign began with. Without a ledger, no campaign has run. The text, for a researcher
    that reads, is at most `researcher.briefing_tokens` long.
    """
    campaign = standing.campaign
    briefing = Briefing(
        lab=standing.lab,
        parent=parent,
        files=files,
        tried=standing.tried,
        recent=tuple(standing.recent),
        number=max(1, standing.next_number),
        results=standing.results,
        tallies=standing.tallies,
        pending=material.pending(ledger, campaign) if ledger else (),
        notes=material.answers(ledger, campaign, researcher) if ledger else (),
        idea=idea,
        start=start or {},
        baseline=standing.baseline_score,
        seed=standing.seed,
    )
    if not with_text:
        return briefing
    briefing = _settled(briefing, material.prepared(ledger, campaign) if ledger else ())
    fence = Fence(f"{campaign.tag} {campaign.created}")
    return _Writer(briefing, Past(ledger, standing, fence, files), program).written()


def _settled(briefing: Briefing, prepared: Sequence[Proposal]) -> Briefing:
    """The briefing for who takes its time, in another thread, while the campaign goes on: copies.

    What is prepared counts as proposed: nobody is to propose it again, or out of turn.
    """
    tallies = dict(briefing.tallies)
    for one in prepared:
        was = tallies.get(one.researcher, Tally())
        tallies[one.researcher] = replace(was, proposed=was.proposed + 1)
    return replace(
        briefing,
        tried=frozenset(briefing.tried) | {one.key for one in prepared if one.key},
        results=dict(briefing.results),
        tallies=tallies,
        number=briefing.number + len(prepared),
    )


class _Writer:
    """Writes the text of one briefing, granting room in the order of importance."""

    def __init__(self, briefing: Briefing, past: Past, program: str) -> None:
        self._briefing, self._past, self._program = briefing, past, program
        self._fence, self._lab = past.fence, briefing.lab
        self._purse = Purse(self._lab.researcher.briefing_tokens)

    def written(self) -> Briefing:
        """The briefing with its text."""
        purse, briefing = self._purse, self._briefing
        head = purse.take(filled("head", lab=self._lab.lab.name, mark=self._fence.mark))
        call = purse.take(filled("call", number=str(briefing.number), parent=briefing.parent[:10]))
        seconds = self._past.standing.campaign.settings["seconds"]
        judged = purse.take(terms(self._lab, float(seconds)))
        stands = purse.take(state(self._past))
        idea = self._idea()
        person = self._person()
        notes = self._notes()
        pending = self._pending()
        question = self._question()
        files = self._files()
        history = share_out(sections(self._past), purse.left)
        steady = [head, *question, judged, files]
        changing = [stands, *history, pending, notes, person, idea, call]
        return replace(briefing, text=_joined(steady + changing), steady=len(_joined(steady)))

    def _question(self) -> list[str]:
        question = self._purse.take(
            filled("question", question=visible(self._lab.lab.question).strip()), PROGRAM
        )
        program = self._fenced("program", visible(self._program).strip(), "program", PROGRAM)
        return [question if self._lab.lab.question.strip() else "", program]

    def _idea(self) -> str:
        return self._fenced("idea", visible(self._briefing.idea).strip(), "data", IDEA)

    def _person(self) -> str:
        """The person's words, each with when it came; the oldest are left out if need be."""
        said = material.said(self._past.ledger)
        shown: list[str] = []
        room = min(self._purse.left, int(self._purse.bound * WORDS))
        room -= tokens(self._wrapped("person", "", "person") + BETWEEN) + 1
        for request in reversed(said):
            words = self._words(request)
            room -= tokens(words + BETWEEN)
            if room < 0 and shown:
                break
            shown.insert(0, words)
        return self._fenced("person", BETWEEN.join(shown), "person", WORDS)

    def _words(self, request: Request) -> str:
        text = material.words_in(request)
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(request.created))
        before = [one for one in self._past.standing.recent if one.created <= request.created]
        after = f", after experiment {before[-1].number} was proposed" if before else ""
        return f"{when}{after}:\n{visible(text[:LONGEST]).strip()}"

    def _notes(self) -> str:
        notes = "\n".join(f"- {one_line(note, 600)}" for note in self._briefing.notes)
        return self._fenced("notes", notes, "data", NOTES)

    def _pending(self) -> str:
        """What has no verdict yet, each whole or not at all."""
        found = self._briefing.pending
        heading = self._purse.whole(text_of("pending"), PENDING) if found else ""
        items = [self._purse.whole(self._past.pending(one), PENDING) for one in found]
        return BETWEEN.join([heading, *filter(None, items)]) if heading else ""

    def _files(self) -> str:
        tried = bool(self._past.standing.lessons.tried)
        room = self._purse.left - int(tried * HISTORY * self._purse.bound)
        heading = filled("files", parent=self._briefing.parent[:10])
        room -= tokens(heading + BETWEEN)
        files = shown_files(self._briefing.files, self._briefing.parent[:10], self._fence, room)
        return self._purse.whole(f"{heading}{BETWEEN}{files}") if files else ""

    def _wrapped(self, template: str, text: str, name: str) -> str:
        return f"{text_of(template)}{BETWEEN}{self._fence.around(text, name)}"

    def _fenced(self, template: str, text: str, name: str, share: float) -> str:
        """A text in a fence under its heading, cut to a share of the bound; nothing if empty."""
        text = self._fence.unmarked(text)
        return self._purse.wrapped(
            text, lambda inside: self._wrapped(template, inside, name), share
        )


def _joined(parts: Sequence[str]) -> str:
    return "".join(part.rstrip() + BETWEEN for part in parts if part)
