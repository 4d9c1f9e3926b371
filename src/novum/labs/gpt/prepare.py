"""What is fixed in this lab: the text, the tokens, the loader, and how a model is handed in.

Run it once, before any trial (the machine does so when a campaign starts):

    python prepare.py                               # the text: Python's own standard library
    python prepare.py --corpus ~/texts              # any directory of text or parquet files
    python prepare.py --corpus climbmix --shards 8  # nanochat's pretraining shards, downloaded

It writes train.bin into $NOVUM_DATA, which trials may read, and validation.bin and holdout.bin
into $NOVUM_HELDOUT, which only the evaluator sees; a meta.json beside them says what they are.
A token is a byte, and the byte 0 opens every document: no tokeniser, nothing to install, and
bits per byte is exact. Running it again with the same text changes nothing.

Imported by train.py it offers load_data(), save_model() and warm_up().
"""

from __future__ import annotations

import argparse
import filecmp
import hashlib
import http.client
import json
import math
import os
import platform
import re
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import torch

SEQUENCE_LENGTH = 256  # what the evaluator feeds, and what train.py should train for
EVAL_BATCH = 32  # the model is handed in for tokens of this shape,
EVAL_LENGTH = SEQUENCE_LENGTH  # [EVAL_BATCH, EVAL_LENGTH]
VOCAB_SIZE = 256
DATA = Path(os.environ.get("NOVUM_DATA", "data/train"))
HELDOUT = Path(os.environ.get("NOVUM_HELDOUT", "data/heldout"))


class CorpusError(Exception):
    """The text cannot be had or used; says why, in one line."""


# ---------------------------------------------------------------------------------------------
# The text: documents as (split, name, text), always in the same order

# Tests repeat what they test, tables repeat each other, and 2to3 and idle are on their way out.
NOT_LIBRARY = {"site-packages", "dist-packages", "test", "tests", "idlelib", "turtledemo",
               "lib2to3", "encodings", "pydoc_data", "__pycache__"}  # fmt: skip
FEW_FILES = 40  # below this, files are cut into pieces, so that every split gets some
PIECE = re.compile(r".{0,8191}\n|.{1,8192}", re.DOTALL)  # about 8 KiB, ending with a line


def split_of(name: str, holdout: float = 0.05, validation: float = 0.05) -> str:
    """The split a document belongs to: decided by its name alone, so it never moves."""
    draw = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    if draw < holdout:
        return "holdout"
    return "validation" if draw < holdout + validation else "train"


def walk(root: Path, skip: set[str] = frozenset()) -> list[tuple[str, Path]]:
    """The files below `root` by name; links that lead out of it are not followed."""
    root, found = root.resolve(), []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if f not in skip and not f.startswith(".")]
        paths = (Path(folder, f) for f in files if not f.startswith("."))
        found += [p for p in paths if p.is_file() and p.resolve().is_relative_to(root)]
    return sorted((path.relative_to(root).as_posix(), path) for path in found)


def stdlib_documents():
    """The sources of the running Python's standard library, split by file."""
    for name, path in walk(Path(sysconfig.get_path("stdlib")), NOT_LIBRARY):
        if name.endswith(".py") and not name.startswith("_sysconfigdata"):
            yield split_of(name), name, readable(path.read_bytes())


def directory_documents(root: Path):
    """The texts below a directory: split by file, parquet by row, a few files by pieces."""
    if not root.is_dir():
        raise CorpusError(f"{root} is not a directory")
    if not (files := walk(root)):
        raise CorpusError(f"{root} holds no files")
    few = sum(not name.endswith(".parquet") for name, _ in files) < FEW_FILES
    for name, path in files:
        if name.endswith(".parquet"):
            texts = parquet_texts(path)
        else:
            text = readable(path.read_bytes())
            texts = PIECE.findall(text) if few and text else None
        if texts is None:
            yield split_of(name), name, text
        else:
            for number, piece in enumerate(texts):
                yield split_of(f"{name}#{number}"), f"{name}#{number}", piece


