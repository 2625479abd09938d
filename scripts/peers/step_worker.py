"""The training step in PyTorch on a batch that `pinsage-bench step --dump` wrote: the same model, loss and optimiser.

First checks loss and every gradient against ours, then times; prints JSON.

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
weights = {name: torch.nn.Parameter(load(prefix + name)) for name in names}
table, pins, board_counts = load("table"), load("pins").long(), load("board_counts")
lists = [(load(f"neighbors.{layer}").long(), load(f"offsets.{layer}").long(), load(f"weights.{layer}"))
         for layer in (1, 2)]
queries, positives, negatives = (load(name).long() for name in ("queries", "positives", "shared_negatives"))
is_counted = (negatives != queries[:, None]) & (negatives != positives[:, None])
counted = is_counted.float() / is_counted.sum()


def convolve(inputs, rows, layer):
    message = F.relu(F.linear(inputs, weights[f"conv.{layer}.message.weight"], weights[f"conv.{layer}.message.bias"]))
    neighbors, offsets, importance = lists[layer - 1]
    pooled = F.embedding_bag(
        neighbors, message, offsets, mode="sum", per_sample_weights=importance, include_last_offset=True)
    joined = torch.cat([inputs[:rows], pooled], 1)
    return F.normalize(F.relu(
        F.linear(joined, weights[f"conv.{layer}.update.weight"], weights[f"conv.{layer}.update.bias"])), dim=1)


def hinge():
    """The hinge's arguments, pairs × shared negatives."""
    inputs = torch.cat([table[pins], facts["log_degree"] * torch.log1p(board_counts.float())[:, None]], 1)
    hidden = convolve(inputs, facts["hidden_count"], 1)
    top = convolve(hidden, facts["target_count"], 2)
    z = F.linear(F.relu(F.linear(top, weights["head.hidden.weight"], weights["head.hidden.bias"])),
                 weights["head.output.weight"])
    z = F.normalize(z, dim=1)
    q, p, n = z[queries], z[positives], z[negatives]
    return q @ n.t() - (q * p).sum(1, keepdim=True) + facts["margin"]


def loss():
    return (F.relu(hinge()) * counted).sum()


def check():
    value = loss()
    value.backward()
    if not abs(value.item() - facts["loss"]) <= 1e-4 * abs(facts["loss"]):
        sys.exit(f"step_worker: loss: expected {facts['loss']}, found {value.item()}")
    # At a hinge this near to 0, rounding decides whether the pair counts, and that moves the gradient by a whole pair.
    ties = int((hinge().abs() < 1e-6).logical_and(is_counted).sum())
    tolerance = 1e-4 * (1 + 2 * ties)
    worst = 0.0
    for name in names:
        ours = load("gradient." + name)
        worst = max(worst, ((weights[name].grad - ours).norm() / ours.norm()).item())
        if not worst <= tolerance:
            sys.exit(f"step_worker: gradient of {name}: expected ours within {tolerance}, found {worst}")
    return worst, ties


worst, ties = check()
optimiser = torch.optim.Adam(list(weights.values()), lr=1e-3, fused=True)


def step():
    optimiser.zero_grad(set_to_none=True)
    loss().backward()
    optimiser.step()


print(json.dumps({"version": torch.__version__, "gradient_difference": worst, "ties": ties,
                  "seconds": [timed(step) for _ in range(rounds)]}))
