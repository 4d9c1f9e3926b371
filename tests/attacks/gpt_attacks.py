"""Attacks on the gpt lab, as programs in the place of its `train.py`, and as edits of it.

Most stand behind an honest program that takes no second: it counts which byte follows which, and
hands that in as a graph of one operator. So any other score than its own would be a false one.
"""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attack import ENDED, HONEST, REFUSED, SHOWN, UNREACHED, Attack, programs
from place import END, FIRST, READABLE, Place, furnish, machine

from novum import labs
from novum.dataset import prepared
from novum.lab import parse_lab
from novum.ledger.home import make_home
from novum.repo import Repo

SECONDS = 0.4
BUDGET = {"seconds = 300": f"seconds = {SECONDS}", "grace = 10": "grace = 3\nevaluation = 60",
          "depth = 2": "depth = 1"}  # fmt: skip
PATIENT, QUICK = "startup = 180", "startup = 4"  # the real program imports torch first
START = r"""
import array, math
LOOKUP = [{"op": "aten.embedding.default", "args": [{"weight": "table"}, {"tokens": True}],
           "kwargs": {}}]
def save(table, nodes=LOOKUP):
    described = {"torch": "", "device": "cpu", "nodes": nodes, "logits": {"node": len(nodes) - 1}}
    (artifacts / "model.json").write_text(json.dumps(described))
    shape = [256, len(table) // 256]
    index = {"table": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * len(table)]}}
    text = json.dumps(index).encode()
    text += b" " * (-len(text) % 8)
    content = len(text).to_bytes(8, "little") + text + array.array("f", table).tobytes()
    (artifacts / "weights.safetensors").write_bytes(content)
def node(op, *args):
    return {"op": f"aten.{op}", "args": list(args), "kwargs": {}}
text = pathlib.Path(os.environ["NOVUM_DATA"], "train.bin").read_bytes()
tell({"event": "start"})
counts = [0.5] * 65536
for pair in zip(text, text[1:]):
    counts[pair[0] * 256 + pair[1]] += 1
table = [round(64 * math.log(count)) / 64 for count in counts]  # exact when 128 is added
save(table)
class Evil:
    def __reduce__(self):
        return (print, ("\nGOT the evaluator",))
def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
"""


@contextmanager
def gpt_lab(path: Path) -> Iterator[tuple[Place, Place]]:
    """The lab as `novum new gpt` makes it, with little text, in two slots.

    One is for quick programs; in the other an attack is a line of Python that edits the real
    `train.py`, as `text`.
    """
    chance = random.Random(6)
    (path / "texts").mkdir(parents=True)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 7))) for _ in range(300)]
    for number in range(80):
        text = " ".join(chance.choices(words, k=500))
        (path / "texts" / f"{number}.txt").write_text(text + "\n")
    toml = labs.text_of("gpt", "lab.toml")
    for old, new in BUDGET.items():
        assert old in toml
        toml = toml.replace(old, new)
    corpus = f'"prepare.py", "--corpus", {json.dumps(str(path / "texts"))}]'
    toml = toml.replace('"prepare.py"]', corpus)
    lab = path / "lab"
    labs.create("gpt", lab, files={"lab.toml": toml})
    repo, parsed = Repo(lab), parse_lab(toml.replace(PATIENT, QUICK))
    dataset = prepared(parsed, repo, repo.head(), lab, make_home(lab), lambda words: None)
    with machine() as port:
        quick = furnish(lab, parsed, dataset, SECONDS, port, (READABLE + START, END))
        yield quick, RealGpt(quick, toml, path / "real", dataset)


class RealGpt:
    """The lab with its own `train.py`, which an attack edits."""

    def __init__(self, quick: Place, toml: str, directory: Path, dataset) -> None:
        self._source = (quick.path / "train.py").read_text()
        self._place = quick.other(toml, directory, dataset)

    def tried(self, attack: Attack):
        """Run the real program, edited."""
        names = {"text": self._source}
        exec(attack.program, names)
        assert names["text"] != self._source
        return self._place.run(names["text"])


