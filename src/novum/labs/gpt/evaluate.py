"""How good is the model that a trial left behind? In bits per byte, on text it has never seen.

Run it after a trial, where the trial's code can no longer reach (the machine does so):

    python evaluate.py                      # reads $NOVUM_ARTIFACTS and $NOVUM_HELDOUT,
    python evaluate.py --split holdout      # writes $NOVUM_RESULT

What a trial hands in is data, never code: a graph of PyTorch's operators in model.json and raw
weights. This program reads both with suspicion, interprets the graph with an allow-list of pure
operators, and measures. It refuses, with one line, status 65 and no result: anything malformed,
logits of the wrong shape or not finite, and a model that looks into the future or at other rows.
Status 2 means that the fault is not the model's. It imports torch and nothing else.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":  # what lies in this directory cannot pose as a library
    sys.path[:] = sys.path[1:]

import argparse
import json
import math
import mmap
import operator
import os
import random
import re
import resource
import stat
import time
import warnings
from contextlib import suppress
from pathlib import Path

warnings.filterwarnings("ignore", message=".*NumPy.*")  # torch misses it; we do not
import torch  # noqa: E402

EVAL_TOKENS = 131_072  # scored, in windows spread evenly over the split
AUDITS = 512  # looks at a window with another future, at least, and one at each window
TOLERANCE = 1e-4  # of logits: as a leak, worth less than 0.0003 bits per token
CHANCE = random.SystemRandom()  # nothing in it can be foreseen
MAX_NODES, MAX_JSON = 20_000, 1 << 25
MAX_WEIGHTS = 1 << 31  # bytes
MAX_ELEMENTS = 1 << 28  # of one tensor on the way; 1 GiB in float32
MAX_MEMORY = 1 << 33  # bytes, of this process
REFUSED, UNSOUND = 65, 2  # exit statuses: of a model, and of what prepare.py should have left


class Rejected(Exception):
    """The model cannot be measured, and that is its own fault. One line."""


class OperatorFails(Rejected):
    """An operator of the model raised an error."""


class NotReady(Exception):
    """There is nothing to measure with: held-out text, or a device."""


# ---------------------------------------------------------------------------------------------
# Reading what the trial left

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16,
          "BF16": torch.bfloat16, "I64": torch.int64, "I32": torch.int32, "I16": torch.int16,
          "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}  # fmt: skip


def read_file(path: Path, most: int) -> mmap.mmap:
    """A file's bytes; refuses links (to held-out text, say), pipes and giants."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Rejected(f"{path.name}: {error.strerror}") from None
    with open(descriptor, "rb") as file:  # noqa: PTH123
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise Rejected(f"{path.name} is not a regular file")
        if not 0 < info.st_size <= most:
            raise Rejected(f"{path.name} has {info.st_size} bytes; at most {most} are read")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def parse(text: bytes, what: str) -> dict:
    """A JSON object out of bytes that may be anything."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Rejected(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise Rejected(f"{what} is not a JSON object")
    return value


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file: an index in JSON, then raw bytes."""
    content = read_file(path, MAX_WEIGHTS)
    start = 8 + int.from_bytes(content[:8], "little")
    if not 8 < start <= min(len(content), MAX_JSON):
        raise Rejected("weights.safetensors: the index is cut off")
    everything = torch.frombuffer(content, dtype=torch.uint8)
    weights = {}
    for name, entry in parse(content[8:start], "the index of weights.safetensors").items():
        try:
            dtype, shape = DTYPES[entry["dtype"]], entry["shape"]
            begin, end = (start + offset for offset in entry["data_offsets"])
            whole = all(type(n) is int and n >= 0 for n in shape)
            fits = start <= begin <= end <= len(content)
            if not (whole and fits and end - begin == math.prod(shape) * dtype.itemsize):
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise Rejected(f"weights.safetensors: {name[:80]!r} does not fit the file") from None
        # The copy is aligned, and no longer depends on the file.
        weights[name] = everything[begin:end].clone().view(dtype).reshape(shape)
    return weights


# ---------------------------------------------------------------------------------------------
# Which operators a model may use: PyTorch's core set, its pointwise functions, and MORE. Never one
# that works in place, draws random numbers, shows memory that nobody wrote, gives results of
# unforeseeable size, or trusts its arguments' shapes (attention and norms are guarded instead).