def readable(content: bytes) -> str | None:
    """The text of a file, or None if it is not text (the byte 0 marks where documents open)."""
    try:
        return None if b"\0" in content else content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def parquet_texts(path: Path):
    """The `text` column of a parquet file, a row group at a time."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - no other corpus needs it
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise CorpusError(f"{path.name} needs pyarrow to be read: pip install pyarrow") from None
    try:
        table = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise CorpusError(f"{path} is not a parquet file: {error}") from None
    with table:
        if "text" not in table.schema_arrow.names:
            has = ", ".join(table.schema_arrow.names)
            raise CorpusError(f"{path} has no column named 'text' (it has: {has})")
        for group in range(table.num_row_groups):
            for text in table.read_row_group(group, columns=["text"]).column("text").to_pylist():
                yield text.replace("\0", "") if isinstance(text, str) else None


# ---------------------------------------------------------------------------------------------
# The text that nanochat pretrains on: shards from a hub, fetched with resume and checked

SHARDS_PATH = "datasets/karpathy/climbmix-400b-shuffle/resolve/main"
LAST_SHARD = 6542  # this one is held out, as in nanochat
ATTEMPTS, BACKOFF = 6, 1.0  # tries per shard; seconds before the second, then doubling


def climbmix_documents(shards: int):
    """`shards` shards to train on; the last one of all is validation and holdout, half each."""
    cache = Path(os.environ.get("NOVUM_CACHE", "~/.cache/novum")).expanduser() / "climbmix"
    hub = os.environ.get("NOVUM_HUB", "https://huggingface.co").rstrip("/")
    wanted = [*range(min(shards, LAST_SHARD)), LAST_SHARD]
    for shard in wanted:
        fetch(f"{hub}/{SHARDS_PATH}/shard_{shard:05d}.parquet", cache)
    for shard in wanted:
        file = f"shard_{shard:05d}.parquet"
        for number, text in enumerate(parquet_texts(cache / file)):
            name = f"{file}#{number}"
            split = split_of(name, 0.5, 0.5) if shard == LAST_SHARD else "train"
            yield split, name, text


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, and remembers the size and SHA-256 that the hub states on the way."""

    def __init__(self) -> None:
        self.stated: dict[str, str] = {}

    def note(self, headers) -> None:
        for key in ("X-Linked-Size", "X-Linked-ETag"):
            if headers.get(key):
                self.stated.setdefault(key, headers[key].strip('"').lower())

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        self.note(headers)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, folder: Path) -> Path:
    """Download `url` into `folder`, going on where an earlier try was cut off; check SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    name, sums = url.rsplit("/", 1)[1], folder / "SHA256SUMS"
    path, part = folder / name, folder / f"{name}.part"
    lines = sums.read_text().splitlines() if sums.exists() else []
    known = {line[66:]: line[:64] for line in lines}.get(name)
    if path.exists() and known == sha256_of(path):
        return path
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BACKOFF * 2 ** (attempt - 1))
        try:
            stated = download(url, part)
            if known and stated and known != stated:
                raise CorpusError(f"the hub now has another {name} than {sums} says: remove one")
            digest = sha256_of(part)
            if digest == (known or stated or digest):
                break
            part.unlink()  # the right length and the wrong bytes: nothing to resume
            problem = f"SHA-256 is {digest[:12]}…, not {(known or stated)[:12]}…"
        except (OSError, http.client.HTTPException) as error:
            problem = str(error) or type(error).__name__
        print(f"{name}: {problem}; try {attempt + 1} of {ATTEMPTS}", file=sys.stderr)
    else:
        raise CorpusError(f"cannot download {url}: {problem}")
    part.replace(path)
    if not known:
        replace_text(sums, "".join(f"{line}\n" for line in [*lines, f"{digest}  {name}"]))
    print(f"{name}: {path.stat().st_size / 1e6:.1f} MB")
    return path


def download(url: str, part: Path) -> str | None:
    """One try: append to `part` what it lacks; returns the SHA-256 that the server states."""
    have = part.stat().st_size if part.exists() else 0
    redirects = Redirects()
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.build_opener(redirects).open(request, timeout=30)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # `part` is as long as the file, or longer
            part.unlink()
        raise
    with response, part.open("ab") as out:
        redirects.note(response.headers)
        if response.status != 206:  # the server sends the whole file
            out.truncate(have := 0)
        length = response.headers.get("Content-Length")
        size = redirects.stated.get("X-Linked-Size") or (length and have + int(length))
        while chunk := response.read(1 << 20):
            out.write(chunk)
        if size and out.tell() < int(size):
            raise OSError(f"cut off after {out.tell()} of {size} bytes")
    tag = redirects.stated.get("X-Linked-ETag", "")
    return tag if re.fullmatch("[0-9a-f]{64}", tag) else None


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------------------------------------
# Text to token files


def write_splits(documents, corpus: str) -> dict:
    """Write the three token files and their meta.json; files that would not change are left."""
    places = {"train": DATA, "validation": HELDOUT, "holdout": HELDOUT}
    counts = {split: {"documents": 0, "bytes": 0, "tokens": 0} for split in places}
    skipped, seen, digest = {"empty or not text": 0, "duplicate": 0}, set(), hashlib.sha256()
    with ExitStack() as stack:
        files = {}
        for split, folder in places.items():
            folder.mkdir(parents=True, exist_ok=True)
            files[split] = stack.enter_context((folder / f"{split}.part").open("wb"))
            stack.callback((folder / f"{split}.part").unlink, missing_ok=True)
        for split, name, text in documents:
            content = (text or "").encode("utf-8", "replace")
            key = hashlib.sha256(content).digest()
            if not content or key in seen:
                skipped["duplicate" if content else "empty or not text"] += 1
                continue
            seen.add(key)
            digest.update(f"{len(name.encode())} {name} {len(content)} ".encode() + content)
            tokens, count = files[split].write(b"\0" + content), counts[split]
            for unit, more in (("documents", 1), ("bytes", tokens - 1), ("tokens", tokens)):
                count[unit] += more
        for split, count in counts.items():
            files[split].close()
            if count["tokens"] <= EVAL_BATCH * EVAL_LENGTH:
                raise CorpusError(f"too little text: the {split} split has {count['bytes']} bytes "
                                  f"and needs {EVAL_BATCH * EVAL_LENGTH}")  # fmt: skip
        for split, folder in places.items():
            part, place = folder / f"{split}.part", folder / f"{split}.bin"
            if not (place.exists() and filecmp.cmp(part, place, shallow=False)):
                part.replace(place)
    meta = {"corpus": corpus, "digest": digest.hexdigest(), "python": platform.python_version(),
            "splits": counts, "skipped": skipped, "sequence_length": SEQUENCE_LENGTH,
            "eval_batch": EVAL_BATCH, "vocab_size": VOCAB_SIZE,
            "token_bytes": [0] + [1] * (VOCAB_SIZE - 1)}  # fmt: skip
    for folder in {DATA, HELDOUT}:
        replace_text(folder / "meta.json", json.dumps(meta, indent=1) + "\n")
    return meta


def replace_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all, and only if it changes."""
    if not (path.exists() and path.read_text() == text):
        part = path.with_name(path.name + ".part")
        part.write_text(text)
        part.replace(path)


