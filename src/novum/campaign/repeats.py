"""Which experiment a proposal repeats: the machine answers with its result, and runs nothing."""

from novum.ledger import Experiment, Ledger
from novum.likeness import fingerprint


class Repeats:
    """What was changed before in this campaign, by what it does."""

    def __init__(self, ledger: Ledger, campaign: int) -> None:
        self._ledger, self._campaign = ledger, campaign
        self._numbers: dict[str, int] | None = None  # read when first asked for

    def add(self, experiment: Experiment) -> None:
        """Take in a proposal."""
        mark = fingerprint(experiment.diff.text)
        if mark is not None and self._numbers is not None:
            self._numbers.setdefault(mark, experiment.number)

    def find(self, diff: str) -> Experiment | None:
        """The first experiment with the same change; None if there is none, or no change at all."""
        mark = fingerprint(diff)
        if mark is None:
            return None
        if self._numbers is None:
            self._numbers = {}
            for experiment in self._ledger.experiments(self._campaign):
                self.add(experiment)
        number = self._numbers.get(mark)
        return None if number is None else self._ledger.experiment(self._campaign, number)


def result_words(experiment: Experiment) -> str:
    """An earlier experiment as the answer to its repetition."""
    verdict = experiment.verdict
    came = "it has no verdict yet" if verdict is None else f"{verdict.outcome}: {verdict.reason}"
    return f"experiment {experiment.number} ({experiment.proposal.title!r}), {came}"