# fmt: off
MORE = set("""
    t transpose unbind split unsafe_split _unsafe_view detach lift_fresh_copy unfold roll stack
    tril triu diag_embed view_as_real view_as_complex _conj zeros ones zeros_like ones_like
    new_zeros new_ones new_full eye linspace baddbmm addbmm addmv mv dot linear matmul
    _fused_rms_norm linalg_vector_norm std std_mean var_mean logsumexp cumprod cummax cummin
    logcumsumexp all aminmax count_nonzero hardswish log_sigmoid_forward glu _prelu_kernel
    _safe_softmax index_add index_copy index_fill diagonal_scatter searchsorted bucketize one_hot
    repeat_interleave im2col _fft_c2c complex polar median kthvalue block_diag _euclidean_dist
""".split())  # noqa: SIM905
ATTENTION = {f"_scaled_dot_product_{kind}" for kind in (
    "flash_attention_for_cpu", "flash_attention", "efficient_attention", "cudnn_attention")}
NEVER = re.compile("empty.*|from_file|.*_backward|.*batch_norm.*|_embedding_bag.*|upsample.*|"
                   "grid_sampler.*|_pdist.*")
# fmt: on
STRINGS = {"none", "tanh", "trunc", "floor", "sum", "mean", "prod", "amax", "amin"}
Tag = torch.Tag
EXCEPT = {*ATTENTION, "index"}  # random, or of such a size, only if used in a certain way
UNFORESEEABLE = {Tag.nondeterministic_seeded, Tag.data_dependent_output, Tag.dynamic_output_shape}


def find_op(name: object):
    """The operator called `name` in model.json, if a model may use it."""
    if name == "getitem":
        return operator.getitem  # one of the several results of an operator
    found = re.fullmatch(r"aten\.(_?[a-z]\w*)\.([A-Za-z]\w*)", name if type(name) is str else "")
    base, overload = found.groups() if found else ("", "")
    family = getattr(torch.ops.aten, base, None) if found else None
    op = getattr(family, overload, None)
    if not isinstance(op, torch._ops.OpOverload):
        raise Rejected(f"there is no operator {str(name)[:80]!r}")
    tags = {tag for sibling in family.overloads() for tag in getattr(family, sibling).tags}
    known = bool(tags & {Tag.core, Tag.pointwise}) or base in MORE | ATTENTION
    pure = not (op._schema.is_mutable or NEVER.fullmatch(base))
    if not (known and pure and not (UNFORESEEABLE & set(op.tags) and base not in EXCEPT)):
        raise Rejected(f"operator {name} is not allowed: only pure functions of the model's input")
    return Guarded(op, GUARDS[base]) if base in GUARDS else op


class Guarded:
    """An operator that would read past the end of tensors that do not fit each other."""

    def __init__(self, op, fits) -> None:
        self.op, self.fits, self.name = op, fits, op.name
        self.arguments = [argument.name for argument in op._schema.arguments]

    def __call__(self, *args, **kwargs):
        if not self.fits(**dict(zip(self.arguments, args, strict=False)), **kwargs):
            raise ValueError("its arguments do not fit each other")
        return self.op(*args, **kwargs)


def attention_fits(query, key, value, dropout_p=0.0, attn_mask=None, attn_bias=None, **_) -> bool:
    """Shapes agree (several heads of queries may share one of keys), and nothing is random."""
    if not query.dim() == key.dim() == value.dim() == 4 or 0 in key.shape:
        return False
    (b, heads, length, width), (keys, values) = query.shape, (key.shape, value.shape)
    mask = attn_mask if attn_bias is None else attn_bias
    if mask is not None:
        sizes = zip(reversed(mask.shape), (keys[2], length, heads, b), strict=False)
        if mask.dim() > 4 or any(m not in (1, n) for m, n in sizes):
            return False
    return (keys[:3] == values[:3] and (keys[0], keys[3]) == (b, width)
            and heads % keys[1] == 0 and dropout_p == 0.0)  # fmt: skip


def norm_fits(input, normalized_shape, weight=None, **_) -> bool:
    """The weight has the shape of what is normalised."""
    shape = list(normalized_shape)
    same = len(shape) > 0 and list(input.shape)[-len(shape) :] == shape
    return same and (weight is None or list(weight.shape) == shape)


