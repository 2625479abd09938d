"""DGL on a graph folder of ours; prints one JSON object.

    dgl_worker.py walks GRAPH SETTINGS       steps and neighbourhoods a second, one thread
    dgl_worker.py train GRAPH SETTINGS       pairs a second of sampling and training together

SETTINGS is a JSON object: `walks` takes walks, steps, top, restart and pins; `train` also pairs, negatives, hidden,
output, warmup (batches), seconds, threads and workers (0: batches are sampled in the process that trains).

A walk of DGL does not return: with the probability `restart` it *ends*. At 0 it takes every step, as ours do always."""
import json
import os
import sys
import time

import numpy as np

mode, folder, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
os.environ["OMP_NUM_THREADS"] = str(settings.get("threads", 1))

os.environ.setdefault("DGLBACKEND", "pytorch")
import torch  # noqa: E402: the number of threads comes first
import torch.nn.functional as F  # noqa: E402

import dgl  # noqa: E402

load = lambda name: np.load(os.path.join(folder, name + ".npy"), mmap_mode="r")


class Graph:
    """The pin-board graph, its ids as narrow as DGL allows."""

    def __init__(self):
        self.pin_offsets, self.pin_boards = load("pin_offsets"), load("pin_boards")
        self.board_offsets, self.board_pins = load("board_offsets"), load("board_pins")
        self.pins, self.boards, self.edges = len(self.pin_offsets) - 1, len(self.board_offsets) - 1, len(self.pin_boards)
        self.type = torch.int32 if max(self.edges, self.pins + self.boards) < 2**31 else torch.int64
        narrow = lambda array: torch.from_numpy(array.astype(np.int64)).to(self.type)
        none = torch.tensor([], dtype=self.type)
        self.dgl = dgl.heterograph(
            {("pin", "in", "board"): ("csr", (narrow(self.pin_offsets), narrow(self.pin_boards), none)),
             ("board", "of", "pin"): ("csr", (narrow(self.board_offsets), narrow(self.board_pins), none))},
            {"pin": self.pins, "board": self.boards}, idtype=self.type)

    def sampler(self):
        return dgl.sampling.PinSAGESampler(
            self.dgl, "pin", "board", settings["steps"], settings["restart"], settings["walks"], settings["top"])


def walks(graph):
    """Seconds of both, over random pins that have a board."""
    random = np.random.default_rng(settings.get("seed", 1))
    filed = np.flatnonzero(np.diff(graph.pin_offsets))
    seeds = torch.from_numpy(random.choice(filed, settings["pins"])).to(graph.type)
    starts = seeds.repeat_interleave(settings["walks"])
    path = ["in", "of"] * settings["steps"]
    sampler = graph.sampler()
    dgl.sampling.random_walk(graph.dgl, starts[:100], metapath=path)
    sampler(seeds[:100])
    start = time.perf_counter()
    traces, _ = dgl.sampling.random_walk(graph.dgl, starts, metapath=path)
    stepping = time.perf_counter() - start
    step_count = int((traces[:, 2::2] >= 0).sum())
    start = time.perf_counter()
    frontier = sampler(seeds)
    sampling = time.perf_counter() - start
    return {"steps_per_s": step_count / stepping, "neighborhoods_per_s": len(seeds) / sampling,
            "neighbors": frontier.num_edges() / len(seeds)}


class Batches(torch.utils.data.Dataset):
    """Batch i as tensors: two layers of lists, as the model reads them."""

    def __init__(self, graph):
        self.graph = graph

    def __len__(self):
        return 1_000_000

    def pairs(self, random):
        """Two different pins of the board of a uniformly drawn edge."""
        graph, wanted = self.graph, settings["pairs"]
        queries, positives = [], []
        while wanted > 0:
            boards = graph.pin_boards[random.integers(0, graph.edges, wanted)].astype(np.int64)
            first = graph.board_offsets[boards]
            size = graph.board_offsets[boards + 1] - first
            first, size = first[size > 1], size[size > 1]
            one, other = random.integers(0, size), random.integers(0, size - 1)
            queries.append(graph.board_pins[first + one])
            positives.append(graph.board_pins[first + other + (other >= one)])
            wanted -= len(size)
        return (torch.from_numpy(np.concatenate(side).astype(np.int64)) for side in (queries, positives))

    def __getitem__(self, index):
        if not hasattr(self, "sampler"):
            self.sampler = self.graph.sampler()
        random = np.random.default_rng([7, index])
        queries, positives = self.pairs(random)
        negatives = torch.from_numpy(random.integers(0, self.graph.pins, settings["negatives"]))
        targets, rows = torch.unique(torch.cat([queries, positives, negatives]), return_inverse=True)
        seeds, layers = targets.to(self.graph.type), []
        for layer in (2, 1):
            frontier = self.sampler(seeds)
            if layer == 2:
                ends = (torch.cat([queries, positives]), torch.cat([positives, queries]))
                _, _, answers = frontier.edge_ids(*(end.to(self.graph.type) for end in ends), return_uv=True)
                frontier = dgl.remove_edges(frontier, answers.unique())
            block = dgl.to_block(frontier, seeds)
            offsets, neighbors, edges = block.adj_tensors("csc")
            visits = block.edata["weights"][edges.long()].float()
            layers.append((neighbors.long(), offsets.long(), visits))
            seeds = block.srcdata[dgl.NID]
        return {"pins": seeds.long(), "layers": layers[::-1], "rows": rows.split([len(queries), len(positives), len(negatives)])}


