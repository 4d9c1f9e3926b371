"""What the laboratory measured of the lead: one well a run. No value yet is exit status 75."""

import json
import os
import sys
import tomllib
from pathlib import Path

from novum.errors import NovumError
from novum.molecule.plates.oracle import PlateOracle
from novum.molecule.plates.series import lead_of
from novum.molecule.scores import Status

LONGEST = 1_000_000  # bytes of a series
LATER = {Status.PENDING, Status.UNAVAILABLE, Status.TIMEOUT}
HERE = Path(__file__).parent


def main() -> int:
    text = Path(os.environ["NOVUM_ARTIFACTS"], "lead.smi").read_bytes()[:LONGEST].decode()
    lab = tomllib.loads((HERE / "lab.toml").read_text())
    table = tomllib.loads((HERE / "oracle.toml").read_text())["oracle"]
    try:
        lead = lead_of(text, "lead.smi")
        (score,) = PlateOracle.from_table(table, HERE).score([lead.smiles])
    except NovumError as error:
        print(error)
        return 1
    if score.value is None:
        print(f"{lead.name or lead.smiles}: {score.reason}")
        return 75 if score.status in LATER else 1
    result = {lab["metric"]["name"]: score.value, **score.numbers}
    Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps(result))
    return 0


sys.exit(main())
