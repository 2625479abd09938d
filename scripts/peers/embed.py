"""Embedding all pins layer by layer beside the same in PyTorch, on the same neighbourhoods. Prints Markdown.

    embed.py [PINS] [THREADS]

Ours is timed with its files, PyTorch in memory without any: the comparison is not in our favour."""
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from common import BENCH, processor

pins = sys.argv[1] if len(sys.argv) > 1 else "200000"
threads = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count()
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


with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    place = os.path.join(folder, "bench")
    done = subprocess.run(
        [BENCH, "embed", "--json", "--pins", pins, "--targets", "1024", "--threads", str(threads), "--keep", place],
        check=True, capture_output=True, text=True)
    ours = json.loads(done.stdout)["ways"][0]
    shard = place + "/shards/{}/00000-of-00001/{}.npy"
    neighbors, importance = (np.load(shard.format("neighborhoods", name)) for name in ("neighbors", "weights"))
    used = neighbors >= 0
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(used.sum(1))]))
    indices, importance = torch.from_numpy(neighbors[used].astype(np.int64)), torch.from_numpy(importance[used])
    boards = np.diff(np.load(place + "/graph/pin_offsets.npy"))
    degree = 0.3 * torch.log1p(torch.from_numpy(boards).float())[:, None]
    inputs = torch.cat([torch.from_numpy(np.load(place + "/graph/features.npy")), degree], 1)
    weights = read_safetensors(place + "/step-00000000.safetensors")
    embed(inputs[:8192], indices[:0], torch.zeros(8193, dtype=torch.int64), importance[:0], weights)
    start = time.perf_counter()
    found = embed(inputs, indices, offsets, importance, weights)
    theirs = time.perf_counter() - start
    difference = np.abs(found.numpy() - np.load(shard.format("embeddings", "embeddings"))).max()
assert difference < 1e-5, f"embeddings differ by {difference}"
layers = ours["stages"]["layer_seconds"]
print(f"{processor()}; {pins} pins, {threads} threads; vectors differ by at most {difference:.1e}\n")
print("| layers of all pins, without walks | s | × |\n|---|---|---|")
print(f"| ours, shards written and checksummed | {layers:.2f} | 1 |")
print(f"| PyTorch {torch.__version__}, in memory | {theirs:.2f} | {theirs / layers:.2f} |")