# ---------------------------------------------------------------------------------------------
# What train.py uses: the loader


class Data:
    """The training split. Its bytes stay on disk and are mapped, not read."""

    def __init__(self, folder: Path) -> None:
        try:
            meta = json.loads((folder / "meta.json").read_text())
        except OSError:
            raise CorpusError(f"no data in {folder}: run prepare.py first") from None
        count, path = meta["splits"]["train"], folder / "train.bin"
        if path.stat().st_size != count["tokens"]:
            raise CorpusError(f"{path} is not what meta.json says: run prepare.py again")
        self.vocab_size: int = meta["vocab_size"]
        self.bytes_per_token: float = count["bytes"] / count["tokens"]
        self.tokens = torch.from_file(str(path), shared=False, size=count["tokens"],
                                      dtype=torch.uint8)  # fmt: skip

    def batches(self, batch_size: int, length: int, seed: int, device="cpu"):
        """Endless (inputs, targets), int64 [batch_size, length] each, a byte apart.

        An epoch cuts the text at a random offset into windows and deals them in random order,
        so nothing is seen twice before all has been seen once.
        """
        generator = torch.Generator().manual_seed(seed)
        steps = torch.arange(length + 1)
        windows = (len(self.tokens) - length) // length
        if windows < batch_size:
            raise CorpusError(f"{len(self.tokens)} tokens are too few for such a batch")
        on_gpu = torch.device(device).type == "cuda"
        while True:
            offset = int(torch.randint(length, (1,), generator=generator))
            starts = torch.randperm(windows, generator=generator) * length + offset
            for rows in starts.split(batch_size)[: windows // batch_size]:
                block = self.tokens[rows[:, None] + steps]
                block = block.pin_memory() if on_gpu else block
                block = block.to(device, non_blocking=True).long()
                yield block[:, :-1].contiguous(), block[:, 1:].contiguous()


def load_data() -> Data:
    """The training split that prepare.py wrote into $NOVUM_DATA."""
    return Data(DATA)


# ---------------------------------------------------------------------------------------------
# What train.py uses: handing the model in, as a graph of operators and raw weights, never as code

DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64",
          "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL"}  # fmt: skip
