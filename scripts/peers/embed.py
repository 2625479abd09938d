"""Embedding all pins layer by layer beside the same in PyTorch, on the same neighbourhoods, and beside recomputing the
neighbourhood of each pin. Prints Markdown.

    embed.py [ROUNDS] [PINS]

Ours is timed with the files that `pinsage embed` leaves between layers, PyTorch in memory without any: the comparison is
not in our favour."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from common import BENCH, median_and_spread, processor

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
pins = sys.argv[2] if len(sys.argv) > 2 else "200000"
threads = os.cpu_count()
torch.set_num_threads(threads)


def read_safetensors(path):
    raw = open(path, "rb").read()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__")
    data = memoryview(raw)[8 + length:]
    return {name: torch.from_numpy(np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"]).copy())
            for name, entry in header.items()}


def embed(inputs, indices, offsets, importance, weights):
    rows = inputs
    for layer in (1, 2):
        name = f"conv.{layer}."
        message = F.relu(F.linear(rows, weights[name + "message.weight"], weights[name + "message.bias"]))
        after = torch.empty(len(rows), message.shape[1])
        for start in range(0, len(rows), 4096):
            end = min(start + 4096, len(rows))
            first, last = offsets[start], offsets[end]
            pooled = F.embedding_bag(
                indices[first:last], message, offsets[start:end + 1] - first, mode="sum",
                per_sample_weights=importance[first:last], include_last_offset=True)
            joined = torch.cat([rows[start:end], pooled], 1)
            after[start:end] = F.normalize(
                F.relu(F.linear(joined, weights[name + "update.weight"], weights[name + "update.bias"])), dim=1)
        rows = after
    z = F.linear(F.relu(F.linear(rows, weights["head.hidden.weight"], weights["head.hidden.bias"])),
                 weights["head.output.weight"])
    return F.normalize(z, dim=1)


def run_ours(*words):
    done = subprocess.run([BENCH, "embed", "--json", "--pins", pins, "--targets", "1024", "--threads", str(threads),
                           "--hidden", "128", "--output", "64", *words], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench-peers: pinsage-bench embed: expected success, found {done.returncode}")
    return json.loads(done.stdout)["ways"]


def cell(values, form):
    middle, spread = median_and_spread(values)
    return f"{form.format(middle)} ± {100 * spread:.0f} %"


with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    place = os.path.join(folder, "bench")
    ours, theirs = [run_ours("--keep", place)], []
    shard = place + "/shards/{}/00000-of-00001/{}.npy"
    neighbors, importance = (np.load(shard.format("neighborhoods", name)) for name in ("neighbors", "weights"))
    used = neighbors >= 0
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(used.sum(1))]))
    indices, importance = torch.from_numpy(neighbors[used].astype(np.int64)), torch.from_numpy(importance[used])
    boards = np.diff(np.load(place + "/graph/pin_offsets.npy"))
    degree = 0.3 * torch.log1p(torch.from_numpy(boards).float())[:, None]
    inputs = torch.cat([torch.from_numpy(np.load(place + "/graph/features.npy")), degree], 1)
    weights = read_safetensors(place + "/step-00000000.safetensors")
    warm = min(8192, len(inputs))
    embed(inputs[:warm], indices[:0], torch.zeros(warm + 1, dtype=torch.int64), importance[:0], weights)
    for turn in range(rounds):
        if turn > 0:
            ours.append(run_ours())
        start = time.perf_counter()
        found = embed(inputs, indices, offsets, importance, weights)
        theirs.append(time.perf_counter() - start)
    difference = np.abs(found.numpy() - np.load(shard.format("embeddings", "embeddings"))).max()
if difference >= 1e-5:
    sys.exit(f"bench-peers: embeddings: expected those of PyTorch to 1e-5, found a difference of {difference}")
layers = [ways[0]["stages"]["layer_seconds"] for ways in ours]
times = statistics.median(theirs) / statistics.median(layers)
print(f"{processor()}; {int(pins):,} pins, m = 128, d = 64, {threads} threads; medians of {rounds} rounds in turn; "
      f"vectors differ by at most {difference:.1e}\n")
print("| layers of all pins, without walks | s | × |\n|---|---|---|")
print(f"| ours, each layer's rows written and checksummed | {cell(layers, '{:.2f}')} | 1 |")
print(f"| PyTorch {torch.__version__}, in memory | {cell(theirs, '{:.2f}')} | {times:.2f} |\n")
print("Walks included, beside recomputing all within two steps of each pin, to the same bits:\n")
print("| ours | pins | multiply-adds a pin | × | µs a pin | × |\n|---|---|---|---|---|---|")
first = statistics.median(1e6 * ways[0]["seconds"] / ways[0]["pins"] for ways in ours)
for number, way in enumerate(ours[0]):
    micros = [1e6 * ways[number]["seconds"] / ways[number]["pins"] for ways in ours]
    operations = way["multiply_adds_per_pin"]
    print(f"| {way['name']} | {way['pins']:,} | {operations / 1e6:.3f} M | {operations / ours[0][0]['multiply_adds_per_pin']:.1f} | "
          f"{cell(micros, '{:.1f}')} | {statistics.median(micros) / first:.1f} |")
