"""Hand in the copy. There is nothing to train: what it is worth is told by the visitors.

Frozen. The machine runs it in the trial's place; it opens copy.toml as bytes, and understands none.
"""

import os
import shutil
from pathlib import Path

with Path(os.environ["NOVUM_PROGRESS"]).open("a") as progress:
    progress.write('{"event": "start"}\n')
shutil.copyfile("copy.toml", Path(os.environ["NOVUM_ARTIFACTS"], "copy.toml"))
