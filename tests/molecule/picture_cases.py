"""A molecule lab with a campaign in it that was run with scripted parts, and poses in its cache.

The runner is scripted; the chemistry, the ledger, git and the report are real.
"""

import sqlite3
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import QED, AllChem, Crippen, Descriptors

from novum.campaign import Machine, Parts
from novum.dataset import Dataset
from novum.judge.policies import judge_named
from novum.lab import parse_lab
from novum.ledger import Campaign, Ledger
from novum.records import Edit, Measurement, Proposal, TrialResult, TrialState
from novum.repo import Repo
from novum.runners import Order
from novum.search import Greedy
from novum.standing import Standing
from novum.testing import InstantRunner, ScriptedResearcher

LAB = """
[lab]
name = "drd2"
question = "Which changes of the lead bind better?"
[metric]
name = "docking_qed"
direction = "minimize"
min_effect = 0.02
[budget]
seconds = 3
[files]
editable = ["lead.smi"]
[trial]
run = ["python", "hand_in.py"]
evaluate = ["python", "evaluate.py"]
[report]
exhibits = ["novum.molecule.exhibit:Molecules"]
"""
START = "CCOC(=O)c1ccc(NC(=O)c2ccccc2)cc1"
BEST = "CC(C)c1noc(-c2ccc(NC(=O)c3cc(C)ncc3F)cc2)n1"
LOST = "CC(C)c1noc(-c2ccc(NC(=O)c3ccncc3F)cc2)n1"
UGLY = "<b>m5</script><script>alert(1)</script>"
IDEAS = (  # SMILES, name, title, affinity
    ("CCOC(=O)c1ccc(NC(=O)c2ccncc2)cc1", "m1", "Phenyl to 4-pyridyl: less greasy", -9.8),
    ("CCOC(=O)c1ccc(NC(=O)c2cc(C)ncc2F)cc1", "m2", "Methyl walk | and a fluorine", -10.4),
    ("O=C(Cl)c1ccccc1", "m3", "An acid chloride", None),
    (BEST, "m4", "Ester to 1,2,4-oxadiazole, a bioisostere with a title too long to fit", -11.9),
    ("c1ccccc1C(", UGLY, "Broken `SMILES` <script>alert(1)</script>", None),
    (LOST, "=m6", "Take the methyl away", -12.4),
    ("CC(C)c1noc(-c2ccc(N3CCN(C(=O)c4ccncc4F)CC3C)cc2)n1", "m7", "Amide to acyl piperazine", -8.0),
)
REFUSAL = "BRENK: acyl halide | refused"


@dataclass
class Work:
    """A lab, its ledger and its campaign."""

    directory: Path
    ledger: Ledger
    campaign: Campaign
    machine: Machine | None = field(default=None, repr=False)


class Chemist(ScriptedResearcher):
    """Appends a molecule to the lead series of the parent, as a proposal should."""

    def propose(self, briefing, desk):
        proposal = super().propose(briefing, desk)
        if proposal is None:
            return None
        line = proposal.edits[0].replace
        whole = Edit("lead.smi", None, briefing.files["lead.smi"] + line)
        return Proposal(proposal.title, (whole,), key=proposal.key, researcher="scripted")


def measured(smiles: str, affinity: float, seed: int) -> TrialResult:
    """What an evaluator would measure, with a little noise."""
    mol = Chem.MolFromSmiles(smiles)
    affinity += 0.002 * (seed % 5 - 2)
    metrics = {
        "affinity": affinity,
        "qed": QED.qed(mol),
        "sa": 2.5,
        "mw": Descriptors.MolWt(mol),
        "logp": Crippen.MolLogP(mol),
        "ligand_efficiency": -affinity / mol.GetNumHeavyAtoms(),
        "docking_seconds": 0.01,
    }
    score = affinity + 10 * (1 - metrics["qed"])
    return TrialResult(TrialState.MEASURED, Measurement(score, metrics))


def evaluate(order: Order) -> TrialResult:
    """The scripted evaluator: refuses what it must, and scores the rest."""
    smiles = (order.tree / "lead.smi").read_text().splitlines()[-1].split()[0]
    affinities = {START: -9.07} | {one[0]: one[3] for one in IDEAS}
    if affinities[smiles] is None:
        return TrialResult(TrialState.INVALID, detail=REFUSAL)
    return measured(smiles, affinities[smiles], order.seed)


def opened(directory: Path, lab: str = LAB, start: str = f"{START}  start  # known\n") -> Work:
    """A molecule lab whose campaign has not begun."""
    directory.mkdir()
    files = {"lab.toml": lab, "lead.smi": start, "hand_in.py": "", "evaluate.py": ""}
    for name, text in (files | {".gitignore": ".novum/\n"}).items():
        (directory / name).write_text(text)
    for command in ("init -q .", "add -A", "-c user.name=n -c user.email=e commit -q -m start"):
        subprocess.run(["git", *command.split()], cwd=directory, check=True)
    ledger = Ledger(directory)
    settings = {"seconds": 3, "researcher": "scripted", "target": 9}
    campaign = ledger.start_campaign("nov25", lab, settings, Repo(directory).head(), {})
    return Work(directory, ledger, campaign)


def worked(work: Work, ideas: Sequence[tuple] = IDEAS) -> Work:
    """The campaign after these ideas."""
    proposals = [
        Proposal(title, (Edit("lead.smi", None, f"{smiles}  {name}  # {title}\n"),), key=name)
        for smiles, name, title, _ in ideas
    ]
    parts = Parts(InstantRunner(evaluate), judge_named("belief"), Greedy(), Chemist(proposals))
    standing = Standing.read(work.ledger, parse_lab(work.campaign.lab), work.campaign)
    work.machine = Machine(work.ledger, Repo(work.directory), standing, parts, Dataset(), ())
    work.machine.run(None)
    return work


@cache
def placed(smiles: str) -> str:
    """A molecule in three dimensions where DOCKSTRING's box of DRD2 is, as an SDF block."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    conformer = mol.GetConformer()
    for index, (x, y, z) in enumerate(conformer.GetPositions()):
        conformer.SetAtomPosition(index, (x + 9.25, y + 6.17, z - 7.0))
    return Chem.MolToMolBlock(mol) + "$$$$\n"


def remember(directory: Path, poses: Mapping[str, Sequence[tuple[float, str]]]) -> None:
    """Write poses into a lab's cache as `cache.py` does: by molecule, with their values."""
    path = directory / ".novum" / "cache" / "oracles.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE answer (question INTEGER, molecule TEXT, smiles TEXT, value REAL,"
            " status TEXT, reason TEXT, numbers TEXT, pose BLOB, seconds REAL, time REAL,"
            " proof INTEGER, UNIQUE (question, molecule))"
        )
        for smiles, found in poses.items():
            for number, (value, sdf) in enumerate(found):
                pose = zlib.compress(sdf.encode())
                row = (number, smiles, smiles, value, "ok", "", "{}", pose, 1.0, 0.0, 0)
                db.execute(f"INSERT INTO answer VALUES ({','.join('?' * 11)})", row)
    db.close()
