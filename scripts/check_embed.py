#!/usr/bin/env python3
"""check_embed.py --graph GRAPH --checkpoint F.safetensors --embeddings DIR [--neighbors DIR] [--limit 1e-5]

Computes every pin's vector a second time, in float64 with NumPy alone, and compares it with DIR/embeddings.npy.
Reads neighbors.npy and weights.npy (of `pinsage embed --keep-neighbors` or `pinsage neighbors --all`; default: the
embeddings' folder), GRAPH/features.npy, GRAPH/structure.npy if there is one, and the checkpoint. Prints one JSON object; exits 1 if the largest absolute
difference is above the limit."""
import argparse
import json
import pathlib
import sys

import numpy as np


def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    data = memoryview(raw)[8 + length :]
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", f"{name}: {entry['dtype']}"
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"]).astype(np.float64)
    return tensors, metadata


def relu(x):
    return np.maximum(x, 0)


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def pool(messages, neighbors, weights, block=4096):
    """pooled[u] = sum over k of weights[u, k] * messages[neighbors[u, k]]; -1 marks no neighbour."""
    pooled = np.empty((len(neighbors), messages.shape[1]))
    for start in range(0, len(neighbors), block):
        rows = neighbors[start : start + block]
        share = np.where(rows < 0, 0.0, weights[start : start + block].astype(np.float64))
        pooled[start : start + block] = np.einsum("uk,ukm->um", share, messages[np.maximum(rows, 0)])
    return pooled


def pool_max(messages, neighbors, block=4096):
    """pooled[u] = largest of messages[neighbors[u, k]] over k, element by element; 0 where there is no neighbour."""
    pooled = np.zeros((len(neighbors), messages.shape[1]))
    for start in range(0, len(neighbors), block):
        rows = neighbors[start : start + block]
        for k in range(rows.shape[1]):
            message = np.where(rows[:, k : k + 1] < 0, 0.0, messages[np.maximum(rows[:, k], 0)])
            pooled[start : start + block] = np.maximum(pooled[start : start + block], message)
    return pooled


def embed(features, neighbors, weights, tensors, output, pooling):
    h = features.astype(np.float64)
    for layer in ("conv.1", "conv.2"):
        message = relu(h @ tensors[f"{layer}.message.weight"].T + tensors[f"{layer}.message.bias"])
        pooled = pool_max(message, neighbors) if pooling == "max" else pool(message, neighbors, weights)
        both = np.concatenate([h, pooled], axis=1)
        h = unit(relu(both @ tensors[f"{layer}.update.weight"].T + tensors[f"{layer}.update.bias"]))
    if "head.output.weight" not in tensors:
        return h
    z = relu(h @ tensors["head.hidden.weight"].T + tensors["head.hidden.bias"]) @ tensors["head.output.weight"].T
    return unit(z) if output == "unit" else z


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graph", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--embeddings", required=True)
    parser.add_argument("--neighbors", help="folder of neighbors.npy and weights.npy")
    parser.add_argument("--limit", type=float, default=1e-5)
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.neighbors or arguments.embeddings)
    neighbors, weights = np.load(folder / "neighbors.npy"), np.load(folder / "weights.npy")
    tensors, metadata = read_safetensors(arguments.checkpoint)
    pooling = json.loads(metadata["config"]).get("walks", {}).get("pooling", "importance")
    if pooling == "uniform":
        weights = (neighbors >= 0) / np.maximum((neighbors >= 0).sum(1, keepdims=True), 1)
    model = json.loads(metadata["model"])
    features = np.load(pathlib.Path(arguments.graph) / "features.npy").astype(np.float64)
    if model["logDegree"] > 0:
        boards = np.diff(np.load(pathlib.Path(arguments.graph) / "pin_offsets.npy"))
        features = np.concatenate([features, model["logDegree"] * np.log1p(boards)[:, None]], axis=1)
    if "pins.learned.weight" in tensors:
        features = np.concatenate([features, tensors["pins.learned.weight"]], axis=1)
    expected = embed(features, neighbors, weights, tensors, model["output"], pooling)
    structure = pathlib.Path(arguments.graph) / "structure.npy"
    share = json.loads(metadata["config"]).get("model", {}).get("structure_share", 0.25)
    if structure.exists() and model["output"] == "unit" and share > 0:
        expected = np.concatenate([expected * (1 - share) ** 0.5, np.load(structure) * share**0.5], axis=1)
    found = np.load(pathlib.Path(arguments.embeddings) / "embeddings.npy")
    assert found.shape == expected.shape, f"embeddings are {found.shape}, expected {expected.shape}"
    difference = float(np.abs(found - expected).max())
    passed = bool(difference <= arguments.limit)
    print(json.dumps({"pins": len(found), "width": found.shape[1], "largest_difference": difference, "passed": passed}))
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
