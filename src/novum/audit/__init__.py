"""Is it any good? Every finding says what is so and, where needed, what to do.

`check` looks at a lab without running anything; `novum.audit.deep` runs it, before a campaign;
`novum.audit.log` judges somebody's existing log, without any lab.
"""

from novum.audit.soundness import Finding, Level, check

__all__ = ["Finding", "Level", "check"]
