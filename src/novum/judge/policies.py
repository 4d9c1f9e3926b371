"""The policies by the name that `lab.toml` gives them."""

from collections.abc import Callable

from novum.errors import UsageError
from novum.judge import Judge
from novum.judge.belief import BeliefJudge
from novum.judge.certain import CertainJudge
from novum.judge.exact import ExactJudge
from novum.judge.greedy import GreedyJudge
from novum.judge.rate import RateJudge

POLICIES: dict[str, Callable[[], Judge]] = {
    "belief": BeliefJudge,
    "certain": CertainJudge,
    "exact": ExactJudge,
    "greedy": GreedyJudge,
    "rate": RateJudge,
}


def judge_named(policy: str) -> Judge:
    """The judge of that name."""
    if policy not in POLICIES:
        names = ", ".join(sorted(POLICIES))
        raise UsageError(f'lab.toml says `judge.policy` = "{policy}"; choose one of: {names}')
    return POLICIES[policy]()
