"""Server-side Python: which copy a visitor of your own program is shown."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from novum.site.choosing import Chooser
from novum.site.config import read_site
from novum.site.records import Arm, Copy
from novum.site.store import Store, store_of
from novum.site.tokens import site_key


@dataclass(frozen=True, slots=True)
class Decision:
    """What a visitor is shown and why; the token tells it: `/seen?t=`, `/did?t=` of the site."""

    copy: Copy
    arm: Arm
    experiment: int
    token: str


def variant_for(lab: Path, visitor: str) -> Decision:
    """What to show to somebody whom you know by this name, such as a number in your own cookie.

    Raises:
        LabError: if the lab's `site.toml` is not sound.
        SiteError: if the site cannot be used, or shows nothing yet (`novum serve` begins it).
    """
    store, chooser = _opened(lab.resolve())
    guest = chooser.known(visitor)
    choice = guest.choice
    return Decision(store.variant(choice.variant), choice.arm, choice.experiment, guest.token)


@cache
def _opened(lab: Path) -> tuple[Store, Chooser]:
    store = store_of(lab)
    return store, Chooser(store, site_key(lab), read_site(lab))
