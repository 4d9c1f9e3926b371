"""Is this machine any good? Every finding says what is so and, where needed, what to do.

`check` looks at a lab without running anything; `novum.audit.deep` runs it, before a campaign.
"""

from novum.audit.soundness import Finding, Level, check

__all__ = ["Finding", "Level", "check"]
