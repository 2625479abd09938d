"""Times one library at the shapes given on stdin (those of `pinsage-bench kernels --json`); prints JSON.

    kernel_worker.py torch|numpy THREADS ROUNDS
"""
import json
import sys

import numpy as np
from common import timed

library, threads, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random = np.random.default_rng(1)


def numbers(*shape):
    return random.random(shape, dtype=np.float32) * 2 - 1


def numpy_body(kernel, sizes):
    """A function that does what our kernel does, or None where NumPy has none."""
    if kernel not in ("nn", "nt", "tn"):
        return None
    m, k, n = sizes
    a = numbers(m, k)
    b = {"nn": (k, n), "nt": (n, k), "tn": (m, n)}[kernel]
    b = numbers(*b)
    c = np.empty((k, n) if kernel == "tn" else (m, n), np.float32)
    if kernel == "nn":
        return lambda: np.matmul(a, b, out=c)
    if kernel == "nt":
        return lambda: np.matmul(a, b.T, out=c)
    return lambda: np.matmul(a.T, b, out=c)


def torch_body(kernel, sizes):
    """The same for PyTorch, each in the form that is its fastest."""
    import torch
    import torch.nn.functional as F

    # As PyTorch itself allocates.
    tensor = lambda *shape: torch.from_numpy(numbers(*shape)).clone()
    if kernel in ("nn", "nt", "tn"):
        m, k, n = sizes
        a = tensor(m, k)
        b = tensor(*{"nn": (k, n), "nt": (n, k), "tn": (m, n)}[kernel])
        left, right = (a.t(), b) if kernel == "tn" else (a, b.t() if kernel == "nt" else b)
        c = torch.empty(left.shape[0], right.shape[1])
        return lambda: torch.mm(left, right, out=c)
    if kernel in ("gather_pool", "max_pool", "scatter"):
        lists, per_list, rows, width = sizes
        indices = torch.from_numpy(random.integers(0, rows, lists * per_list))
        weights = torch.full((lists * per_list,), 1 / per_list)
        if kernel == "gather_pool":
            table = tensor(rows, width)
            offsets = torch.arange(0, lists * per_list + 1, per_list)
            return lambda: F.embedding_bag(
                indices, table, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True)
        if kernel == "max_pool":
            table = tensor(rows, width)
            offsets = torch.arange(0, lists * per_list + 1, per_list)
            return lambda: F.embedding_bag(indices, table, offsets, mode="max", include_last_offset=True)
        # The weighted rows are made ready beforehand: only the adding is timed.
        source = tensor(lists, width).repeat_interleave(per_list, 0) * weights[:, None]
        table = torch.empty(rows, width)
        return lambda: table.zero_().index_add_(0, indices, source)
    if kernel == "normalize":
        a = tensor(*sizes)
        return lambda: F.normalize(a, dim=1)
    if kernel == "normalize_backward":
        a = tensor(*sizes).requires_grad_()
        gradient = tensor(*sizes)
        with torch.enable_grad():
            unit = F.normalize(a, dim=1)
        return lambda: torch.autograd.grad(unit, a, gradient, retain_graph=True)
    if kernel in ("hinge", "softmax"):
        pairs, negatives, width = sizes
        with torch.no_grad():
            q, p, n = (F.normalize(tensor(count, width), dim=1) for count in (pairs, pairs, negatives))
        q, p, n = q.requires_grad_(), p.requires_grad_(), n.requires_grad_()
        answers = torch.zeros(pairs, dtype=torch.long)

        def step():
            with torch.enable_grad():
                score, others = (q * p).sum(1, keepdim=True), q @ n.t()
                if kernel == "hinge":
                    loss = torch.relu(others - score + 0.1).mean()
                else:
                    loss = F.cross_entropy(torch.cat((score, others), 1) / 0.1, answers)
            return torch.autograd.grad(loss, (q, p, n))

        return step
    if kernel == "adam":
        parameter = torch.nn.Parameter(tensor(*sizes))
        parameter.grad = tensor(*sizes)
        return torch.optim.Adam([parameter], lr=0.01, fused=True).step
    if kernel == "adam_rows":
        count, rows, width = sizes
        parameter = torch.nn.Parameter(tensor(rows, width))
        chosen = torch.from_numpy(np.arange(count, dtype=np.uint32) * np.uint32(40503) & np.uint32(rows - 1)).long()
        parameter.grad = torch.sparse_coo_tensor(chosen[None], tensor(count, width), (rows, width))
        return torch.optim.SparseAdam([parameter], lr=0.01).step
    return None


def openblas_kernel():
    """The processor that NumPy's OpenBLAS chose its kernels for."""
    import ctypes
    import glob
    import os

    for path in glob.glob(os.path.join(os.path.dirname(np.__file__), "..", "numpy.libs", "*openblas*.so*")):
        blas = ctypes.CDLL(path)
        for name in ("scipy_openblas_get_corename64_", "openblas_get_corename64_", "openblas_get_corename"):
            if hasattr(blas, name):
                function = getattr(blas, name)
                function.restype = ctypes.c_char_p
                return f"OpenBLAS for {function().decode()}"
    return "BLAS unknown"


if library == "torch":
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    version = f"PyTorch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()})"
else:
    version = f"NumPy {np.__version__}, {openblas_kernel()}"
seconds = {}
for case in json.load(sys.stdin):
    body = (torch_body if library == "torch" else numpy_body)(case["kernel"], case["sizes"])
    if body is not None:
        seconds[case["name"]] = [timed(body) for _ in range(rounds)]
print(json.dumps({"version": version, "seconds": seconds}))
