"""Walks, and sampling and training together, beside DGL and PyTorch on the same graphs and two cores. Prints Markdown.

    pipelines.py ROUNDS NAME=GRAPH...

Each round runs theirs and ours in turn; figures are medians of the rounds, with half the distance between the
quartiles. A walk of DGL ends where ours returns: at restart 0 both take every step."""
import json
import os
import sys
import tempfile

from common import BENCH, HERE, median_and_spread, processor, run_json

rounds, graphs = int(sys.argv[1]), [argument.split("=", 1) for argument in sys.argv[2:]]
PINSAGE = os.path.join(os.path.dirname(BENCH), "pinsage")
SECONDS = float(os.environ.get("SECONDS_EACH", 20))
# Of batches that ours makes before a reading, at least.
WARMUP_STEPS = 10
WALKS = {"walks": 10, "steps": 50, "top": 25, "restart": 0}
TRAIN = {"pairs": 512, "negatives": 500, "hidden": 128, "output": 64}
CONFIG = """graph: {graph}
walks: {{count: 10, steps: 50, top: 25, restart: {restart}}}
model: {{hidden_width: 128, output_width: 64}}
batch: {{pairs: 512, shared_negatives: 500, refresh_batches: {refresh}}}
training: {{epochs: 1, batches_per_epoch: {batches}}}
checkpoints: {{every_batches: 1000000}}
"""
two_cores = ["taskset", "-c", "0,1"]


def cell(values, form="{:,.0f}"):
    middle, spread = median_and_spread(values)
    return f"{form.format(middle)} ± {100 * spread:.0f} %"


def theirs(mode, graph, threads, **settings):
    worker = [sys.executable, os.path.join(HERE, "dgl_worker.py"), mode, graph,
              json.dumps({**WALKS, **TRAIN, "threads": threads, **settings})]
    return run_json(two_cores + worker, threads)


def our_walks(graph, restart, pins):
    command = [BENCH, "neighborhoods", "--graph", graph, "--json", "--pins", str(pins), "--rounds", "1",
               "--set", f"walks.restart={restart}"]
    return run_json(two_cores + command, 1)


def our_training(graph, samplers, threads, restart, refresh, precision, batches):
    """Pairs a second after warm-up, the trainer's wait share, and the mean number of batches that were ready."""
    with tempfile.TemporaryDirectory() as folder:
        config, run = os.path.join(folder, "c.yaml"), os.path.join(folder, "run")
        with open(config, "w") as file:
            file.write(CONFIG.format(graph=graph, restart=restart, refresh=refresh, batches=batches))
        # The command itself prints no JSON.
        run_command(two_cores + [PINSAGE, "train", "--config", config, "--run", run, "--set",
                                 f"samplers.count={samplers}", "--set", f"trainer.threads={threads}", "--set",
                                 f"trainer.precision={precision}"])
        lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
        depths = [line.split() for line in open(os.path.join(run, "queue_depth.log")) if not line.startswith("#")]
    seconds = waited = pairs = 0.0
    for before, line in zip(lines, lines[1:]):
        if before["step"] >= WARMUP_STEPS:
            count = (line["step"] - before["step"]) * TRAIN["pairs"]
            pairs += count
            seconds += count / line["pairs_per_s"]
            waited += line["wait_share"] * count / line["pairs_per_s"]
    late = [depth for depth in depths if int(depth[1]) >= WARMUP_STEPS]
    mean = lambda column: sum(float(depth[column]) for depth in late) / max(len(late), 1)
    return {"pairs_per_s": pairs / seconds, "wait_share": waited / seconds, "depth": mean(2), "ready": mean(4)}


def run_command(command):
    import subprocess
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench-peers: {' '.join(command[:6])}: expected success, found {done.returncode}: {done.stderr[-2000:]}")


def progress(text):
    print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)


print(f"{processor()}; two cores; medians of {rounds} rounds in turn, ± half the distance between the quartiles\n")
version = None
print("## Neighbourhoods, one thread\n")
print("T = 10, L = 50, K = 25. Restart 0: 500 steps a pin on both sides. Restart 0.5: ours takes 500 steps still, a walk of "
      "DGL ends after two on the average.\n")
