"""A small GPT, trained from nothing for a fixed time. The one file that a researcher may change.

    python train.py                          # by hand: one minute, wherever you are
    NOVUM_DEPTH=4 NOVUM_SECONDS=300 python train.py

The question of this lab: which changes to this file lower the validation bits per byte that a
model reaches within the budget? This file trains and saves the model. It never validates it: that
is evaluate.py's part, in another process, on text that is not here.

The file reads from top to bottom like the making of a model: the dial and what follows from it,
the model, the optimiser, the schedule, the training. Its defaults are those of Karpathy's
nanochat and autoresearch in outline, carried down to a size that one processor core can train in
a minute. They are sound, not tuned: there is room for you.

What the machine says through the environment: NOVUM_SEED, NOVUM_SECONDS (the training budget),
NOVUM_CLOCK ("wall", or "cpu" for processor time), NOVUM_DATA, NOVUM_ARTIFACTS (where the model
goes), NOVUM_PROGRESS (a file for the learning curve), NOVUM_DEPTH. The clock starts after the
model is built and warm. When the time is up the machine sends SIGTERM: this program finishes the
step it is in, saves and ends.
"""

import gc
import json
import math
import os
import signal
import threading
import time
from pathlib import Path

import prepare
import torch
import torch.nn.functional as F
from torch import nn

# ------------------------------------------------------------------------------------------------
# 1. The dial. Depth is the one number to turn; width, heads, batch, learning rates and weight
#    decay follow from it (and from the budget) by the rules below.
# ------------------------------------------------------------------------------------------------

CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
DTYPE = torch.bfloat16 if CUDA else torch.float32  # of the activations; weights stay float32

SEED = int(os.environ.get("NOVUM_SEED", "0"))
BUDGET = float(os.environ.get("NOVUM_SECONDS", "60"))
DEPTH = int(os.environ.get("NOVUM_DEPTH") or (8 if CUDA else 2))

