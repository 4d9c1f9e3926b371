"""The service beside a trial: it scores molecules, counts the calls, and keeps the record.

Frozen. Which oracles there are is in oracle.toml; the program is part of Novum.
"""

import sys

from novum.molecule import serving

sys.exit(serving.main())
