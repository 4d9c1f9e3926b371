"""`site.toml`: how the page meets its visitors; what the person decided."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from novum.lab.tables import Table
from novum.site.visits import DAY
from novum.tables import read_table

SITE = "site.toml"
HOUR = 3600.0
SHARES = {"bounce_rate": "bounce", "unsubscribe_rate": "unsubscribe"}  # guards, their signals
MEANS = {"interaction_ms": True, "revenue": False}  # guards: whether more is worse
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Traffic(Table):
    """`[traffic]`: who takes part."""

    share: Share = 0.2  # of all visitors, in experiments
    holdout: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] = 0.05  # of all visitors
    visitors: Annotated[int, Field(ge=2)] = 2000  # of one batch, both arms together


class Attribution(Table):
    """`[attribution]`: which conversions count."""

    window_hours: Annotated[float, Field(gt=0, le=24 * 90, allow_inf_nan=False)] = 24.0


class Privacy(Table):
    """`[privacy]`: whose visits count, and how long they are kept."""

    respect_signals: bool = True  # Do Not Track and Global Privacy Control
    consent: bool = False  # whether nobody is counted who has not agreed
    retention_days: Amount = 90.0


class Approval(Table):
    """`[approval]`: whether a person says yes before a variant is shown."""

    required: bool = False


class Schedule(Table):
    """`[schedule]`: how long a batch lasts at least."""

    whole_weeks: bool = False


class Page(Table):
    """`[page]`: where the call to action leads; a page of ours that says thanks if not given."""

    goal: Annotated[str, Field(pattern=r"^(https?://\S+|/\S*)$")] = "/thanks"


class Guard(Table):
    """One of `[guards]`: a variant that is worse by more than this is stopped.

    A mean is one of values cut to 0 and `bound`; both in its own unit.
    """

    max_worse: Amount
    bound: Amount | None = None


class Site(Table):
    """The whole of `site.toml`."""

    traffic: Traffic = Traffic()
    attribution: Attribution = Attribution()
    privacy: Privacy = Privacy()
    approval: Approval = Approval()
    schedule: Schedule = Schedule()
    page: Page = Page()
    guards: dict[str, Guard] = Field(default_factory=dict)

    @property
    def window(self) -> float:
        """Seconds from its exposure for which a conversion counts."""
        return self.attribution.window_hours * HOUR

    @property
    def lifetime(self) -> float:
        """Seconds for which a page that was sent may tell what happened on it."""
        return self.window + DAY

    @model_validator(mode="after")
    def _guards_can_be_asked(self) -> "Site":
        for name, guard in self.guards.items():
            if name not in (*SHARES, *MEANS):
                raise ValueError(f"guards.{name}: known are {', '.join((*SHARES, *MEANS))}")
            if (name in MEANS) != (guard.bound is not None):
                need = "needs" if name in MEANS else "is a share, and has no"
                raise ValueError(f"guards.{name} {need} `bound`, the most that one visitor counts")
            if guard.bound is not None and guard.max_worse >= guard.bound:
                raise ValueError(f"guards.{name}: max_worse is not below bound")
        return self

    @model_validator(mode="after")
    def _keeps_long_enough(self) -> "Site":
        if self.privacy.retention_days * DAY < self.window:
            raise ValueError(
                "retention_days is shorter than the attribution window: events would be gone "
                "before they count"
            )
        return self


def read_site(lab: Path) -> Site:
    """What `site.toml` of a lab says; what it does not say is as above.

    Raises:
        UsageError: if it is missing or not sound, naming the key and those that are known.
    """
    return read_table(Site, lab / SITE)
