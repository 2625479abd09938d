"""The training step in PyTorch on a batch that `pinsage-bench step --dump` wrote: the same model, loss and optimiser.

First checks loss and every gradient against ours, in float64: in float32 the signs of what is nearly 0 before a ReLU are
left to rounding. Then times in float32; prints JSON.

    step_worker.py FOLDER THREADS ROUNDS
"""
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from common import timed

folder, threads, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
facts = json.load(open(os.path.join(folder, "step.json")))
load = lambda name: torch.from_numpy(np.load(os.path.join(folder, name + ".npy")))
prefix, suffix = "parameter.", ".npy"
names = [file[len(prefix):-len(suffix)] for file in sorted(os.listdir(folder)) if file.startswith(prefix)]


class Twin:
    """The model and the batch in one type of floats."""

    def __init__(self, dtype):
        self.weights = {name: torch.nn.Parameter(load(prefix + name).to(dtype)) for name in names}
        self.table, self.pins = load("table").to(dtype), load("pins").long()
        self.log_counts = torch.log1p(load("board_counts").to(dtype))[:, None]
        self.lists = [(load(f"neighbors.{layer}").long(), load(f"offsets.{layer}").long(),
                       load(f"weights.{layer}").to(dtype)) for layer in (1, 2)]
        self.queries, self.positives, self.negatives = (
            load(name).long() for name in ("queries", "positives", "shared_negatives"))
        self.is_skipped = (self.negatives == self.queries[:, None]) | (self.negatives == self.positives[:, None])
        self.first = torch.zeros(len(self.queries), dtype=torch.long)

    def linear(self, inputs, name):
        return F.linear(inputs, self.weights[name + ".weight"], self.weights.get(name + ".bias"))

    def convolve(self, inputs, rows, layer):
        message = F.relu(self.linear(inputs, f"conv.{layer}.message"))
        neighbors, offsets, importance = self.lists[layer - 1]
        pooled = F.embedding_bag(
            neighbors, message, offsets, mode="sum", per_sample_weights=importance, include_last_offset=True)
        joined = torch.cat([inputs[:rows], pooled], 1)
        return F.normalize(F.relu(self.linear(joined, f"conv.{layer}.update")), dim=1)

    def loss(self):
        """The cross entropy of each pair's positive, the first, among itself and the shared negatives."""
        inputs = torch.cat([self.table[self.pins], facts["log_degree"] * self.log_counts], 1)
        hidden = self.convolve(inputs, facts["hidden_count"], 1)
        top = self.convolve(hidden, facts["target_count"], 2)
        z = F.normalize(self.linear(F.relu(self.linear(top, "head.hidden")), "head.output"), dim=1)
        q, p, n = z[self.queries], z[self.positives], z[self.negatives]
        scores = torch.cat([(q * p).sum(1, keepdim=True), (q @ n.t()).masked_fill(self.is_skipped, -torch.inf)], 1)
        return F.cross_entropy(scores / facts["temperature"], self.first)


def check():
    twin = Twin(torch.float64)
    value = twin.loss()
    value.backward()
    if not abs(value.item() - facts["loss"]) <= 1e-4 * abs(facts["loss"]):
        sys.exit(f"step_worker: loss: expected {facts['loss']}, found {value.item()}")
    worst = 0.0
    for name in names:
        ours = load("gradient." + name)
        worst = max(worst, ((twin.weights[name].grad - ours).norm() / ours.norm()).item())
        if not worst <= 1e-4:
            sys.exit(f"step_worker: gradient of {name}: expected ours within 1e-4, found {worst}")
    return worst


worst = check()
twin = Twin(torch.float32)
optimiser = torch.optim.Adam(list(twin.weights.values()), lr=1e-3, fused=True)


def step():
    optimiser.zero_grad(set_to_none=True)
    twin.loss().backward()
    optimiser.step()


print(json.dumps({"version": torch.__version__, "gradient_difference": worst,
                  "seconds": [timed(step) for _ in range(rounds)]}))
