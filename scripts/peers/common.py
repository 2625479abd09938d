"""What the peers' scripts share: timing as `pinsage-bench` times, medians and spread."""
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.environ.get("PINSAGE_BENCH", ".build/release/pinsage-bench")


def timed(body):
    """Seconds of one call: one call to warm the caches, then the mean of as many as take 10 ms."""
    body()
    calls = 0
    start = time.perf_counter()
    while True:
        body()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= 0.01:
            return elapsed / calls


def median_and_spread(seconds):
    """The median, and half the distance between the quartiles as a share of it."""
    middle = statistics.median(seconds)
    if len(seconds) < 2:
        return middle, 0.0
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return middle, (high - low) / 2 / middle


def run_json(command, threads, text=None):
    """Runs a program that prints one JSON object, with so many threads for every library it may use."""
    environment = dict(os.environ)
    # Left over from other work, these two would choose another kernel or block size than OpenBLAS itself does.
    environment.pop("OPENBLAS_CORETYPE", None)
    environment.pop("OPENBLAS_L2_SIZE", None)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(threads)
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"bench-peers: {' '.join(command[:3])}: expected success, found {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def processor():
    """Name, family and model, which tell processors of one name apart."""
    with open("/proc/cpuinfo") as file:
        facts = dict(line.split("\t:", 1) if "\t:" in line else line.split(":", 1) for line in
                     file.read().split("\n\n")[0].replace("\t\t:", "\t:").splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    return ", ".join([facts.get("model name", "unknown"), "family " + facts.get("cpu family", "?"),
                      "model " + facts.get("model", "?")])