def fft_fits(self, dim, last_dim_size, **_) -> bool:
    """There are as many frequencies as the result needs."""
    return len(dim) > 0 and self.size(dim[-1]) == last_dim_size // 2 + 1


GUARDS = {"_fused_rms_norm": norm_fits, "_fft_c2r": fft_fits,
          **dict.fromkeys(ATTENTION, attention_fits)}  # fmt: skip


class Graph:
    """A model: logits = graph(tokens), interpreted from a description that nobody vouches for."""

    def __init__(self, described: dict, weights: dict[str, torch.Tensor], device: str) -> None:
        nodes = described.get("nodes")
        if not isinstance(nodes, list) or not 0 < len(nodes) <= MAX_NODES:
            raise Rejected(f"model.json: between 1 and {MAX_NODES} nodes are needed")
        self.weights = {name: weight.to(device) for name, weight in weights.items()}
        self.steps = []
        for number, node in enumerate(nodes):
            if not (isinstance(node, dict) and isinstance(node.get("args"), list)
                    and isinstance(node.get("kwargs"), dict)):  # fmt: skip
                raise Rejected(f"model.json: node {number} is malformed")
            op = find_op(node.get("op"))
            args = self.decode(node["args"], number)
            kwargs = {key: self.decode(value, number) for key, value in node["kwargs"].items()}
            self.steps.append((op, args, kwargs))
        self.output = self.decode(described.get("logits"), len(nodes))
        last_use = {}
        for number, (_, args, kwargs) in enumerate([*self.steps, (None, [self.output], {})]):
            for value in flat([args, list(kwargs.values())]):
                if isinstance(value, Ref) and value.kind == "node":
                    last_use[value.key] = number
        self.dead = [[] for _ in nodes]  # results not needed after a step
        for value in range(len(nodes)):
            if (last := last_use.get(value, value)) < len(nodes):
                self.dead[last].append(value)

    def decode(self, value: object, number: int):
        """An argument of node `number`: plain values, and references to earlier results."""
        if isinstance(value, list):
            return [self.decode(v, number) for v in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, str) and value in STRINGS:
            return value
        if isinstance(value, dict) and len(value) == 1:
            ((kind, key),) = value.items()
            if kind == "node" and type(key) is int and 0 <= key < number:
                return Ref("node", key)
            if kind == "weight" and isinstance(key, str) and key in self.weights:
                return Ref("weight", key)
            if kind in ("tokens", "device") and key is True:
                return Ref(kind, None)
            if kind == "float" and key in ("inf", "-inf", "nan"):
                return float(key)
            if kind in PLAIN and key in PLAIN[kind]:
                return getattr(torch, key)
        raise Rejected(f"model.json: node {number} has an argument {json.dumps(value)[:80]}")

    def run(self, tokens: torch.Tensor, frank: bool = False) -> object:
        """Interpret the graph. What fails is told in full only if `frank`: it may quote tokens."""
        results: dict[int, object] = {}

        def resolve(value: object):
            if isinstance(value, list):
                return [resolve(v) for v in value]
            if not isinstance(value, Ref):
                return value
            if value.kind in ("node", "weight"):
                return (results if value.kind == "node" else self.weights)[value.key]
            return tokens if value.kind == "tokens" else tokens.device

        for number, (op, args, kwargs) in enumerate(self.steps):
            try:
                result = op(*resolve(args), **{k: resolve(v) for k, v in kwargs.items()})
            except Exception as error:
                name = "getitem" if op is operator.getitem else op.name()
                why = str(error).split("\n")[0][:200] if frank else type(error).__name__
                raise OperatorFails(f"node {number} ({name}) fails: {why}") from None
            for tensor in flat(result):  # attention on a GPU gives numbers too
                if isinstance(tensor, torch.Tensor) and tensor.numel() > MAX_ELEMENTS:
                    raise Rejected(f"node {number} makes a tensor of {tensor.numel()} elements; "
                                   f"at most {MAX_ELEMENTS} are allowed")  # fmt: skip
            results[number] = result
            for dead in self.dead[number]:
                del results[dead]
        return resolve(self.output)

    def __call__(self, tokens: torch.Tensor, vocab_size: int) -> torch.Tensor:
        """The logits for tokens [batch, length], which are copied: nothing lies beyond them."""
        try:
            logits = self.run(tokens.clone())
        except OperatorFails:
            self.run(torch.zeros_like(tokens), frank=True)
            raise
        if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
            raise Rejected("logits must be one tensor of floating-point numbers")
        if tuple(logits.shape) != (*tokens.shape, vocab_size):
            raise Rejected(f"logits have shape {list(logits.shape)}, "
                           f"not {[*tokens.shape, vocab_size]}")  # fmt: skip
        if not torch.isfinite(logits).all():
            raise Rejected("logits are not finite")
        return logits


