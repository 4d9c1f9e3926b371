"""A language model, through its API, writes a change.

It gets the briefing and answers in a form that `answer` reads and `fitting` fits to the files. An
answer that is no change that applies is sent back with what was wrong, twice at most; then it is
proposed as it is, and recorded as such. What says nothing about an idea is waited out.
"""

import hashlib
import re
from collections.abc import Set
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from novum.briefing import Briefing
from novum.briefing.frame import frame as shared_frame
from novum.errors import ResearcherError, UsageError
from novum.lab import Lab
from novum.records import Edit, Proposal, kind_in_words
from novum.researchers import MOST_EMPTY, Desk, Streak
from novum.researchers.chat import means, prices, transport, words
from novum.researchers.chat.answer import SIGNS, Answer, read_answer, signs_for
from novum.researchers.chat.fitting import fit
from novum.researchers.chat.models import RESEARCHER, Model, models_for
from novum.researchers.chat.talk import Keep, Limits, NotWantedError, Reply, Talk, WireError
from novum.researchers.chat.turns import whose_turn
from novum.researchers.chat.waits import Waits
from novum.terminal import cut, harmless, storable

REPAIRS = 2  # how often an answer is sent back
QUOTED = 600  # characters of a model's words that stand for a hypothesis it did not give
MINUTES, HOUR = 240.0, 3000.0  # seconds between two requests, for which a cache is kept
ADVICE = {
    401: "{model.provider} does not accept the key in {model.variable}; set a valid one",
    402: "there is no credit left at {model.provider}; add some, or choose another model",
    403: "{model.provider} does not let this key use {model.model}; choose another model",
    404: "{model.provider} has no model {model.model} at {model.host}; choose another",
    413: "{model.provider} finds the briefing too long; lower [researcher] briefing_tokens",
}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What an answer came to: a proposal, and, unless it is sound, what to say to the model."""

    proposal: Proposal
    complaint: str = ""


class Chat:
    """Asks one of several language models."""

    name = RESEARCHER
    instant = False

    def __init__(self, lab: Lab, models: list[Model], waits: Waits | None = None) -> None:
        self._lab = lab
        self._models = {model.researcher: model for model in models}
        self._waits = waits or Waits()
        self._system = self.frame(lab)
        self._streak = Streak()

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """The chosen models (`provider/model`, several with a plus between them), or the lab's."""
        if find_spec("httpx2") is None:
            raise UsageError("chat needs an HTTP client: pip install 'novum[chat]'")
        return cls(lab, models_for(lab, choice))

    @staticmethod
    def frame(lab: Lab) -> str:
        """The instructions that go before a briefing."""
        return f"{shared_frame(lab)}\n\n{words.how_to_answer(lab.files.editable)}"

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """A change by the model whose turn it is, or None if it was cancelled.

        Raises:
            ResearcherError: if a bound is reached, the provider refuses the request for good, or
                five answers in a row had no edit.
        """
        turn = whose_turn(list(self._models), briefing.tallies, briefing.number)
        try:
            proposal = self._answered(self._models[turn], briefing, desk)
        except NotWantedError:
            return None
        self._streak.require_edits(
            proposal,
            f"{MOST_EMPTY} answers in a row had no change in them, the last one by {turn}: "
            f"{proposal.title}; `novum show` has its words; then: novum resume",
        )
        return proposal

    def _answered(self, model: Model, briefing: Briefing, desk: Desk) -> Proposal:
        talk = self._talk(model, briefing)
        desk.keep("system", talk.system)
        desk.keep("user", talk.turns[0][1])
        repairs = 0
        while True:
            reply, allowed = self._reply(model, talk, desk)
            outcome = _outcome(reply, allowed, briefing, model)
            if not outcome.complaint or repairs == REPAIRS:
                return outcome.proposal
            repairs += 1
            desk.keep("user", outcome.complaint)
            answer = "" if reply.ended == "refusal" else reply.text
            talk = talk.said(answer, outcome.complaint)

    def _talk(self, model: Model, briefing: Briefing) -> Talk:
        text = storable(briefing.text)
        signs = signs_for(briefing.files)
        if signs != SIGNS:
            text = f"{text}\n\n{words.longer_signs(signs)}"
        digest = hashlib.sha256(f"{self._lab.lab.name}\0{self._system}".encode()).hexdigest()[:16]
        keep = _keep(self._lab.budget.seconds)
        return Talk(self._system, (("user", text),), briefing.steady, keep, f"novum-{digest}")

    def _reply(self, model: Model, talk: Talk, desk: Desk) -> tuple[Reply, int]:
        """A complete answer, however long that takes, and how many tokens it might have.

        Raises:
            ResearcherError: if no waiting helps, or a bound is reached.
            NotWantedError: if it was cancelled.
        """
        failures = 0
        while True:
            if desk.cancel.is_set():
                raise NotWantedError
            desk.require_means()
            allowed = means.output_allowed(model, talk, desk, self._lab.chat.max_output_tokens)
            reply = Reply()
            try:
                self._send(model, talk, allowed, reply, desk)
                return reply, allowed
            except WireError as error:
                error.message = model.scrubbed(error.message)
                if not error.passing:
                    raise ResearcherError(_advice(model, error)) from None
                failures += 1
                seconds = self._waits.after(failures, error.retry_after)
                told = f"{model.researcher}: {_reason(error)}; asked again in {seconds:.1f} s"
            desk.notice(told)
            desk.cancel.wait(seconds)

    def _send(self, model: Model, talk: Talk, allowed: int, reply: Reply, desk: Desk) -> None:
        limits = Limits(allowed, self._lab.chat.temperature)
        try:
            transport.ask(model, talk, limits, reply, desk.cancel, self._lab.chat.timeout)
        finally:
            for name in ("text", "refusal", "reason"):
                setattr(reply, name, storable(model.scrubbed(str(getattr(reply, name)))))
            desk.spend(prices.usage(means.spent(reply, talk, allowed), model.price))
            if reply.text or reply.refusal:
                desk.keep("answer" if reply.ended else "broken answer", reply.text or reply.refusal)