# The shape of the model. nanochat: 64 of width per layer ("64 beats 128", dev/LOG.md 2026-01-17)
# and heads of 128 ("definitely prefers 128"); a narrow model has at least two heads.
WIDTH = 64 * DEPTH
HEAD_DIM = min(128, WIDTH // 2)
MLP_RATIO = 4
LENGTH = prepare.SEQUENCE_LENGTH  # of a training sequence; too short for attention windows to pay
ROTARY_BASE = 10_000
SOFTCAP = 15.0

# How fast this machine trains, very roughly, in floating-point operations a second. Only the
# horizon below is derived from it, so half or double does no harm.
SPEED = 2e14 if CUDA else 3e10

# Learning rates. Muon's is nanochat's and needs no scaling with width. Those of AdamW are quoted
# for a width of 768 and grow as 1/sqrt(width) towards narrow models (nanochat gpt.py).
MATRIX_LR = 0.02
EMBEDDING_LR = 0.3 * (WIDTH / 768) ** -0.5
HEAD_LR = 0.004 * (WIDTH / 768) ** -0.5
SCALAR_LR = 0.05
ADAM_BETAS = (0.8, 0.95)
WEIGHT_DECAY = 0.2  # Muon's; nanochat's law for it goes wrong in runs as short as a minute
POLAR_STEPS = 5  # Newton-Schulz iterations in Muon


def horizon(flops_per_token):
    """How many tokens the budget will buy."""
    return BUDGET * SPEED / flops_per_token


def tokens_per_step(tokens):
    """The batch, in tokens: a power of two that grows with the horizon to the power 0.383.

    The exponent is the Power Lines law that nanochat uses (https://arxiv.org/abs/2505.13738). Its
    anchor, 2^19 for a billion tokens, would leave a minute on a processor only twenty steps;
    this one, 3,000 for a million, is a round guess.
    """
    batch = 2 ** round(math.log2(3000 * (tokens / 1e6) ** 0.383))
    return max(batch, LENGTH)


# ------------------------------------------------------------------------------------------------
# 2. The model: tokens in, logits out.
# ------------------------------------------------------------------------------------------------


def norm(x):
    """RMSNorm without a learnable gain."""
    return F.rms_norm(x, (x.size(-1),))


class Linear(nn.Linear):
    """A linear map without bias that computes in the type of its input."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype))


def rotary_angles(head_dim):
    """Position t turns the i-th pair of a head's channels by t / base^(2i / head_dim)."""
    positions = max(LENGTH, prepare.EVAL_LENGTH)
    frequency = ROTARY_BASE ** -(torch.arange(0, head_dim, 2) / head_dim)
    angle = torch.outer(torch.arange(positions).float(), frequency)
    return angle.cos().to(DTYPE), angle.sin().to(DTYPE)


def rotate(x, cos, sin):
    """Rotary position embedding: x is [batch, time, head, channel]."""
    length, half = x.size(1), x.size(3) // 2
    left, right = x[..., :half], x[..., half:]
    cos, sin = cos[:length, None, :], sin[:length, None, :]
    return torch.cat([left * cos + right * sin, right * cos - left * sin], dim=-1)


class Attention(nn.Module):
    """Causal self-attention, with the token's own value embedding in alternate layers."""

    def __init__(self, layer, vocab_size):
        super().__init__()
        self.heads = WIDTH // HEAD_DIM
        self.to_query = Linear(WIDTH, WIDTH)
        self.to_key = Linear(WIDTH, WIDTH)
        self.to_value = Linear(WIDTH, WIDTH)
        self.to_output = Linear(WIDTH, WIDTH)
        # A value embedding is capacity for nearly no computation (nanochat: "models love them").
        # Alternate layers have one, and the last always does.
        has_value_embedding = (DEPTH - 1 - layer) % 2 == 0
        self.value_embedding = nn.Embedding(vocab_size, WIDTH) if has_value_embedding else None

    def forward(self, x, tokens, cos, sin):
        shape = (x.size(0), x.size(1), -1, HEAD_DIM)
        q = self.to_query(x).view(shape)
        k = self.to_key(x).view(shape)
        v = self.to_value(x).view(shape)
        if self.value_embedding is not None:
            extra = self.value_embedding(tokens).to(x.dtype).view(shape)
            v = v + extra
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        q, k = norm(q), norm(k)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y.transpose(1, 2)
        return self.to_output(y.flatten(2))


class MLP(nn.Module):
    """Two linear maps with a squared ReLU between them."""

    def __init__(self):
        super().__init__()
        self.expand = Linear(WIDTH, MLP_RATIO * WIDTH)
        self.contract = Linear(MLP_RATIO * WIDTH, WIDTH)

    def forward(self, x):
        hidden = self.expand(x)
        hidden = F.relu(hidden).square()
        return self.contract(hidden)


class Block(nn.Module):
    """Attention mixes positions, the MLP thinks at each; both write into the residual stream."""

    def __init__(self, layer, vocab_size):
        super().__init__()
        self.attention = Attention(layer, vocab_size)
        self.mlp = MLP()

    def forward(self, x, tokens, cos, sin):
        x = x + self.attention(norm(x), tokens, cos, sin)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    """The whole. The embedding and the head are separate matrices."""

    def __init__(self, vocab_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, WIDTH)
        self.blocks = nn.ModuleList(Block(layer, vocab_size) for layer in range(DEPTH))
        self.head = Linear(WIDTH, vocab_size)
        cos, sin = rotary_angles(HEAD_DIM)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.initialise()

    @torch.no_grad()
    def initialise(self):
        """Each block starts as the identity, the head almost silent (nanochat gpt.py)."""
        bound = (3 / WIDTH) ** 0.5  # uniform in +-bound has standard deviation 1 / sqrt(width)
        nn.init.normal_(self.embedding.weight, std=1.0)
        nn.init.normal_(self.head.weight, std=0.001)
        for block in self.blocks:
            nn.init.uniform_(block.attention.to_query.weight, -bound, bound)
            nn.init.uniform_(block.attention.to_key.weight, -bound, bound)
            nn.init.uniform_(block.attention.to_value.weight, -bound, bound)
            nn.init.uniform_(block.mlp.expand.weight, -bound, bound)
            nn.init.zeros_(block.attention.to_output.weight)
            nn.init.zeros_(block.mlp.contract.weight)
            if block.attention.value_embedding is not None:
                nn.init.uniform_(block.attention.value_embedding.weight, -bound, bound)

    def forward(self, tokens):
        x = self.embedding(tokens).to(DTYPE)
        x = norm(x)
        for block in self.blocks:
            x = block(x, tokens, self.cos, self.sin)
        x = norm(x)
        logits = self.head(x).float()
        return SOFTCAP * torch.tanh(logits / SOFTCAP)

    def flops_per_token(self):
        """Of a training step: 6 for each weight that multiplies, and attention's own."""
        weights = sum(m.weight.numel() for m in self.modules() if isinstance(m, Linear))
        return 6 * weights + 12 * DEPTH * WIDTH * LENGTH


def loss_of(logits, targets):
    """Cross-entropy, in nats a token."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


# ------------------------------------------------------------------------------------------------
# 3. The optimiser: Muon for the matrices inside, AdamW for tables, head and scalars.
# ------------------------------------------------------------------------------------------------


def orthogonalise(g):
    """Newton-Schulz: the nearest orthogonal matrix to each of a stack of matrices, roughly.

    All singular values move towards 1, so that every direction learns at the same rate
    (Keller Jordan, https://kellerjordan.github.io/posts/muon).
    """
    x = g.to(DTYPE)
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(POLAR_STEPS):
        a, b, c = 3.4445, -4.7750, 2.0315
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return (x.mT if tall else x).to(g.dtype)


class Optimiser:
    """Groups of parameters, each with its settings: those with a decay are Muon's."""

    def __init__(self, model):
        tables = [m.weight for m in model.modules() if isinstance(m, nn.Embedding)]
        head = [model.head.weight]
        placed = {id(p) for p in tables + head}
        rest = [p for p in model.parameters() if id(p) not in placed]
        scalars = [p for p in rest if p.ndim < 2]
        matrices = [p for p in rest if p.ndim >= 2]
        self.groups = [
            {"params": tables, "lr": EMBEDDING_LR, "betas": ADAM_BETAS},
            {"params": head, "lr": HEAD_LR, "betas": ADAM_BETAS},
            {"params": scalars, "lr": SCALAR_LR, "betas": ADAM_BETAS},
        ]
        for shape in sorted({p.shape for p in matrices}):  # one stack a shape: fewer, larger steps
            stack = [p for p in matrices if p.shape == shape]
            self.groups.append({"params": stack, "lr": MATRIX_LR, "decay": WEIGHT_DECAY})
        self.state = {}
        self.steps = 0
        self.orthogonalise = torch.compile(orthogonalise) if CUDA else orthogonalise

    @torch.no_grad()
    def step(self, scale, momentum, decay_scale):
        """One update of everything, at `scale` times the learning rates."""
        self.steps += 1
        for group in self.groups:
            params = [p for p in group["params"] if p.grad is not None]
            lr = scale * group["lr"]
            if not params:
                continue
            if "decay" in group:
                self.muon(params, lr, momentum, decay_scale * group["decay"])
            else:
                self.adamw(params, lr, group["betas"])
            for p in params:
                p.grad = None

    def adamw(self, params, lr, betas):
        """Kingma and Ba's Adam, with bias correction; these parameters do not decay."""
        beta1, beta2 = betas
        for p in params:
            if p not in self.state:
                self.state[p] = torch.zeros_like(p), torch.zeros_like(p)
            mean, square = self.state[p]
            mean.lerp_(p.grad, 1 - beta1)
            square.lerp_(p.grad.square(), 1 - beta2)
            size = (square / (1 - beta2**self.steps)).sqrt_().add_(1e-10)
            p.addcdiv_(mean, size, value=-lr / (1 - beta1**self.steps))

    def muon(self, params, lr, momentum, decay):
        """Nesterov momentum, made orthogonal; one stack of matrices of the same shape."""
        grads = torch.stack([p.grad for p in params])
        if params[0] not in self.state:
            self.state[params[0]] = torch.zeros_like(grads)
        buffer = self.state[params[0]]
        buffer.lerp_(grads, 1 - momentum)
        update = self.orthogonalise(grads.lerp(buffer, momentum))
        # A tall matrix takes larger steps, so that its outputs change as much as a square one's.
        update = update * max(1.0, update.size(-2) / update.size(-1)) ** 0.5
        for p, u in zip(params, update, strict=True):
            p.mul_(1 - lr * decay)
            p.sub_(lr * u)


# ------------------------------------------------------------------------------------------------
# 4. The schedule. Progress is the part of the budget that has been used, from 0 to 1.
# ------------------------------------------------------------------------------------------------


def learning_rate_scale(progress):
    """Constant for half of the run, then linearly down to nothing (autoresearch's default)."""
    return min(1.0, (1.0 - progress) / 0.5)


def momentum_at(progress):
    """Muon's momentum: constant."""
    return 0.95


def weight_decay_scale(progress):
    """Muon's weight decay: constant."""
    return 1.0


def length_at(progress):
    """How long the training sequences are: always as long as those of the evaluation."""
    return LENGTH


# ------------------------------------------------------------------------------------------------
# 5. Training.
# ------------------------------------------------------------------------------------------------


def clock():
    """The seconds that count: processor time or wall time, as the lab decided."""
    if CUDA:
        torch.cuda.synchronize()
    return time.process_time() if os.environ.get("NOVUM_CLOCK") == "cpu" else time.monotonic()


def report(**line):
    """Append a line of JSON for the machine, which draws the learning curve."""
    path = os.environ.get("NOVUM_PROGRESS")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def micro_batches(rows):
    """How many rows the device takes at once, and how many such pieces make the batch."""
    most = max(1, 2**15 // LENGTH) if CUDA else rows
    size = min(rows, most)
    return size, rows // size


def gradients(forward, batches, pieces, length):
    """Forward and backward through one batch; its mean loss in nats a token, and its tokens."""
    total, count = 0.0, 0
    for _ in range(pieces):
        inputs, targets = next(batches)
        inputs, targets = inputs.view(-1, length), targets.view(-1, length)
        logits = forward(inputs)
        loss = loss_of(logits, targets) / pieces
        total += loss.detach()
        loss.backward()
        count += inputs.numel()
    return float(total), count


def main():
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("high")

    # Build everything, and from the model's size and the budget, how to train it.
    data = prepare.load_data()
    model = GPT(data.vocab_size).to(DEVICE)
    step_tokens = tokens_per_step(horizon(model.flops_per_token()))
    rows, pieces = micro_batches(step_tokens // LENGTH)
    batches = data.batches(rows, LENGTH, SEED, DEVICE)
    optimiser = Optimiser(model)
    forward = torch.compile(model, dynamic=False) if CUDA else model
    parameters = sum(p.numel() for p in model.parameters())
    print(f"depth {DEPTH}, width {WIDTH}, {parameters:,} parameters, {step_tokens:,} tokens a step")

    # Warm up: compile and allocate with a step of size nought, and leave no trace of it.
    prepare.warm_up()
    gradients(forward, batches, pieces, length_at(0.0))
    optimiser.step(0.0, 0.0, 0.0)
    optimiser.state.clear()
    optimiser.steps = 0
    gc.collect()
    gc.freeze()  # nanochat: Python's collector stalls the loop, and there is little to collect
    gc.disable()

    # Train until the budget is used.
    nats_to_bpb = 1 / (math.log(2) * data.bytes_per_token)
    step, tokens, elapsed, smooth, next_point = 0, 0, 0.0, 0.0, 0.0
    report(event="start")
    begin = clock()
    while elapsed < BUDGET and not stop.is_set():
        progress = elapsed / BUDGET
        loss, count = gradients(forward, batches, pieces, length_at(progress))
        if not math.isfinite(loss):
            raise SystemExit(f"the loss became {loss} at step {step}")
        scale, decay_scale = learning_rate_scale(progress), weight_decay_scale(progress)
        optimiser.step(scale, momentum_at(progress), decay_scale)
        step, tokens = step + 1, tokens + count
        elapsed = clock() - begin
        smooth += 0.1 * (loss - smooth)
        if elapsed / BUDGET >= next_point:
            mean = smooth / (1 - 0.9**step)
            seconds, bpb = round(elapsed, 3), mean * nats_to_bpb
            report(step=step, seconds=seconds, loss=mean, bpb=bpb, tokens=tokens)
            if int(next_point * 100) % 10 == 0:
                rate = f"{tokens / elapsed:,.0f} tokens/s"
                print(f"step {step:5d} | {seconds:7.1f} s | loss {mean:.4f} | {rate}", flush=True)
            next_point = (int(elapsed / BUDGET * 100) + 1) / 100
    report(event="end")

    # Save: weights and graph as plain data, which evaluate.py reads without running this file.
    prepare.save_model(model, Path(os.environ.get("NOVUM_ARTIFACTS", "artifacts")))

    print("---")
    print(f"training_seconds: {elapsed:.1f}")
    print(f"num_steps:        {step}")
    print(f"total_tokens_M:   {tokens / 1e6:.3f}")
    print(f"num_params_M:     {parameters / 1e6:.3f}")
    print(f"depth:            {DEPTH}")
    print(f"train_bpb:        {smooth / (1 - 0.9 ** max(step, 1)) * nats_to_bpb:.4f}")


if __name__ == "__main__":
    main()