class Ref:
    """Stands for a value that is there only when the graph runs."""

    def __init__(self, kind: str, key) -> None:
        self.kind, self.key = kind, key


PLAIN = {"dtype": {str(dtype)[6:] for dtype in DTYPES.values()} | {"complex64", "complex128"},
         "layout": {"strided"},
         "memory_format": {"contiguous_format", "preserve_format"}}  # fmt: skip


def flat(value):
    """All that lies in nested lists and tuples."""
    if isinstance(value, (list, tuple)):
        for inner in value:
            yield from flat(inner)
    else:
        yield value


# ---------------------------------------------------------------------------------------------
# Measuring


class Text:
    """A held-out split, as windows of tokens in a fixed order."""

    def __init__(self, folder: Path, split: str) -> None:
        try:
            meta = json.loads((folder / "meta.json").read_text())
            with (folder / f"{split}.bin").open("rb") as file:
                content = bytearray(file.read())
        except OSError as error:
            raise NotReady(f"no held-out text ({error}): run prepare.py first") from None
        self.vocab_size, self.length = meta["vocab_size"], meta["sequence_length"]
        self.batch, self.digest = meta["eval_batch"], meta["digest"]
        self.token_bytes = torch.tensor(meta["token_bytes"])
        self.tokens = torch.frombuffer(content, dtype=torch.uint8).long()
        rows = min(EVAL_TOKENS, len(self.tokens) - 1) // (self.batch * self.length) * self.batch
        if len(content) != meta["splits"][split]["tokens"] or not rows:
            raise NotReady(f"{split}.bin is not what meta.json says: run prepare.py again")
        starts = torch.arange(rows) * ((len(self.tokens) - 1) // rows)
        windows = self.tokens[starts[:, None] + torch.arange(self.length + 1)]
        self.batches = windows.split(self.batch)
        costs = surprise(windows.flatten()).view(windows.shape)
        self.surprise = costs[:, 1:].split(self.batch)


def surprise(tokens: torch.Tensor) -> torch.Tensor:
    """The nats that each token costs who only counts what follows which two, in all other places.

    It needs no training, so what a model knows beyond this is worth a second look.
    """
    one, two = tokens, 256 * tokens.roll(1) + tokens
    rare = 1 / 256
    for context, pair in ((tokens.roll(1), two), (two.roll(1), (two.roll(1) << 8) + one)):
        seen = torch.bincount(context)[context] - 1  # not counting this place
        rare = (torch.bincount(pair)[pair] - 1 + 4 * rare) / (seen + 4)
    return -torch.log(rare)


def bits_per_byte(graph: Graph, text: Text, device: str):
    """The score, and [score, bytes] of each window: -log2 p of its bytes, over their number."""
    places, nats, counts = all_cuts(text.length), [], []
    looks = math.ceil(AUDITS / (len(text.batches) * text.batch))
    for windows, surprises in zip(text.batches, text.surprise, strict=True):
        inputs, targets = windows[:, :-1].to(device), windows[:, 1:]
        logits = graph(inputs, text.vocab_size)
        lengths = text.token_bytes[targets]  # 0 for a token that stands for no text
        known = []
        for row, target, length, cost in zip(
            logits, targets.to(device), lengths, surprises, strict=True
        ):
            log_p = torch.log_softmax(row.double(), dim=-1)
            loss = -log_p.gather(1, target[:, None])[:, 0].cpu()
            nats.append(float(loss[length > 0].sum()))
            counts.append(int(length.sum()))
            known.append((cost - loss).clamp(min=0) * (length > 0))
        for _ in range(looks):
            audit(graph, inputs, logits, draw_cuts(places, torch.stack(known)), text)
    if not sum(counts):
        raise NotReady("the held-out text is empty")
    scale = math.log(2)
    rows = [[n / (scale * max(c, 1)), c] for n, c in zip(nats, counts, strict=True)]
    return math.fsum(nats) / (scale * sum(counts)), rows


def all_cuts(length: int):
    """Where the future of a row may begin: all places by chance, again and again, the ends first.

    They are 1, the last position, and the length, which leaves a row alone while others change.
    """
    ends = [1, length - 1, length]
    middle = list(range(2, length - 1))
    while True:
        CHANCE.shuffle(middle)
        yield from ends + middle


def draw_cuts(places, known: torch.Tensor) -> torch.Tensor:
    """Where the future of each row of a batch begins, drawn by the operating system.

    Half of them anywhere; the others at a token, the likelier the more the model knew of it beyond
    mere counting (`known`, in nats, [batch, length]): a glance at the future shows where it is
    worth something, however seldom that is.
    """
    cuts = []
    for number, row in enumerate(known.tolist()):
        anywhere = number % 2 == 0 or not any(row)
        cuts.append(next(places) if anywhere else CHANCE.choices(range(1, len(row) + 1), row)[0])
    return torch.tensor(cuts)


def audit(graph: Graph, inputs, logits, cuts: torch.Tensor, text: Text) -> None:
    """Give each row another future, real text from elsewhere: its past must not notice."""
    other = inputs.clone()
    for row, cut in enumerate(cuts.tolist()):
        size, old = text.length - cut, int(inputs[row, min(cut, text.length - 1)])
        for _ in range(100):  # the first token must differ, or nothing would be shown
            start = CHANCE.randrange(len(text.tokens) - text.length)
            if size == 0 or int(text.tokens[start]) != old:
                break
        other[row, cut:] = text.tokens[start : start + size]
    change = (graph(other, text.vocab_size) - logits).double().abs().amax(dim=-1)
    past = torch.arange(text.length) < cuts[:, None]
    noticed = (change.cpu() > TOLERANCE) & past
    if noticed.any():
        row, position = noticed.nonzero()[0].tolist()
        cut = int(cuts[row])
        where = f"its logits at position {position} change with the tokens from {cut} on"
        raise Rejected(f"the model sees what it may not: {where}, or with other rows")


def evaluate(artifacts: Path, heldout: Path, split: str) -> dict:
    """Measure the model in `artifacts`: what is written to the result file."""
    began = time.perf_counter()
    text = Text(heldout, split)
    described = parse(read_file(artifacts / "model.json", MAX_JSON)[:], "model.json")
    if (device := described.get("device")) not in ("cpu", "cuda"):
        raise Rejected("model.json: device must be cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise NotReady("the model was saved on a GPU, and there is none here")
    weights = read_weights(artifacts / "weights.safetensors")
    try:
        graph = Graph(described, weights, device)
    except RecursionError:
        raise Rejected("model.json: nested too deeply") from None
    score, rows = bits_per_byte(graph, text, device)
    return {"val_bpb": score,
            "params_M": sum(w.numel() for w in weights.values()) / 1e6,
            "eval_tokens": len(rows) * text.length,
            "eval_seconds": round(time.perf_counter() - began, 3),
            "items": [[round(bits, 5), count] for bits, count in rows],
            "corpus": text.digest}  # fmt: skip


def main() -> int:
    """Evaluate, print a summary, write the result; the exit status is 0 only with a result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=["validation", "holdout"], default="validation")
    split = parser.parse_args().split
    artifacts = Path(os.environ.get("NOVUM_ARTIFACTS", "artifacts"))
    heldout = Path(os.environ.get("NOVUM_HELDOUT", "data/heldout"))
    result = os.environ.get("NOVUM_RESULT")
    torch.set_num_threads(1)
    if not torch.cuda.is_available():  # giant allocations fail, and fail here
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = MAX_MEMORY if hard == resource.RLIM_INFINITY else min(MAX_MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    if result:
        with suppress(OSError):
            Path(result).unlink()
    try:
        with torch.inference_mode():
            measured = evaluate(artifacts, heldout, split)
    except (Rejected, NotReady) as error:
        print(error, file=sys.stderr)
        return REFUSED if isinstance(error, Rejected) else UNSOUND
    print(f"val_bpb:      {measured['val_bpb']:.6f}   ({split})")
    for key in ("params_M", "eval_tokens", "eval_seconds"):
        print(f"{key + ':':13} {measured[key]}")
    if result:
        Path(result).write_text(json.dumps(measured) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
