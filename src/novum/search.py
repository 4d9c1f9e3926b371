"""Where to build next: which commit the next proposal starts from."""

from typing import Protocol

from novum.standing import Standing


class Search(Protocol):
    """Picks parents; it neither writes changes nor judges them."""

    name: str

    def parent(self, standing: Standing) -> str:
        """The commit that the next proposal shall change."""


class Greedy:
    """Always the incumbent."""

    name = "greedy"

    def parent(self, standing: Standing) -> str:
        """The incumbent's commit."""
        commit = standing.incumbent.commit
        assert commit is not None
        return commit
