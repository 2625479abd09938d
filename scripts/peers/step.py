"""Our training step beside the same in PyTorch, in turn, one thread and two. Prints Markdown.

    step.py [ROUNDS]
"""
import os
import subprocess
import sys
import tempfile

from common import BENCH, HERE, median_and_spread, processor, run_json

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
print(f"{processor()}; the same batch, checked in float64 to give the same loss and gradients to 1e-4; "
      f"medians of {rounds} rounds in turn\n")
print("| model | threads | ours | PyTorch | × | gradients differ by |")
print("|---|---|---|---|---|---|")
for hidden, output in ((128, 64), (256, 128)):
    widths = ["--hidden", str(hidden), "--output", str(output)]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([BENCH, "step", "--dump", folder] + widths, check=True)
        for threads in sorted({1, os.cpu_count()}):
            ours, theirs = [], []
            for _ in range(rounds):
                report = run_json(
                    [BENCH, "step", "--json", "--batches", "1", "--rounds", "5", "--threads", str(threads)] + widths,
                    threads)
                ours.append(report["steps"][0]["seconds"])
                report = run_json(
                    [sys.executable, os.path.join(HERE, "step_worker.py"), folder, str(threads), "5"], threads)
                theirs.append(sorted(report["seconds"])[2])
            cells = [median_and_spread(values) for values in (ours, theirs)]
            print(f"| m = {hidden}, d = {output} | {threads} | "
                  + " | ".join(f"{1e3 * middle:.2f} ms ± {100 * spread:.0f} %" for middle, spread in cells)
                  + f" | {cells[1][0] / cells[0][0]:.2f} | {report['gradient_difference']:.1e} |", flush=True)