# Tensors that nobody wrote to would show what was in memory before: they are handed in as zeros.
WRITTEN = {"aten.empty.memory_format": "aten.zeros.default",
           "aten.empty_like.default": "aten.zeros_like.default",
           "aten.new_empty.default": "aten.new_zeros.default"}  # fmt: skip


def save_model(model, directory: Path) -> None:
    """Write model(tokens int64 [EVAL_BATCH, EVAL_LENGTH]) -> logits as model.json and weights.

    The model is traced in evaluation mode. It may not look at the values of tensors to decide
    what to do (`.item()`, `if x.max() > 0`), for then it would not be one graph.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    graph, weights = trace(model)
    write_weights(weights, directory / "weights.safetensors")
    replace_text(directory / "model.json", json.dumps(graph))


def warm_up() -> None:
    """Load the tracer, some seconds of imports: call it before the clock of training starts."""
    trace(torch.nn.Sequential(torch.nn.Embedding(4, 4), torch.nn.RMSNorm(4)))


def trace(model):
    """The model as (a description in plain JSON values, its weights by name)."""
    from torch.fx.experimental.proxy_tensor import make_fx  # noqa: PLC0415 - takes seconds

    model = getattr(model, "_orig_mod", model)  # what torch.compile wrapped
    state = dict([*model.named_parameters(), *model.named_buffers()])
    state = {name: value.detach() for name, value in state.items()}
    device = next(iter(state.values())).device if state else torch.device("cpu")
    tokens = torch.zeros(EVAL_BATCH, EVAL_LENGTH, dtype=torch.int64, device=device)

    def as_graph(module, tensors, more=(), wrap=lambda function: function):
        """The module as a function of its tensors, of more values and of tokens, traced."""

        def function(tensors, more, tokens):
            return torch.func.functional_call(module, tensors, (*more, tokens))

        tracer = make_fx(wrap(function), tracing_mode="fake", _allow_non_fake_inputs=True)
        return tracer(tensors, more, tokens)

    mode = model.training
    model.eval()
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            if "torch._dynamo" in sys.modules:  # else nothing is compiled
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            for backend in (torch.backends.mkldnn, torch.backends.cudnn):
                stack.callback(setattr, backend, "enabled", backend.enabled)
                backend.enabled = False  # their recurrent layers are single operators
            module = as_graph(model, state)
            # Again, for plain functions where the first graph works in place; tensors that are
            # neither parameters nor buffers are now known, and become arguments like these.
            constants = dict(module.named_buffers())
            module = as_graph(module, constants, (state, ()), torch.func.functionalize)
    finally:
        model.train(mode)
    module.graph.eliminate_dead_code()
    return encode_graph(module, {**constants, **state}, device)


def encode_graph(module, state, device):
    """An FX graph of aten operators as plain JSON values, and the weights that it uses."""
    known, weights, nodes, names = {}, {}, [], [*state, None]
    kinds = {torch.dtype: "dtype", torch.layout: "layout", torch.memory_format: "memory_format"}

    def encode(value):
        if isinstance(value, torch.fx.Node):
            if name := known[value].get("weight"):
                weights[name] = state[name]
            return known[value]
        if isinstance(value, (list, tuple)):
            return [encode(v) for v in value]
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": str(value)}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, torch.device):
            return {"device": True}  # whichever the evaluator uses
        if type(value) in kinds:
            return {kinds[type(value)]: str(value).removeprefix("torch.")}
        raise ValueError(f"the model uses a value that cannot be saved: {value!r}")

    for node in module.graph.nodes:
        if node.op == "placeholder":
            name = names.pop(0)
            known[node] = {"weight": name} if name else {"tokens": True}
        elif node.op == "call_function":
            if getattr(getattr(node.target, "_schema", None), "is_mutable", False):
                raise ValueError("the model changes its own buffers when it is evaluated")
            known[node] = {"node": len(nodes)}
            op = "getitem" if node.target.__name__ == "getitem" else str(node.target)
            kwargs = {k: encode(v) for k, v in node.kwargs.items() if k != "pin_memory"}
            nodes.append({"op": WRITTEN.get(op, op), "args": encode(node.args), "kwargs": kwargs})
        elif node.op != "output":
            raise ValueError(f"the model holds something that cannot be saved: {node.target}")
    output = node.args[0]
    output = output[0] if isinstance(output, (list, tuple)) and len(output) == 1 else output
    if not isinstance(output, torch.fx.Node) or output.meta["val"].dim() != 3:
        raise ValueError("model(tokens) must return one tensor: logits [batch, length, vocabulary]")
    return {"torch": torch.__version__, "device": device.type, "nodes": nodes,
            "logits": encode(output)}, weights  # fmt: skip


def write_weights(weights, path: Path) -> None:
    """Write tensors by name in the layout of safetensors: a JSON index, then raw bytes."""
    order = sorted(weights, key=lambda name: (-weights[name].element_size(), name))
    index, end = {}, 0
    for name in order:
        dtype = str(weights[name].dtype).removeprefix("torch.")
        if dtype not in DTYPES:
            raise ValueError(f"weights of type {dtype} cannot be saved ({name})")
        start, end = end, end + weights[name].numel() * weights[name].element_size()
        index[name] = {"dtype": DTYPES[dtype], "shape": list(weights[name].shape),
                       "data_offsets": [start, end]}  # fmt: skip
    text = json.dumps(index).encode()
    text += b" " * (-len(text) % 8)
    header = len(text).to_bytes(8, "little") + text
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    out = torch.from_file(str(part), shared=True, size=len(header) + end, dtype=torch.uint8)
    out[: len(header)] = torch.frombuffer(bytearray(header), dtype=torch.uint8)
    for name in order:
        start, end = (len(header) + offset for offset in index[name]["data_offsets"])
        if end > start:
            out[start:end] = weights[name].contiguous().flatten().view(torch.uint8).cpu()
    del out
    part.replace(path)


# ---------------------------------------------------------------------------------------------


def main() -> int:
    """Prepare the corpus that the command line asks for, and say what it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="stdlib", help="stdlib, climbmix, or a directory")
    parser.add_argument("--shards", type=int, default=8, help="of climbmix, to train on")
    options = parser.parse_args()
    named = {"stdlib": stdlib_documents, "climbmix": lambda: climbmix_documents(options.shards)}
    folder = Path(options.corpus)
    try:
        documents = named.get(options.corpus, lambda: directory_documents(folder))()
        meta = write_splits(documents, folder.resolve().name)
    except CorpusError as error:
        print(f"prepare.py: {error}", file=sys.stderr)
        return 1
    for split, count in meta["splits"].items():
        print(f"{split + ':':12}{count['documents']:7} documents {count['bytes']:12,} bytes")
    print(f"digest:     {meta['digest']} ({meta['corpus']}, Python {meta['python']})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