print("| graph | restart | DGL `random_walk`, M steps/s | DGL `PinSAGESampler`, pins/s | ours, M steps/s | ours, pins/s | × pins/s |")
print("|---|---|---|---|---|---|---|")
for name, graph in graphs:
    for restart in (0, 0.5):
        their_runs, our_runs = [], []
        for number in range(rounds):
            progress(f"{name}, walks, restart {restart}, round {number + 1} of {rounds}")
            their_runs.append(theirs("walks", graph, 1, restart=restart, pins=4_000, seed=number))
            our_runs.append(our_walks(graph, restart, 40_000))
        version = their_runs[0]["version"]
        pick = lambda runs, key, unit=1: [run[key] / unit for run in runs]
        ratio = (median_and_spread(pick(our_runs, "neighborhoods_per_second"))[0]
                 / median_and_spread(pick(their_runs, "neighborhoods_per_s"))[0])
        steps = cell(pick(their_runs, "steps_per_s", 1e6), "{:.2f}") if restart == 0 else "–"
        print(f"| {name} | {restart} | {steps} | {cell(pick(their_runs, 'neighborhoods_per_s'))} | "
              f"{cell(pick(our_runs, 'steps_per_second', 1e6), '{:.1f}')} | "
              f"{cell(pick(our_runs, 'neighborhoods_per_second'))} | {ratio:.1f} |", flush=True)

print("\n## Sampling and training together\n")
print("T = 10, L = 50, K = 25, restart 0, 512 pairs, 500 shared negatives, m = 128, d = 64, Adam; pairs a second after "
      "warm-up.\n")
print("| graph | pipeline | pairs/s | × the best of DGL | trainer waits | queue depth | ready |")
print("|---|---|---|---|---|---|---|")
THEIRS = [("sampled in the trainer, 2 threads", 2, 0), ("1 DataLoader worker", 1, 1), ("2 DataLoader workers", 1, 2)]
OURS = [(samplers, threads, refresh, "float32") for refresh in (1, 100)
        for samplers, threads in ((1, 1), (2, 1), (4, 1), (2, 2))]
if "avx512_bf16" in open("/proc/cpuinfo").read():
    OURS += [(samplers, 2, 100, "bfloat16") for samplers in (1, 2)]
for name, graph in graphs:
    found = {}
    for number in range(rounds):
        for label, threads, workers in THEIRS:
            progress(f"{name}, DGL, {label}, round {number + 1} of {rounds}")
            found.setdefault(label, []).append(
                theirs("train", graph, threads, workers=workers, warmup=2, seconds=SECONDS))
        for setting in OURS:
            progress(f"{name}, ours, {setting}, round {number + 1} of {rounds}")
            batches = 300 if os.path.getsize(os.path.join(graph, "pin_boards.npy")) < 1 << 24 else 60
            samplers, threads, refresh, precision = setting
            found.setdefault(setting, []).append(
                our_training(graph, samplers, threads, 0, refresh, precision, batches))
    rates = {key: median_and_spread([run["pairs_per_s"] for run in runs])[0] for key, runs in found.items()}
    best = max(rates[label] for label, _, _ in THEIRS)
    for label, _, _ in THEIRS:
        runs = found[label]
        waits = 1 - median_and_spread([run["learning_share"] for run in runs])[0]
        print(f"| {name} | DGL + PyTorch, {label} | {cell([run['pairs_per_s'] for run in runs])} | "
              f"{rates[label] / best:.2f} | {100 * waits:.0f} % | – | – |")
    for setting in OURS:
        runs = found[setting]
        samplers, threads, refresh, precision = setting
        mean = lambda key: median_and_spread([run[key] for run in runs])[0]
        window = "fresh for each batch" if refresh == 1 else f"refresh_batches {refresh}"
        window += "" if precision == "float32" else f", {precision}"
        print(f"| {name} | ours, {samplers} sampler{'s' * (samplers > 1)}, {threads} trainer thread{'s' * (threads > 1)}, "
              f"{window} | {cell([run['pairs_per_s'] for run in runs])} | {rates[setting] / best:.1f} | "
              f"{100 * mean('wait_share'):.0f} % | {mean('depth'):.1f} | {mean('ready'):.1f} |", flush=True)
print(f"\n{version}.")
progress("")
