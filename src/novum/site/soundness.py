"""What `novum check` says of a lab whose evaluator is a site."""

from collections.abc import Iterator
from pathlib import Path

from novum.audit import Finding, Level
from novum.errors import NovumError
from novum.site.config import read_site
from novum.site.copies import COPY, read_copy
from novum.site.page import LAYOUT, Layout
from novum.site.rules import RULES, read_rules

SUBJECT = "site"


def findings(lab: Path) -> Iterator[Finding]:
    """Whether a lab's site can be served and its copy shown."""
    try:
        site, rules, copy = read_site(lab), read_rules(lab / RULES), read_copy(lab / COPY)
        Layout(lab / LAYOUT).page(copy)
    except NovumError as error:
        yield Finding(Level.PROBLEM, SUBJECT, str(error))
        return
    if told := rules.refusals(copy):
        yield Finding(Level.PROBLEM, SUBJECT, f"{COPY} breaks its own rules: {'; '.join(told)}")
        return
    traffic, least = site.traffic, 1 - site.traffic.holdout
    if traffic.share == 0:
        text = "traffic.share is 0: nobody takes part in experiments, so no trial would ever end"
        yield Finding(Level.PROBLEM, SUBJECT, text)
    if traffic.holdout == 0:
        text = (
            "traffic.holdout is 0: nobody keeps the copy of the start, so a claim shows it anew to "
            "other visitors; 0.05 holds one visitor in twenty"
        )
        yield Finding(Level.CAUTION, SUBJECT, text)
    yield Finding(
        Level.GOOD,
        SUBJECT,
        f"page and copy fit, rules are kept; {traffic.share * least:.0%} of visitors in "
        f"experiments, {traffic.holdout:.0%} held out, {traffic.visitors:,} a batch",
    )
