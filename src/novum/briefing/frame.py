"""The instructions that researchers put before a briefing's text."""

from novum.briefing.templates import filled
from novum.lab import Lab


def frame(lab: Lab) -> str:
    """The part that all researchers share: the role, how the machine judges, what is asked for.

    A researcher adds how it is to answer.
    """
    return filled(
        "frame",
        question=" ".join(lab.lab.question.split()),
        metric=lab.metric.name,
        direction="lower" if lab.minimize else "higher",
    )
