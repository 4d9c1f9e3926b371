"""The gpt lab's corpus, its download and its loader. The model it saves: test_gpt_evaluate.py."""

import contextlib
import hashlib
import importlib.util
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

LAB = Path(__file__).parents[2] / "src" / "novum" / "labs" / "gpt"


def load(name):
    spec = importlib.util.spec_from_file_location(f"gpt_{name}", LAB / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """The program, writing into a directory of its own."""
    module = load("prepare")
    monkeypatch.setattr(module, "DATA", tmp_path / "train")
    monkeypatch.setattr(module, "HELDOUT", tmp_path / "heldout")
    monkeypatch.setenv("NOVUM_CACHE", str(tmp_path / "cache"))
    return module


def run(prepare, monkeypatch, capsys, *arguments):
    """Status and what was printed, as of `python prepare.py ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["prepare.py", *map(str, arguments)])
    status = prepare.main()
    printed = capsys.readouterr()
    return status, printed.out + printed.err


def write_texts(folder, files=60, length=6000):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (folder / f"{number:03}.txt").write_text(f"text {number}\n" * (length // 8))
    return folder


def documents_of(path):
    return [part for part in path.read_bytes().split(b"\0") if part]


def meta_of(prepare):
    return json.loads((prepare.HELDOUT / "meta.json").read_text())


# The standard library


def test_the_standard_library_is_a_corpus_of_three_splits(prepare, monkeypatch, capsys):
    status, printed = run(prepare, monkeypatch, capsys)
    assert status == 0
    meta = meta_of(prepare)
    assert meta == json.loads((prepare.DATA / "meta.json").read_text())
    assert meta["digest"] in printed
    assert meta["splits"]["train"]["bytes"] > 4e6
    for split in ("validation", "holdout"):
        assert meta["splits"][split]["bytes"] > 131_072
    assert [p.name for p in prepare.DATA.iterdir() if p.suffix == ".bin"] == ["train.bin"]


def test_the_splits_share_no_document(prepare, monkeypatch, capsys):
    run(prepare, monkeypatch, capsys)
    train = set(documents_of(prepare.DATA / "train.bin"))
    validation = set(documents_of(prepare.HELDOUT / "validation.bin"))
    holdout = set(documents_of(prepare.HELDOUT / "holdout.bin"))
    assert train
    assert not (train & validation or train & holdout or validation & holdout)


# A directory


def test_the_digest_depends_on_the_text_and_on_nothing_else(prepare, monkeypatch, capsys, tmp_path):
    texts = write_texts(tmp_path / "texts")
    digests = []
    for change in (None, None, "another text\n" * 600):
        if change:
            (texts / "007.txt").write_text(change)
        assert run(prepare, monkeypatch, capsys, "--corpus", texts)[0] == 0
        digests.append(meta_of(prepare)["digest"])
    assert digests[0] == digests[1] != digests[2]


def test_preparing_again_changes_nothing(prepare, monkeypatch, capsys, tmp_path):
    texts = write_texts(tmp_path / "texts")

    def state():
        paths = sorted([*prepare.DATA.iterdir(), *prepare.HELDOUT.iterdir()])
        return [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in paths]

    run(prepare, monkeypatch, capsys, "--corpus", texts)
    before = state()
    run(prepare, monkeypatch, capsys, "--corpus", texts)
    assert state() == before
    (prepare.DATA / "train.bin").write_bytes(b"damaged")
    run(prepare, monkeypatch, capsys, "--corpus", texts)
    assert len(prepare.load_data().tokens) == meta_of(prepare)["splits"]["train"]["tokens"]


def test_duplicates_and_what_is_not_text_are_left_out(prepare, monkeypatch, capsys, tmp_path):
    texts = write_texts(tmp_path / "texts")
    (texts / "copy.txt").write_bytes((texts / "001.txt").read_bytes())
    (texts / "picture.png").write_bytes(b"\x89PNG\0\xff")
    (texts / "latin.txt").write_bytes(b"caf\xe9")
    run(prepare, monkeypatch, capsys, "--corpus", texts)
    assert meta_of(prepare)["skipped"] == {"empty or not text": 2, "duplicate": 1}


def test_a_single_file_is_split_by_pieces(prepare, monkeypatch, capsys, tmp_path):
    text = "".join(f"line {number} of a long book\n" for number in range(60_000))
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "book.txt").write_text(text)
    assert run(prepare, monkeypatch, capsys, "--corpus", tmp_path / "book")[0] == 0
    paths = [prepare.DATA / "train.bin", *prepare.HELDOUT.glob("*.bin")]
    pieces = [piece for path in paths for piece in documents_of(path)]
    assert sum(map(len, pieces)) == len(text)
    assert all(piece.endswith(b"\n") for piece in pieces)


def test_links_that_leave_the_directory_are_not_followed(prepare, tmp_path):
    texts = write_texts(tmp_path / "texts", files=3)
    (tmp_path / "secret.txt").write_text("secret")
    (texts / "out.txt").symlink_to(tmp_path / "secret.txt")
    (texts / "in.txt").symlink_to(texts / "001.txt")
    assert [name for name, _ in prepare.walk(texts)] == ["000.txt", "001.txt", "002.txt", "in.txt"]


def test_parquet_is_split_by_row(prepare, monkeypatch, capsys, tmp_path):
    write_parquet(tmp_path / "tables" / "a.parquet", [f"row {n} " * 300 for n in range(400)])
    assert run(prepare, monkeypatch, capsys, "--corpus", tmp_path / "tables")[0] == 0
    splits = meta_of(prepare)["splits"]
    assert sum(split["documents"] for split in splits.values()) == 400
    assert splits["train"]["documents"] > 320


def write_parquet(path, texts, column="text"):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table({column: texts}), path, row_group_size=64)
    return path


# Errors say what is wrong, in one line


def one_line(status, printed, *words):
    assert status == 1
    assert printed.startswith("prepare.py: ")
    assert printed.count("\n") == 1
    assert all(word in printed for word in words), printed


def test_a_directory_that_is_not_there_or_empty_is_an_error(prepare, monkeypatch, capsys, tmp_path):
    one_line(*run(prepare, monkeypatch, capsys, "--corpus", tmp_path / "no"), "not a directory")
    (tmp_path / "empty").mkdir()
    one_line(*run(prepare, monkeypatch, capsys, "--corpus", tmp_path / "empty"), "no files")


def test_too_little_text_is_an_error_and_writes_nothing(prepare, monkeypatch, capsys, tmp_path):
    texts = write_texts(tmp_path / "texts", files=2, length=100)
    one_line(*run(prepare, monkeypatch, capsys, "--corpus", texts), "too little text")
    assert not [*prepare.DATA.iterdir(), *prepare.HELDOUT.iterdir()]


def test_a_table_without_text_is_an_error(prepare, monkeypatch, capsys, tmp_path):
    write_parquet(tmp_path / "tables" / "a.parquet", ["x"], column="body")
    result = run(prepare, monkeypatch, capsys, "--corpus", tmp_path / "tables")
    one_line(*result, "a.parquet", "'text'", "body")
    (tmp_path / "tables" / "a.parquet").write_text("no parquet")
    result = run(prepare, monkeypatch, capsys, "--corpus", tmp_path / "tables")
    one_line(*result, "not a parquet file")


def test_without_pyarrow_a_table_says_how_to_install_it(prepare, monkeypatch, capsys, tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    one_line(*run(prepare, monkeypatch, capsys, "--corpus", tmp_path), "pip install pyarrow")


def test_without_data_the_loader_says_what_to_run(prepare):
    with pytest.raises(prepare.CorpusError, match=r"run prepare\.py"):
        prepare.load_data()


# The loader


@pytest.fixture
def data(prepare, monkeypatch, capsys, tmp_path):
    run(prepare, monkeypatch, capsys, "--corpus", write_texts(tmp_path / "texts"))
    return prepare.load_data()


def test_targets_are_the_next_tokens(data):
    inputs, targets = next(data.batches(4, 64, seed=1))
    assert inputs.shape == targets.shape == (4, 64)
    assert inputs.dtype == targets.dtype == torch.int64
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert data.vocab_size == 256
    assert 0.99 < data.bytes_per_token < 1


def test_batches_depend_on_the_seed_alone(data):
    def first(seed):
        return [inputs for (inputs, _), _ in zip(data.batches(4, 64, seed), range(3), strict=False)]

    assert torch.equal(torch.stack(first(1)), torch.stack(first(1)))
    assert not torch.equal(torch.stack(first(1)), torch.stack(first(2)))


def test_an_epoch_sees_nothing_twice_and_then_goes_on(prepare, data):
    size, length = len(data.tokens), 16
    data.tokens = torch.arange(size)  # each token tells its place
    steps = ((size - length) // length) // 8
    batches = data.batches(8, length, seed=3)
    seen = torch.cat([next(batches)[0].flatten() for _ in range(steps)])
    assert len(seen.unique()) == len(seen)
    assert len(seen) > size - 10 * length
    assert next(batches)[0].shape == (8, length)


# The download


class Hub(ThreadingHTTPServer):
    """Serves files as the hub does: states size and SHA-256, then redirects to another address."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests = files, []
        self.cut_at, self.corrupt, self.states = None, 0, True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        hub, name = self.server, self.path.rsplit("/", 1)[1]
        content, offered = hub.files.get(name), self.headers.get("Range")
        if content is None:
            self.send_error(404)
        elif not self.path.startswith("/cdn/"):
            self.send_response(302)
            self.send_header("Location", f"/cdn/{name}")
            if hub.states:
                self.send_header("X-Linked-Size", str(len(content)))
                self.send_header("X-Linked-ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            hub.requests.append((name, offered))
            start = int(offered.removeprefix("bytes=").rstrip("-")) if offered else 0
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if offered else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            if hub.corrupt:
                hub.corrupt, body = hub.corrupt - 1, body[:-1] + bytes([body[-1] ^ 1])
            if hub.cut_at:
                body, hub.cut_at = body[: hub.cut_at], None
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)


@pytest.fixture
def hub(prepare, monkeypatch):
    server = Hub({"a.bin": bytes(range(256)) * 4000})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(prepare, "BACKOFF", 0.001)
    monkeypatch.setenv("NOVUM_HUB", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_resumes_where_it_was_cut_off(prepare, hub, tmp_path):
    hub.cut_at = 100_000
    path = prepare.fetch(f"{hub.url}/a.bin", tmp_path)
    assert path.read_bytes() == hub.files["a.bin"]
    assert hub.requests == [("a.bin", None), ("a.bin", "bytes=100000-")]
    assert not list(tmp_path.glob("*.part"))


def test_a_corrupt_download_is_thrown_away_and_repeated(prepare, hub, tmp_path, capsys):
    hub.corrupt = 1
    assert prepare.fetch(f"{hub.url}/a.bin", tmp_path).read_bytes() == hub.files["a.bin"]
    assert "SHA-256" in capsys.readouterr().err
    hub.corrupt = 99
    with pytest.raises(prepare.CorpusError, match="SHA-256"):
        prepare.fetch(f"{hub.url}/a.bin", tmp_path / "new")


def test_checksums_are_kept_and_a_damaged_file_is_fetched_again(prepare, hub, tmp_path):
    path = prepare.fetch(f"{hub.url}/a.bin", tmp_path)
    digest = hashlib.sha256(hub.files["a.bin"]).hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  a.bin\n"
    prepare.fetch(f"{hub.url}/a.bin", tmp_path)
    assert len(hub.requests) == 1
    path.write_bytes(b"damaged")
    assert prepare.fetch(f"{hub.url}/a.bin", tmp_path).read_bytes() == hub.files["a.bin"]


def test_another_file_under_a_known_name_is_refused(prepare, hub, tmp_path):
    path = prepare.fetch(f"{hub.url}/a.bin", tmp_path)
    hub.files["a.bin"] = b"replaced"
    path.unlink()
    with pytest.raises(prepare.CorpusError, match="SHA256SUMS"):
        prepare.fetch(f"{hub.url}/a.bin", tmp_path)
    hub.states = False  # a mirror that states nothing cannot pass it off either
    with pytest.raises(prepare.CorpusError, match="SHA-256"):
        prepare.fetch(f"{hub.url}/a.bin", tmp_path)


def test_a_left_over_longer_than_the_file_does_no_harm(prepare, hub, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"x" * 2_000_000)
    assert prepare.fetch(f"{hub.url}/a.bin", tmp_path).read_bytes() == hub.files["a.bin"]


def test_what_the_hub_does_not_have_is_an_error(prepare, hub, monkeypatch, capsys):
    monkeypatch.setattr(prepare, "ATTEMPTS", 2)
    status, printed = run(prepare, monkeypatch, capsys, "--corpus", "climbmix", "--shards", "1")
    assert status == 1
    assert "prepare.py: cannot download" in printed
    assert "404" in printed


def test_the_last_shard_is_held_out(prepare, hub, monkeypatch, capsys, tmp_path):
    for shard in (0, 1, prepare.LAST_SHARD):
        path = tmp_path / f"shard_{shard:05d}.parquet"
        write_parquet(path, [f"document {n} of {shard} " * 60 for n in range(60)])
        hub.files[path.name] = path.read_bytes()
    status, _ = run(prepare, monkeypatch, capsys, "--corpus", "climbmix", "--shards", "2")
    assert status == 0
    splits = meta_of(prepare)["splits"]
    assert splits["train"]["documents"] == 120
    assert splits["validation"]["documents"] + splits["holdout"]["documents"] == 60
    held_out = (prepare.HELDOUT / "validation.bin").read_bytes()
    assert f"of {prepare.LAST_SHARD} ".encode() in held_out
    assert b"of 0 " not in held_out