class Model(torch.nn.Module):
    """The network of `pinsage train`: Algorithm 1 twice and the head, by the softmax of shared negatives."""

    def __init__(self, graph):
        super().__init__()
        hidden, output = settings["hidden"], settings["output"]
        self.table = torch.from_numpy(np.load(os.path.join(folder, "features.npy"), mmap_mode="c"))
        self.log_counts = 0.3 * torch.log1p(torch.from_numpy(np.diff(graph.pin_offsets)).float())[:, None]
        width = self.table.shape[1] + 1
        self.message = torch.nn.ModuleList([torch.nn.Linear(width, hidden), torch.nn.Linear(hidden, hidden)])
        self.update = torch.nn.ModuleList([torch.nn.Linear(width + hidden, hidden), torch.nn.Linear(2 * hidden, hidden)])
        self.head = torch.nn.Linear(hidden, hidden)
        self.out = torch.nn.Linear(hidden, output, bias=False)

    def forward(self, batch):
        pins = batch["pins"]
        rows = torch.cat([self.table[pins].float(), self.log_counts[pins]], 1)
        for layer, (neighbors, offsets, visits) in enumerate(batch["layers"]):
            sums = torch.segment_reduce(visits, "sum", offsets=offsets).repeat_interleave(offsets.diff())
            message = F.relu(self.message[layer](rows))
            pooled = F.embedding_bag(
                neighbors, message, offsets, mode="sum", per_sample_weights=visits / sums, include_last_offset=True)
            joined = torch.cat([rows[:len(offsets) - 1], pooled], 1)
            rows = F.normalize(F.relu(self.update[layer](joined)), dim=1)
        z = F.normalize(self.out(F.relu(self.head(rows))), dim=1)
        queries, positives, negatives = batch["rows"]
        q, p, n = z[queries], z[positives], z[negatives]
        is_skipped = (negatives == queries[:, None]) | (negatives == positives[:, None])
        scores = torch.cat([(q * p).sum(1, keepdim=True), (q @ n.t()).masked_fill(is_skipped, -torch.inf)], 1)
        return F.cross_entropy(scores / 0.07, torch.zeros(len(q), dtype=torch.long))


def train(graph):
    torch.manual_seed(1)
    model = Model(graph)
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3, foreach=True)
    batches = torch.utils.data.DataLoader(
        Batches(graph), batch_size=None, num_workers=settings["workers"],
        worker_init_fn=lambda _: torch.set_num_threads(1))
    losses, pin_counts, hidden_counts, learning, start = [], [], [], 0.0, None
    for index, batch in enumerate(batches):
        begin = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        loss = model(batch)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        end = time.perf_counter()
        pin_counts.append(len(batch["pins"]))
        hidden_counts.append(len(batch["layers"][0][1]) - 1)
        if index == settings["warmup"]:
            start = end
        elif index > settings["warmup"]:
            learning += end - begin
            if end - start >= settings["seconds"] and index >= settings["warmup"] + 2:
                break
    elapsed, count = end - start, len(losses) - settings["warmup"] - 1
    return {"pairs_per_s": count * settings["pairs"] / elapsed, "batches": count, "first_loss": losses[0],
            "last_loss": losses[-1], "learning_share": learning / elapsed,
            "pins": float(np.mean(pin_counts)), "hidden_pins": float(np.mean(hidden_counts))}


torch.set_num_threads(settings.get("threads", 1))
if hasattr(dgl.utils, "set_num_threads"):
    dgl.utils.set_num_threads(settings.get("threads", 1))
result = {"walks": walks, "train": train}[mode](Graph())
print(json.dumps({"version": f"DGL {dgl.__version__}, PyTorch {torch.__version__}", **result}))
sys.stdout.flush()
# Workers that are sampling are not waited for.
os._exit(0)
