#!/usr/bin/env python3
"""`pinsage embed --engine spark` against the local engine: the same bytes, with tasks killed; and both against NumPy in
float64. On a small training made here, and on graph and model of configs/demo.yaml. PINSAGE: the executable,
.build/release/pinsage unless set; GRAPH and CHECKPOINT: others than those of the small training."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PINSAGE = os.environ.get("PINSAGE", str(ROOT / ".build/release/pinsage"))
CONFIG = """graph: graph
model: {hidden_width: 32, output_width: 16}
batch: {pairs: 64, shared_negatives: 50}
training: {epochs: 1, batches_per_epoch: 50}
"""
# Stands before the executable on the nodes: the first attempt at every task kills its process, at once or later.
KILLER = """#!/bin/sh
key=
for word; do case $word in /*) ;; *) key=$key$(echo "$word" | tr / .) ;; esac; done
if mkdir "$MARKS/$key" 2>/dev/null; then
    "$REAL" "$@" &
    sleep "0.0$(( $$ % 7 ))"
    kill -9 $!
    wait $!
    exit 137
fi
exec "$REAL" "$@"
"""


class Engines:
    """A subclass trains in `prepare`, which sets `graph` and `checkpoint`."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.folder = pathlib.Path(cls.temporary)
        cls.prepare()
        cls.embed("local", "--keep-neighbors")
        (cls.folder / "killer").write_text(KILLER)
        (cls.folder / "killer").chmod(0o755)

    @classmethod
    def pinsage(cls, *words, **environment):
        done = subprocess.run([PINSAGE, *words], cwd=cls.folder, stderr=subprocess.PIPE, text=True, env=os.environ | environment)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}: {done.stderr[-2000:]}")
        return done.stderr

    @classmethod
    def embed(cls, out, *words, **environment):
        environment = {"PINSAGE_PYTHON": sys.executable, "PINSAGE_SCRIPTS": str(ROOT / "scripts")} | environment
        return cls.pinsage("embed", "--checkpoint", cls.checkpoint, "--graph", cls.graph, "--out", out, *words, **environment)

    def assert_same(self, out, *words, killing=False):
        marks = self.folder / f"{out}.marks"
        marks.mkdir()
        environment = {"MARKS": str(marks), "REAL": os.path.abspath(PINSAGE)} if killing else {}
        words += ("--executable", str(self.folder / "killer")) * killing
        self.embed(out, "--engine", "spark", "--spark-conf", "spark.ui.enabled=false", "--keep-neighbors", "--shards", "3", *words,
                   **environment)
        self.assertEqual(len(list(marks.iterdir())), 15 if killing else 0, "tasks killed")
        for file in sorted((self.folder / "local").iterdir()):
            self.assertEqual(file.read_bytes(), (self.folder / out / file.name).read_bytes(), file.name)
        self.assertFalse((self.folder / f"{out}.work").exists())

    def test_local_threads_and_every_task_killed_once(self):
        self.assert_same("threads", "--master", "local[2]", killing=True)

    def test_processes_and_speculation(self):
        self.assert_same("cluster", "--master", "local-cluster[2,1,1024]", "--spark-conf", "spark.speculation=true",
                         "--spark-conf", "spark.speculation.interval=10ms", "--spark-conf", "spark.speculation.multiplier=1.01",
                         "--spark-conf", "spark.speculation.quantile=0.1")

    def test_rows_through_the_shuffle_and_every_task_killed_once(self):
        self.assert_same("shuffled", "--master", "local[2]", "--blocks", killing=True)

    def test_float64_by_numpy_gives_the_same_to_five_places(self):
        subprocess.run([sys.executable, str(ROOT / "scripts/check_embed.py"), "--graph", self.graph, "--checkpoint", self.checkpoint,
                        "--embeddings", "local", "--limit", "1e-5"], cwd=self.folder, check=True)


class Demo(Engines, unittest.TestCase):
    """The graph that configs/demo.yaml names, and its model after one epoch."""

    @classmethod
    def prepare(cls):
        config = ROOT / "configs/demo.yaml"
        make = next(line for line in config.read_text().splitlines() if line.startswith("# make-graph: pinsage "))
        cls.pinsage(*make.split()[3:])
        cls.pinsage("train", "--config", str(config), "--set", "training.epochs=1")
        cls.graph = "data/demo"
        cls.checkpoint = str(next((cls.folder / "runs/demo/checkpoints").glob("step-*")))


class Small(Engines, unittest.TestCase):
    @classmethod
    def prepare(cls):
        cls.graph, cls.checkpoint = os.environ.get("GRAPH", "graph"), os.environ.get("CHECKPOINT")
        if not cls.checkpoint:
            (cls.folder / "config.yaml").write_text(CONFIG)
            cls.pinsage("generate", "--out", "graph", "--pins", "5000", "--boards", "900", "--edges", "40000")
            cls.pinsage("train", "--config", "config.yaml", "--run", "run")
            cls.checkpoint = str(next((cls.folder / "run/checkpoints").glob("step-*")))

    def test_a_stopped_job_goes_on(self):
        words = ["--engine", "spark", "--master", "local[1]", "--shards", "3", "--spark-conf", "spark.ui.enabled=false"]
        slow = self.folder / "slow"
        slow.write_text('#!/bin/sh\n"$REAL" "$@" && touch "$MARKS" && sleep 2\n')
        slow.chmod(0o755)
        mark = self.folder / "mark"
        environment = os.environ | {"PINSAGE_PYTHON": sys.executable, "PINSAGE_SCRIPTS": str(ROOT / "scripts"),
                                    "REAL": os.path.abspath(PINSAGE), "MARKS": str(mark)}
        job = subprocess.Popen([PINSAGE, "embed", "--checkpoint", self.checkpoint, "--graph", self.graph, "--out", "stopped",
                                "--executable", str(slow), *words], cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        job.terminate()
        errors = job.communicate(timeout=60)[1]
        self.assertEqual(job.returncode, 3, errors)
        self.assertIn("pinsage embed: stopped, finished shards stay in ", errors)
        self.assertTrue((self.folder / "stopped.work/neighborhoods/00000-of-00003/manifest.json").exists())
        self.embed("stopped", *words)
        self.assertEqual((self.folder / "local/embeddings.npy").read_bytes(), (self.folder / "stopped/embeddings.npy").read_bytes())

    def test_what_is_missing_or_wrong_is_one_line(self):
        for environment, words, expected in [
            ({"PINSAGE_PYTHON": "/no/python"}, [], "pinsage embed: scripts: /no/python: cannot be started"),
            ({"PINSAGE_SCRIPTS": "/no/scripts"}, [], "pinsage embed: scripts: spark/embed.py: not found"),
            ({"JAVA_HOME": "/no/java"}, [], "pinsage embed: spark: java: expected Java"),
            ({}, ["--executable", "/no/pinsage", "--master", "local[1,1]"], "pinsage embed: spark: task failed: "),
        ]:
            with self.subTest(expected), self.assertRaises(AssertionError) as failure:
                self.embed("never", "--engine", "spark", "--spark-conf", "spark.ui.enabled=false", *words, **environment)
            self.assertIn(expected, str(failure.exception).strip().replace("\\n", "\n").splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
