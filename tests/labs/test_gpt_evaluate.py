"""The gpt lab's evaluator, and the models that prepare.py hands to it."""

import importlib.util
import json
import math
import os
import resource
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from novum.runners.metrics import parse_result

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
pytestmark = pytest.mark.torch

LAB = Path(__file__).parents[2] / "src" / "novum" / "labs" / "gpt"
BATCH, LENGTH, VOCAB = 32, 256, 256


def load(name):
    spec = importlib.util.spec_from_file_location(f"gpt_{name}", LAB / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prepare, evaluate = load("prepare"), load("evaluate")


@pytest.fixture(scope="module")
def heldout(tmp_path_factory):
    """Held-out text: some batches of it, and one for the holdout split."""
    root = tmp_path_factory.mktemp("data")
    (root / "texts").mkdir()
    generator = torch.Generator().manual_seed(5)
    for number in range(60):
        words = torch.randint(97, 123, (900,), generator=generator).tolist()
        (root / "texts" / f"{number}.txt").write_text("".join(map(chr, words)) + "\n")
    prepare.DATA, prepare.HELDOUT = root / "train", root / "heldout"
    documents = list(prepare.directory_documents(root / "texts"))
    turn = ["validation"] * 8 + ["holdout", "train"]
    documents = [(turn[n % 10], name, text) for n, (_, name, text) in enumerate(documents)]
    documents += [("holdout", f"more {n}", f"{n} " * 400) for n in range(10)]
    documents += [("train", f"more train {n}", f"t{n} " * 400) for n in range(10)]
    prepare.write_splits(documents, "texts")
    return root / "heldout"


class Small(nn.Module):
    """Attention and the things that people write, on a small scale."""

    def __init__(self, width=16):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU("tanh"), nn.Dropout(0.5))
        self.down = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCAB, bias=False)
        self.head.weight = self.embedding.weight  # tied
        self.register_buffer("scale", torch.tensor(1.5))
        self.angles = torch.arange(LENGTH)[:, None] / 100.0  # neither parameter nor buffer

    def forward(self, tokens):
        x = self.embedding(tokens) + self.angles.cos().to(self.head.weight.dtype)
        x[:, 0] += 1  # in place
        batch, length, width = x.shape
        parts = self.qkv(F.rms_norm(x, (width,))).view(batch, length, 3, 2, width // 2)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + y.transpose(1, 2).reshape(x.shape)
        x = x + self.down(self.mlp(self.norm(x)))
        mask = torch.tril(torch.ones(length, length, dtype=torch.bool, device=x.device))
        weights = torch.softmax((x @ x.mT).masked_fill(~mask, float("-inf")), dim=-1)
        return self.scale * 5 * torch.tanh(self.head(weights @ x).float() / 5)


class Logits(nn.Module):
    """What a function makes of the tokens, with one weight so that there is a file of them."""

    def __init__(self, function):
        super().__init__()
        self.function, self.one = function, nn.Parameter(torch.ones(1))

    def forward(self, tokens):
        return self.function(tokens) * self.one


def saved(model, folder):
    prepare.save_model(model, folder)
    return folder


def graph_in(folder):
    described = json.loads((folder / "model.json").read_text())
    return evaluate.Graph(described, evaluate.read_weights(folder / "weights.safetensors"), "cpu")


@pytest.fixture
def run(heldout, tmp_path, monkeypatch, capsys):
    """Evaluate what lies in a directory as the program does: (status, output, result or None)."""
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    result = tmp_path / "result.json"

    def runs(artifacts, *arguments):
        monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
        monkeypatch.setenv("NOVUM_ARTIFACTS", str(artifacts))
        monkeypatch.setenv("NOVUM_HELDOUT", str(heldout))
        monkeypatch.setenv("NOVUM_RESULT", str(result))
        result.write_text('{"val_bpb": 0.0}')  # left over from an earlier run
        status, printed = evaluate.main(), capsys.readouterr()
        found = json.loads(result.read_text()) if result.exists() else None
        return status, printed.out + printed.err, found

    yield runs
    resource.setrlimit(resource.RLIMIT_DATA, limits)


@pytest.fixture
def refused(run):
    """Checks that the model in a directory is refused, in one line with these words."""

    def check(artifacts, *words):
        status, printed, result = run(artifacts)
        assert (status, result) == (65, None)
        assert printed.count("\n") == 1
        assert all(word in printed for word in words), printed
        return printed

    return check


# The model that comes out is the model that went in


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_saved_model_gives_the_same_logits(tmp_path, dtype):
    torch.manual_seed(1)
    model = Small().to(dtype).train()
    graph = graph_in(saved(model, tmp_path))
    assert model.training
    tokens = torch.randint(VOCAB, (BATCH, LENGTH))
    with torch.inference_mode():
        torch.testing.assert_close(graph(tokens, VOCAB), model.eval()(tokens), rtol=0, atol=2e-5)


def test_weights_are_stored_once_and_as_they_are(tmp_path):
    model = Small().to(torch.bfloat16)
    weights = evaluate.read_weights(saved(model, tmp_path) / "weights.safetensors")
    stored = dict(model.named_parameters())
    assert "head.weight" not in weights
    for name, value in stored.items():
        assert weights[name].dtype == value.dtype
        assert torch.equal(weights[name], value)


def test_the_artifact_is_data_only(tmp_path):
    saved(Small(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "weights.safetensors"}
    described = json.loads((tmp_path / "model.json").read_text())
    assert all(node["op"] == "getitem" or node["op"].startswith("aten.")
               for node in described["nodes"])  # fmt: skip


def test_a_compiled_model_is_unwrapped(tmp_path):
    torch.manual_seed(1)
    model = Small()
    graph = graph_in(saved(torch.compile(model, backend="eager"), tmp_path))
    tokens = torch.randint(VOCAB, (BATCH, LENGTH))
    with torch.inference_mode():
        torch.testing.assert_close(graph(tokens, VOCAB), model.eval()(tokens))


def test_a_model_that_is_not_one_graph_cannot_be_saved(tmp_path):
    def decides(tokens):
        return F.one_hot(tokens if tokens.sum() > 5 else tokens + 1, VOCAB).float()

    with pytest.raises(Exception, match=r"(?i)data.dependent"):
        prepare.save_model(Logits(decides), tmp_path)
    with pytest.raises(ValueError, match="one tensor"):
        prepare.save_model(Logits(lambda tokens: tokens.float()), tmp_path)


def test_a_model_that_changes_while_it_is_evaluated_cannot_be_saved(tmp_path):
    class Counts(Logits):
        def forward(self, tokens):
            self.one.data.add_(1)
            return super().forward(tokens)

    with pytest.raises(ValueError, match="buffers"):
        prepare.save_model(Counts(lambda tokens: F.one_hot(tokens, VOCAB).float()), tmp_path)


# The score


def test_the_score_is_the_models_bits_per_byte(tmp_path, run, heldout):
    torch.manual_seed(2)
    model = Small()
    status, printed, result = run(saved(model, tmp_path / "artifacts"))
    assert status == 0, printed
    tokens = torch.frombuffer(bytearray((heldout / "validation.bin").read_bytes()),
                              dtype=torch.uint8).long()  # fmt: skip
    rows = (len(tokens) - 1) // (BATCH * LENGTH) * BATCH
    stride = (len(tokens) - 1) // rows
    nats = count = 0
    for batch in range(0, rows, BATCH):
        starts = [row * stride for row in range(batch, batch + BATCH)]
        windows = torch.stack([tokens[start : start + LENGTH + 1] for start in starts])
        with torch.inference_mode():
            log_p = model.eval()(windows[:, :-1]).double().log_softmax(-1)
        loss = -log_p.gather(2, windows[:, 1:, None])[..., 0]
        text = windows[:, 1:] != 0
        nats, count = nats + float(loss[text].sum()), count + int(text.sum())
    assert result["val_bpb"] == pytest.approx(nats / math.log(2) / count, rel=1e-7)
    assert result["eval_tokens"] == rows * LENGTH == len(result["items"]) * LENGTH
    scores, lengths = zip(*result["items"], strict=True)
    assert sum(lengths) == count
    of_items = sum(s * n for s, n in result["items"]) / count
    assert of_items == pytest.approx(result["val_bpb"], abs=1e-5)
    assert parse_result(json.dumps(result).encode(), "val_bpb").items == tuple(
        map(tuple, result["items"])
    )
    assert len(set(scores)) > 1
    parameters = {id(p): p.numel() for p in model.parameters()}
    assert result["params_M"] == pytest.approx((sum(parameters.values()) + 1 + LENGTH) / 1e6)
    assert f"{result['val_bpb']:.6f}" in printed


def test_a_uniform_model_scores_eight_bits_per_byte_on_either_split(tmp_path, run):
    uniform = saved(Logits(lambda t: torch.zeros(*t.shape, VOCAB)), tmp_path / "artifacts")
    results = [run(uniform)[2], run(uniform, "--split", "holdout")[2]]
    assert [result["val_bpb"] for result in results] == [pytest.approx(8, abs=1e-9)] * 2
    assert results[0]["eval_tokens"] > results[1]["eval_tokens"]


def test_the_program_runs_alone_and_ignores_what_lies_beside_it(tmp_path, heldout):
    saved(Logits(lambda t: torch.zeros(*t.shape, VOCAB)), tmp_path / "artifacts")
    shutil.copy(LAB / "evaluate.py", tmp_path)
    for name in ("json", "torch", "stat"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken over')")
    environment = {**os.environ, "NOVUM_ARTIFACTS": "artifacts", "NOVUM_HELDOUT": str(heldout),
                   "NOVUM_RESULT": "result.json"}  # fmt: skip
    done = subprocess.run([sys.executable, "evaluate.py"], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "result.json").read_text())["val_bpb"] == pytest.approx(8)


def test_missing_held_out_text_is_not_the_models_fault(tmp_path, run, monkeypatch):
    saved(Small(), tmp_path / "artifacts")
    monkeypatch.setattr(evaluate.Path, "read_text", _raise(FileNotFoundError("meta.json")))
    monkeypatch.setattr(sys, "argv", ["evaluate.py"])
    monkeypatch.setenv("NOVUM_HELDOUT", str(tmp_path))
    monkeypatch.delenv("NOVUM_RESULT", raising=False)
    assert evaluate.main() == 2


def _raise(error):
    def raises(*_, **__):
        raise error

    return raises


# A model must not see what it predicts


def one_hot(tokens):
    return 5 * F.one_hot(tokens, VOCAB).float()


def later(tokens):
    """Each position's next token."""
    return torch.cat([tokens[:, 1:], tokens[:, -1:]], dim=1)


PEEKING = {
    "next token": lambda t: one_hot(later(t)),
    "next token, faintly": lambda t: one_hot(t) + 0.001 * one_hot(later(t)),
    "next token, at an eighth of the places": lambda t: (
        one_hot(t) + one_hot(later(t)) * (torch.arange(LENGTH) % 8 == 3)[:, None]
    ),
    "next token, in a few rows": lambda t: (
        one_hot(t) + one_hot(later(t)) * (torch.arange(BATCH) % 4 == 1)[:, None, None]
    ),
    "next token, at one place of seven hundred": lambda t: (
        one_hot(t)
        + one_hot(later(t)) * ((t == ord("e")) & (F.pad(t, (1, -1)) == ord("t")))[..., None]
    ),
    "the whole window": lambda t: one_hot(t) + one_hot(t).mean(dim=1, keepdim=True),
    "the last token": lambda t: one_hot(t) + one_hot(t[:, -1:]),
    "other rows": lambda t: one_hot(t) + one_hot(t).mean(dim=0, keepdim=True),
    "the next row": lambda t: one_hot(t) + one_hot(t.roll(-1, 0)),
}


@pytest.mark.parametrize("kind", PEEKING)
def test_a_model_that_peeks_is_refused(kind, tmp_path, refused):
    refused(saved(Logits(PEEKING[kind]), tmp_path / "artifacts"), "sees what it may not")


def test_every_part_of_a_window_is_audited():
    def drawn():
        return list(islice(evaluate.all_cuts(LENGTH), LENGTH))

    cuts = drawn()
    assert cuts[:3] == [1, LENGTH - 1, LENGTH]
    assert sorted(cuts) == list(range(1, LENGTH + 1))
    assert cuts != drawn()


def test_half_of_the_audit_goes_where_a_model_knows_more_than_counting():
    known = torch.zeros(BATCH, LENGTH)
    known[:, 99] = 1.0
    cuts = evaluate.draw_cuts(evaluate.all_cuts(LENGTH), known).tolist()
    assert set(cuts[1::2]) == {100}
    assert set(cuts[:6:2]) == {1, LENGTH - 1, LENGTH}
    nothing = evaluate.draw_cuts(evaluate.all_cuts(LENGTH), torch.zeros(BATCH, LENGTH))
    assert len(set(nothing.tolist())) == BATCH


def test_what_follows_always_is_no_surprise_and_what_never_did_is():
    costs = evaluate.surprise(torch.tensor([7, *[1, 2, 3] * 200, 9]))
    assert costs[300] < 0.02
    assert costs[-1] > 4


# What comes out must be logits


NO_LOGITS = {
    "logits are not finite": lambda t: one_hot(t) / 0,
    "shape [32, 256, 255]": lambda t: one_hot(t)[..., :255],
    "shape [32, 256, 300]": lambda t: F.pad(one_hot(t), (0, 44)),
    "shape [32, 255, 256]": lambda t: one_hot(t)[:, 1:],
    "floating-point": lambda t: torch.complex(one_hot(t), one_hot(t)),
}


@pytest.mark.parametrize("words", NO_LOGITS)
def test_what_are_no_logits_is_refused(words, tmp_path, refused):
    refused(saved(Logits(NO_LOGITS[words]), tmp_path / "artifacts"), words)


# What comes in may be anything


@pytest.fixture
def artifacts(tmp_path):
    """A good model, for a test to spoil."""
    return saved(Logits(one_hot), tmp_path / "artifacts")


def forge(artifacts, op, *args, **kwargs):
    """Put a node in front of the others."""
    path = artifacts / "model.json"
    described = json.loads(path.read_text())
    described["nodes"] = [{"op": op, "args": list(args), "kwargs": kwargs}]
    path.write_text(json.dumps({**described, "logits": {"node": 0}}))


TOKENS = {"tokens": True}
SMUGGLED = [
    ("aten.from_file.default", "/etc/passwd", False, 10),
    ("aten.add_.Tensor", TOKENS, TOKENS),
    ("aten.add.out", TOKENS, TOKENS),
    ("aten.relu_.default", TOKENS),
    ("aten.rand.default", [3]),
    ("aten.rand_like.default", TOKENS),
    ("aten.bernoulli.p", TOKENS, 0.5),
    ("aten.native_dropout.default", TOKENS, 0.5, True),
    ("aten.rrelu.default", TOKENS),
    ("aten.empty.memory_format", [32, 256]),
    ("aten.new_empty.default", TOKENS, [32, 256]),
    ("aten.empty_like.default", TOKENS),
    ("aten.nonzero.default", TOKENS),
    ("aten._local_scalar_dense.default", TOKENS),
    ("aten._print.default", "tanh"),
    ("aten.save.default", TOKENS, "/tmp/x"),
    ("aten.set_.default", TOKENS),
    ("aten.embedding_dense_backward.default", TOKENS, TOKENS, 5, 0, False),
    ("aten.__class__.default",),
    ("aten.mm.__class__",),
    ("aten.mm", TOKENS, TOKENS),
    ("aten.no_such_thing.default", TOKENS),
    ("prims.add.default", TOKENS, TOKENS),
    ("os.system", "true"),
    ("quantized.linear.default", TOKENS),
    ("__import__", "os"),
    (["aten", "mm"], TOKENS),
    (None,),
]


@pytest.mark.parametrize("node", SMUGGLED, ids=lambda node: str(node[0]))
def test_an_operator_that_is_no_pure_function_is_refused(node, artifacts, refused):
    forge(artifacts, *node)
    printed = refused(artifacts)
    assert "no operator" in printed or "not allowed" in printed


ARGUMENTS = {
    "a string": "/etc/passwd",
    "a later node": {"node": 0},
    "a negative node": {"node": -1},
    "no weight": {"weight": "two"},
    "a dtype of code": {"dtype": "load"},
    "a layout": {"layout": "sparse_coo"},
    "an unknown mark": {"code": "1"},
    "two marks": {"tokens": True, "node": 0},
    "a float": {"float": "1e400"},
}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_an_argument_that_is_no_plain_value_is_refused(kind, artifacts, refused):
    forge(artifacts, "aten.relu.default", ARGUMENTS[kind])
    refused(artifacts, "node 0 has an argument")


ENORMOUS = [
    ("aten.full.default", [1 << 36], 1.0),
    ("aten.zeros.default", [1 << 40]),
    ("aten.arange.default", 1 << 40),
    ("aten.expand.default", {"weight": "one"}, [1 << 30]),
    ("aten.repeat.default", TOKENS, [1 << 12, 1 << 12]),
    ("aten.zeros.default", [1 << 70]),
]


@pytest.mark.parametrize("node", ENORMOUS, ids=lambda node: node[0])
def test_a_giant_tensor_is_refused(node, artifacts, refused):
    forge(artifacts, *node)
    refused(artifacts, "node 0 ")


def test_attention_on_tensors_that_do_not_fit_is_refused(artifacts, refused):
    part = {"op": "aten.view.default", "args": [TOKENS, [32, 4, 8, 8]], "kwargs": {}}
    short = {"op": "aten.slice.Tensor", "args": [{"node": 1}, 2, 0, 2], "kwargs": {}}
    real = {"op": "aten._to_copy.default", "args": [{"node": 0}],
            "kwargs": {"dtype": {"dtype": "float32"}}}  # fmt: skip
    attention = {"op": "aten._scaled_dot_product_flash_attention_for_cpu.default", "kwargs": {},
                 "args": [{"node": 1}, {"node": 1}, {"node": 2}]}  # fmt: skip
    nodes = [part, real, short, attention]
    for dropout in ([], [0.5]):
        attention["args"] = [{"node": 1}, {"node": 1}, {"node": 1 if dropout else 2}, *dropout]
        described = {"device": "cpu", "nodes": nodes, "logits": {"node": 3}}
        (artifacts / "model.json").write_text(json.dumps(described))
        refused(artifacts, "do not fit")


def test_a_failing_operator_does_not_quote_the_text(artifacts, refused):
    forge(artifacts, "aten.embedding.default", {"weight": "one"}, TOKENS)
    forge(artifacts, "aten.index_select.default", {"weight": "one"}, 0, TOKENS)
    refused(artifacts, "aten::index_select", "fails")
    described = json.loads((artifacts / "model.json").read_text())
    flat = {"op": "aten.view.default", "args": [TOKENS, [BATCH * LENGTH]], "kwargs": {}}
    look = {"op": "aten.index_select.default", "args": [{"weight": "one"}, 0, {"node": 0}],
            "kwargs": {}}  # fmt: skip
    described.update(nodes=[flat, look], logits={"node": 1})
    (artifacts / "model.json").write_text(json.dumps(described))
    printed = refused(artifacts, "node 1 (aten::index_select) fails: ")
    assert printed.split("fails: ")[1].strip().endswith("Error")


SPOILT = {
    "not JSON": b"{",
    "not a JSON object": b"[1]",
    "device must be": b'{"nodes": []}',
    "nodes are needed": b'{"device": "cpu", "nodes": []}',
    "node 0 is malformed": b'{"device": "cpu", "nodes": [7]}',
    "is not JSON": b"[" * 200_000,
    "node 0 has an argument": b'{"device": "cpu", "nodes": [{"op": "getitem", "args": [{}], '
    b'"kwargs": {}}]}',
}


@pytest.mark.parametrize("words", SPOILT)
def test_a_malformed_description_is_refused(words, artifacts, refused):
    (artifacts / "model.json").write_bytes(SPOILT[words])
    refused(artifacts, words)


def test_weights_that_are_cut_off_or_lie_about_themselves_are_refused(artifacts, refused):
    path = artifacts / "weights.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    refused(artifacts, "'one' does not fit the file")
    path.write_bytes(whole[:20])
    refused(artifacts, "cut off")
    path.write_bytes(b"")
    refused(artifacts, "0 bytes")
    for old, new in ((b'"shape": [1]', b'"shape": [9]'), (b'"F32"', b'"X32"'),
                     (b"[0, 4]", b"[4, 8]"), (b'"shape": [1]', b'"shape": 111')):  # fmt: skip
        assert old in whole
        path.write_bytes(whole.replace(old, new))
        refused(artifacts, "'one' does not fit the file")
    path.unlink()
    refused(artifacts, "weights.safetensors: No such file")


def test_a_link_to_the_held_out_text_is_refused(artifacts, refused, heldout):
    path = artifacts / "weights.safetensors"
    path.unlink()
    path.symlink_to(heldout / "validation.bin")
    refused(artifacts, "weights.safetensors: ")
    path.unlink()
    os.mkfifo(path)
    refused(artifacts, "not a regular file")
