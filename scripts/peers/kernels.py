"""Our kernels beside PyTorch and NumPy at the same shapes, in turn, one thread and two. Prints Markdown.

    kernels.py [ROUNDS]
"""
import json
import os
import sys

from common import BENCH, HERE, median_and_spread, processor, run_json

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
per_round = 3
names, versions, seconds = [], {}, {}
for round_number in range(rounds):
    for threads in sorted({1, os.cpu_count()}):
        print(f"\rround {round_number + 1} of {rounds}, {threads} threads ", end="", file=sys.stderr)
        ours = run_json([BENCH, "kernels", "--json", "--rounds", str(per_round), "--threads", str(threads)], threads)
        cases = [{key: entry[key] for key in ("name", "kernel", "sizes")} for entry in ours["kernels"]
                 if entry["precision"] == "float32"]
        names = [case["name"] for case in cases]
        for entry in ours["kernels"]:
            seconds.setdefault(("pinsage", threads, entry["name"]), []).append(entry["seconds"])
        for library in ("torch", "numpy"):
            worker = [sys.executable, os.path.join(HERE, "kernel_worker.py"), library, str(threads), str(per_round)]
            theirs = run_json(worker, threads, json.dumps(cases))
            versions[library] = theirs["version"]
            for name, values in theirs["seconds"].items():
                seconds.setdefault((library, threads, name), []).append(sorted(values)[len(values) // 2])
print(file=sys.stderr)

print(f"{processor()}; {versions['torch']}; {versions['numpy']}; medians of {rounds} rounds in turn, "
      f"± half the distance between the quartiles\n")
print("| kernel | threads | ours | PyTorch | NumPy | × PyTorch | × NumPy |")
print("|---|---|---|---|---|---|---|")
for name in names:
    for threads in sorted({1, os.cpu_count()}):
        cells, ours = [], None
        for library in ("pinsage", "torch", "numpy"):
            values = seconds.get((library, threads, name))
            if values is None:
                cells.append((None, "–"))
                continue
            middle, spread = median_and_spread(values)
            cells.append((middle, f"{1e3 * middle:.2f} ms ± {100 * spread:.0f} %"))
        ratios = ["–" if other is None else f"{other / cells[0][0]:.2f}" for other, _ in cells[1:]]
        print(f"| {name} | {threads} | " + " | ".join([text for _, text in cells] + ratios) + " |")