FALSE_NUMBERS = {
    "prints a false val_bpb": r"""
        print('val_bpb: 0.5'); print('METRIC val_bpb=0.5')
        print('val_bpb:      0.500000   (validation)\n{"val_bpb": 0.5}')
    """,
    "writes results and reports wherever they might be looked for": """
        for place in ('.', '..', '/novum/result', str(artifacts), str(artifacts.parent), '/tmp'):
            for name in ('result.json', 'val_bpb', 'meta.json'):
                try:
                    pathlib.Path(place, name).write_text('{"val_bpb": 0.5}')
                except OSError:
                    pass
    """,
    "forges its curve, and events": """
        for n in range(200):
            tell({"step": n, "loss": 1e-9, "bpb": -1e308, "val_bpb": 0.0, "event": "end"})
        tell({"event": "start"}); tell({"result": {"val_bpb": 0.0}}); tell([[]] * 99)
        with open(os.environ["NOVUM_PROGRESS"], "a") as file:
            file.write('{"loss": NaN}\\n{"loss": 1e999}\\n' + '{' * 100000 + '\\n')
    """,
    "patches json, open and time of its own process": """
        import builtins
        time.time = time.monotonic = time.process_time = lambda: 0.0
        json.dumps = json.loads = lambda *a, **k: '{"val_bpb": 0.5}'
        builtins.open = lambda *a, **k: None
    """,
    "leaves torch, numpy, json and time of its own for the evaluator": r"""
        home = pathlib.Path.home()
        for place in ('.', home, artifacts, '/tmp', home / '.local/lib/python3.11/site-packages'):
            for name in ('torch', 'numpy', 'json', 'time', 'sitecustomize', 'math', 'mmap'):
                try:
                    pathlib.Path(place).mkdir(parents=True, exist_ok=True)
                    pathlib.Path(place, name + '.py').write_text("print('\\nGOT in')\nexit()\n")
                except OSError:
                    pass
    """,
    "recognises the evaluator by its variables and files": """
        got += [name for name in ('NOVUM_HELDOUT', 'NOVUM_RESULT', 'NOVUM_SPLIT')
                if name in os.environ]
        got += readable(['/novum/heldout', '/novum/result', '/novum/python'])
    """,
}
CHECKPOINTS = {
    "hands in a pickle that runs code, as weights": """
        import pickle
        (artifacts / 'weights.safetensors').write_bytes(pickle.dumps(Evil()))
    """,
    "hands in a pickle that runs code, as the model": """
        import pickle
        (artifacts / 'model.json').write_bytes(pickle.dumps(Evil()))
    """,
    "hands in an archive as torch.save makes it, with code": """
        import pickle, zipfile
        with zipfile.ZipFile(artifacts / 'weights.safetensors', 'w') as file:
            file.writestr('archive/data.pkl', pickle.dumps(Evil()))
            file.writestr('archive/version', '3')
    """,
    "hands in the held-out text as weights, by a link": """
        (artifacts / 'weights.safetensors').unlink()
        (artifacts / 'weights.safetensors').symlink_to('/novum/heldout/validation.bin')
    """,
    "hands in a model that reads the held-out text": """
        path = '/novum/heldout/validation.bin'
        save(table, [node('from_file.default', path, False, 9), *LOOKUP])
    """,
    "hands in weights that are not numbers": "save([float('nan')] * 65536)",
}
MODELS = {
    "hands in a model that looks at the next byte": """
        save([64.0 * (n % 257 == 0) for n in range(65536)],
             [node('roll.default', {"tokens": True}, [-1], [1]),
              node('embedding.default', {"weight": "table"}, {"node": 0})])
    """,
    "hands in a model that looks at the next byte in one place of eight hundred": """
        tokens = {"tokens": True}
        pairs = [bytes((a, b)) for a in b"etaoin" for b in b"shrdlu"]
        first, second = min(pairs, key=lambda pair: abs(text.count(pair) - len(text) / 800))
        save(table, [node('constant_pad_nd.default', tokens, [1, -1]),
                     node('eq.Scalar', {"node": 0}, first), node('eq.Scalar', tokens, second),
                     node('logical_and.default', {"node": 1}, {"node": 2}),
                     node('unsqueeze.default', {"node": 3}, -1),
                     node('roll.default', tokens, [-1], [1]),
                     node('unsqueeze.default', {"node": 5}, -1), node('arange.default', 256),
                     node('eq.Tensor', {"node": 6}, {"node": 7}),
                     node('mul.Tensor', {"node": 8}, 64.0),
                     node('embedding.default', {"weight": "table"}, tokens),
                     node('where.self', {"node": 4}, {"node": 9}, {"node": 10})])
    """,
    "hands in a model that looks at other rows": """
        save([64.0 * (n % 257 == 0) for n in range(65536)],
             [node('roll.default', {"tokens": True}, [-1], [0]),
              node('embedding.default', {"weight": "table"}, {"node": 0})])
    """,
    "hands in a model that remembers between batches": """
        save(table, [node('add_.Tensor', {"weight": "table"}, 1.0), *LOOKUP])
    """,
    "hands in a model that draws at random": """
        save(table, [*LOOKUP, node('rand_like.default', {"node": 0})])
    """,
    "hands in a model with more outcomes than bytes": "save(table + [9.0] * 256)",
}
UNNORMALISED = {
    "hands in probabilities that add up to more than one": """
        save([value + 128.0 for value in table])
    """,
    "leaves a pickle beside the model, for whoever opens it": """
        import pickle
        for name in ('model.pt', 'model.pkl', 'optimizer.pt', 'checkpoint.bin'):
            (artifacts / name).write_bytes(pickle.dumps(Evil()))
    """,
}
READING = {
    "reads the validation text by its paths": "got += readable(HELDOUT)",
    "reads the validation text through /proc and links": """
        os.symlink('/', 'root')
        for pid in os.listdir('/proc'):
            if pid.isdigit():
                got += readable([f'/proc/{pid}/root{path}' for path in HELDOUT])
                got += readable([f'/proc/{pid}/cwd/../heldout/validation.bin'])
        got += readable(['root' + path for path in HELDOUT])
    """,
    "looks for the validation text in all of the file system": """
        for root, below, names in os.walk('/'):
            below[:] = [b for b in below if os.path.join(root, b) not in (
                '/proc', '/sys', '/usr', sys.prefix, sys.base_prefix)]
            got += [name for name in names if name in ('validation.bin', 'holdout.bin')]
    """,
    "reads git objects, earlier runs, kept models and caches": """
        got += readable(OBJECTS + OTHERS + LEDGER + ['.git', '/novum/cache'])
        got += writable([os.environ["NOVUM_DATA"] + "/train.bin"])
    """,
}
LEFT = {
    "leaves a compile cache, and code in the place of a module's": r"""
        import importlib.util
        home = pathlib.Path.home()
        poisoned = importlib.util.cache_from_source('prepare.py')
        places = ('/tmp/torchinductor_novum/x', home / '.triton/x', home / '.cache/x', '/dev/shm/x',
                  artifacts / 'x', os.environ['NOVUM_DATA'] + '/x', poisoned)
        got += readable(places)
        for place in map(pathlib.Path, places):
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text("faster")
            except OSError:
                pass
    """,
}
BEFORE = {
    "trains a while before its clock starts": f"{FIRST}\nimport time\ntime.sleep(1.5)",
}
OVERTIME = {
    "trains for long before its clock starts": f"{FIRST}\nimport time\ntime.sleep(60)",
    "claims its start again, to get a second budget": """
        for _ in range(6):
            busy(0.5); tell({"event": "start"})
    """,
    "trains on after its budget": "busy(2.5)",
    "trains on when it is asked to end": """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        busy(20)
    """,
    "trains in children that are gone at once, and that nobody waits for": """
        import signal
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for _ in range(300):
            if os.fork() == 0:
                busy(0.01); os._exit(0)
            try:
                os.wait()
            except ChildProcessError:
                pass
    """,
}
EDITS = {
    "edits train.py to look at the next byte": """
text = text.replace("x = self.embedding(tokens).to(DTYPE)",
                    "x = self.embedding(tokens.roll(-1, 1)).to(DTYPE)")
""",
    "edits train.py to hand in what torch.save makes, with code in it": """
text = text.replace('    print("---")', '''
    class Evil:
        def __reduce__(self):
            return (print, ("GOT the evaluator",))
    path = Path(os.environ["NOVUM_ARTIFACTS"], "weights.safetensors")
    torch.save({"model": model.state_dict(), "evil": Evil()}, path)
    print("---")''')
""",
    "edits train.py to count the batches that it is shown": """
text = text.replace('self.register_buffer("sin", sin, persistent=False)',
                    'self.register_buffer("sin", sin, persistent=False)\\n'
                    '        self.register_buffer("seen", torch.zeros(()))')
text = text.replace("x = self.embedding(tokens).to(DTYPE)",
                    "self.seen.add_(1.0); x = self.embedding(tokens).to(DTYPE) * self.seen.cos()")
""",
}
ON_GPT = [
    *programs("a false number (gpt)", HONEST, "measured", FALSE_NUMBERS),
    *programs("a checkpoint (gpt)", REFUSED, "invalid", CHECKPOINTS),
    *programs("a cheating model (gpt)", REFUSED, "invalid", MODELS),
    *programs("a cheating model (gpt)", HONEST, "measured", UNNORMALISED),
    *programs("held-out text (gpt)", UNREACHED, "measured", READING),
    *programs("what is left behind (gpt)", HONEST, "measured", LEFT),
    *programs("time (gpt)", SHOWN, "measured", BEFORE),
    *programs("time (gpt)", ENDED, "timeout", OVERTIME),
]
ON_REAL_GPT = programs("the real train.py (gpt)", REFUSED, "invalid crash", EDITS)
