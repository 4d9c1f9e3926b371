"""Several researchers in the same lab: the same start, budget and judge, each in its own campaigns.

Do ideas beat the parameter grid here, and by how much, for what? The campaigns are ordinary ones;
all that is said of them is read from the ledger.
"""

from novum.comparison.plan import Wish
from novum.comparison.running import compare

__all__ = ["Wish", "compare"]
