#!/usr/bin/env python3
"""Runs the Python blocks of docs/USING_EMBEDDINGS.md, each alone, on the embeddings of a small training. PINSAGE: the
executable, .build/release/pinsage unless set. A block whose library is not installed here is named as skipped."""
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/USING_EMBEDDINGS.md"
PINSAGE = os.environ.get("PINSAGE", str(ROOT / ".build/release/pinsage"))
CONFIG = """graph: graph
model: {hidden_width: 32, output_width: 16}
batch: {pairs: 64, shared_negatives: 50}
training: {epochs: 1, batches_per_epoch: 100}
"""


def missing(block):
    """Libraries that a block names and this Python has not."""
    return [name for name in re.findall(r"^import (\w+)", block, re.M) if importlib.util.find_spec(name) is None]


def main():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    failed = ran = 0
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "config.yaml").write_text(CONFIG)

        def pinsage(*words):
            subprocess.run([PINSAGE, *words], cwd=folder, check=True, stderr=subprocess.DEVNULL)

        pinsage("generate", "--out", "graph", "--pins", "600", "--boards", "300", "--edges", "6000")
        pinsage("train", "--config", "config.yaml", "--run", "run")
        pinsage("embed", "--run", "run", "--out", "embeddings")
        pinsage("export", "--embeddings", "embeddings", "--format", "word2vec", "--out", "pins.vec")
        if not missing("import pyarrow"):
            os.environ["PINSAGE_PYTHON"] = sys.executable
            pinsage("export", "--embeddings", "embeddings", "--format", "parquet", "--out", "pins.parquet")
        for number, block in enumerate(blocks, 1):
            if missing(block):
                print(f"block {number}: skipped: {', '.join(missing(block))} is not installed")
                continue
            done = subprocess.run([sys.executable, "-c", block], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            ran += 1
            if done.returncode != 0:
                failed += 1
                print(f"{PAGE}: block {number}: {done.stderr.decode().strip()}")
    print(f"{PAGE.name}: {ran} of {len(blocks)} Python blocks run, {failed} failed; SQL is not run")
    sys.exit(1 if failed or not blocks else 0)


if __name__ == "__main__":
    main()
