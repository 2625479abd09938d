"""Trains each setting with several seeds and compares them on validation pairs alone: no held-out pair is read. Prints Markdown.

    tune.py --config FILE --graph FOLDER [--graph FOLDER ...] [--seeds 3] [--out runs/tune] SETTING [SETTING ...]

A setting is one argument: keys as of `pinsage train --set`, separated by spaces; "" is the config as it stands.

    tune.py --config configs/citeulike.yaml --graph data/citeulike "" "model.hidden_width=128 model.output_width=64"

A tenth of the boards is held out of each training (`validation.share`, `validation.pairs`, unless a setting says otherwise).
Started again with the same --out it goes on where it was; what is there must be of the same program and config."""
import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time

PINSAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.build/release/pinsage")
MEASURES = ("hit@10", "hit@100", "hit@500", "MRR")
# Half of the 95 % interval of a mean over its standard error: Student's t for 1, 2, ... degrees of freedom.
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)


def train(options, graph, setting, seed):
    """The figures of the last validation of one training, and its seconds."""
    sets = ["validation.share=0.1", "validation.pairs=5000", *setting.split(), f"seed={seed}", f"graph={graph}"]
    name = hashlib.sha256(" ".join([options.config, *sets]).encode()).hexdigest()[:16]
    run, result = (os.path.join(options.out, name + suffix) for suffix in ("", ".json"))
    if os.path.exists(result):
        return json.load(open(result))
    command = [PINSAGE, "train", "--config", options.config, "--set", f"run={run}"]
    if os.path.exists(run + "/config.yaml"):
        command.append("--resume")
    started = time.time()
    with open(run + ".log", "a") as log:
        status = subprocess.call(command + [word for each in sets for word in ("--set", each)], stdout=log, stderr=log)
    if status != 0:
        sys.exit(f"tune: {setting or 'the config'}, {graph}, seed {seed}: expected a training that ends, found exit {status}. See {run}.log.")
    figures = json.loads(open(os.path.join(run, "validation.jsonl")).readlines()[-1])
    figures.update(seconds=time.time() - started, sets=sets)
    with open(result + ".tmp", "w") as file:
        json.dump(figures, file)
    os.rename(result + ".tmp", result)
    return figures


def row(setting, graph, results, first):
    """Means over seeds; and the mean of the differences to the first setting, seed by seed, with its interval: seeds hold out
    different boards, so figures differ more between seeds than between settings."""
    def values(each, measure):
        return [result[measure] * (1000 if measure == "MRR" else 100) for result in each]

    cells = [f"{statistics.mean(values(results, measure)):.2f}" for measure in MEASURES]
    for measure in ("hit@10", "MRR"):
        differences = [a - b for a, b in zip(values(results, measure), values(first, measure))]
        text = f"{statistics.mean(differences):+.2f}"
        if len(differences) > 1:
            student = STUDENT[min(len(differences) - 1, len(STUDENT)) - 1]
            text += f" ± {student * statistics.stdev(differences) / len(differences) ** 0.5:.2f}"
        cells.append(text if results is not first else "")
    cells.append(f"{statistics.mean(result['seconds'] for result in results):.0f}")
    return f"| {setting or 'as it stands'} | {os.path.basename(graph.rstrip('/'))} | {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True)
    parser.add_argument("--graph", required=True, action="append")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="runs/tune")
    parser.add_argument("settings", nargs="+", metavar="SETTING")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error(f"--seeds: expected 1 or more, found {options.seeds}")
    if not os.path.exists(PINSAGE):
        sys.exit(f"tune: {os.path.normpath(PINSAGE)}: expected the executable, found none. Run `make build`.")
    os.makedirs(options.out, exist_ok=True)
    trainings = len(options.graph) * len(options.settings) * options.seeds
    results, done = {}, 0
    # Seed by seed, so that what is there at any time compares every setting.
    for seed in range(1, options.seeds + 1):
        for graph in options.graph:
            for setting in options.settings:
                results.setdefault((graph, setting), []).append(train(options, graph, setting, seed))
                done += 1
                print(f"tune: {done} of {trainings}: {setting or 'as it stands'}, {graph}, seed {seed}", file=sys.stderr)
    print(f"Validation pairs, `{options.config}`, seeds 1 to {options.seeds}: {trainings} trainings; means, and differences to the "
          "first setting ± half of the 95 % interval.\n")
    print("| setting | graph | hit@10 % | hit@100 % | hit@500 % | MRR, thousandths | hit@10 − | MRR − | training s |")
    print("| --- | --- | --: | --: | --: | --: | --: | --: | --: |")
    for (graph, setting), rows in results.items():
        print(row(setting, graph, rows, results[graph, options.settings[0]]))


main()