def _outcome(reply: Reply, allowed: int, briefing: Briefing, model: Model) -> _Outcome:
    """What to make of a complete answer."""
    editable = briefing.lab.files.editable
    answer = read_answer(reply.text, editable)
    if reply.ended == "refusal":
        why = f"no proposal: the model refused ({reply.reason})"
        return _nothing(why, reply.refusal or reply.text, words.refused(), briefing, model)
    if reply.ended == "length":
        why = "no proposal: the answer was cut off"
        return _nothing(why, reply.text, words.cut_off(allowed), briefing, model)
    if answer.fault or not answer.blocks:
        fault = answer.fault or "it has no block of SEARCH and REPLACE"
        why = f"no proposal: {fault}" if reply.text.strip() else "no proposal: an empty answer"
        return _nothing(why, reply.text, words.unreadable(fault), briefing, model)
    fitted = fit(answer.blocks, briefing.files, editable)
    complaint = words.misfit(fitted.fault) if fitted.fault else ""
    return _Outcome(_proposal(answer, fitted.edits, briefing.tried, model), complaint)


def _nothing(title: str, said: str, complaint: str, briefing: Briefing, model: Model) -> _Outcome:
    answer = Answer(title=title, hypothesis=cut(" ".join(said.split()), QUOTED))
    return _Outcome(_proposal(answer, (), briefing.tried, model), complaint)


def _proposal(answer: Answer, edits: tuple[Edit, ...], tried: Set[str], model: Model) -> Proposal:
    changed = ", ".join(dict.fromkeys(edit.path for edit in edits))
    proposal = Proposal(
        title=harmless(answer.title) or f"a change of {changed}",
        edits=edits,
        hypothesis=harmless(answer.hypothesis),
        expected=answer.expected,
        kind=kind_in_words(harmless(answer.kind)),
        researcher=model.researcher,
    )
    return replace(proposal, key=_key(proposal, tried))


def _key(proposal: Proposal, tried: Set[str]) -> str:
    """A name for the idea that no other has: its title, and a digest of what it changes."""
    slug = re.sub(r"[^a-z0-9]+", "-", proposal.title.lower()).strip("-")[:40].strip("-") or "idea"
    digest = hashlib.sha256(repr((proposal.edits, proposal.hypothesis)).encode("utf-8", "replace"))
    key = f"{slug}-{digest.hexdigest()[:8]}"
    number = 1
    while (numbered := key if number == 1 else f"{key}-{number}") in tried:
        number += 1
    return numbered


def _keep(seconds: float) -> Keep:
    """How long a cache must hold to be there the next time, when another trial has run."""
    if seconds <= MINUTES:
        return "minutes"
    return "hour" if seconds <= HOUR else ""


def _reason(error: WireError) -> str:
    return f"{error.message} ({error.status})" if error.status else error.message


def _advice(model: Model, error: WireError) -> str:
    advice = ADVICE.get(error.status)
    told = advice.format(model=model) if advice else f"{model.name} does not take the request"
    return f"{told}; it says: {_reason(error)}; then: novum resume"
