"""Hand the lead series in; what it is worth is told by the evaluator, from the plates."""

import json
import os
import shutil
from pathlib import Path

with Path(os.environ["NOVUM_PROGRESS"]).open("a") as progress:
    progress.write(json.dumps({"event": "start"}) + "\n")
shutil.copyfile("lead.smi", Path(os.environ["NOVUM_ARTIFACTS"], "lead.smi"))
