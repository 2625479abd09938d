#!/usr/bin/env python3
"""Embeds every pin on Spark. `pinsage embed --engine spark` runs it; docs/DISTRIBUTED.md explains it.

One Spark job a stage, one task a shard. A task runs the executable on its shard, which commits by rename and does nothing
where the shard is finished: tasks may be killed, tried again and run twice. With --blocks there is no work folder that all
nodes see: the files that a task reads come to it through Spark's shuffle, and what it writes goes on that way."""
import argparse
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile


def fail(message):
    print(f"pinsage embed: spark: {message}", file=sys.stderr)
    sys.exit(1)


STAGES = [("neighbors", None), ("map", 1), ("reduce", 1), ("map", 2), ("reduce", 2)]
PINS_PER_TASK = 1 << 18


class Tasks:
    """How a task runs the executable; goes to the executors with every job."""

    def __init__(self, args, shards):
        self.executable, self.graph, self.checkpoint = args.executable, args.graph, args.checkpoint
        self.threads, self.precision, self.blocks, self.shards = args.threads, args.precision, args.blocks, shards
        self.environment = {name: os.environ[name] for name in ("PINSAGE_INSTRUCTION_SET",) if name in os.environ}

    def run(self, command, layer, shard, work):
        """One task of a stage, in a work folder. Its last words are the error's."""
        words = [self.executable, command, "--checkpoint", self.checkpoint, "--threads", self.threads,
                 "--shard", f"{shard}/{self.shards}"]
        if command == "neighbors":
            words += [self.graph, "--all", "--out", work] + ["--needs"] * self.blocks
        else:
            words += ["--graph", self.graph, "--work", work, "--layer", layer] + ["--blocks"] * self.blocks
        if command == "reduce":
            words += ["--precision", self.precision]
        try:
            done = subprocess.run([str(word) for word in words], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                  env=os.environ | self.environment, preexec_fn=end_with_parent)
        except OSError as error:
            raise RuntimeError(f"TASK {command} {shard}/{self.shards}: {error}") from None
        if done.returncode != 0:
            last = done.stderr.decode(errors="replace").strip().split("\n")[-1]
            raise RuntimeError(f"TASK {command} {shard}/{self.shards} ended with {done.returncode}: {last}")

    def with_files(self, command, layer, shard, files):
        """The same with files that came through the shuffle, in a folder of its own; yields (reader, (path, bytes))."""
        with tempfile.TemporaryDirectory(prefix="pinsage-") as work:
            for _, (path, data) in files:
                target = pathlib.Path(work, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            self.run(command, layer, shard, work)
            place = f"{shard:05}-of-{self.shards:05}"
            made = {"neighbors": ["neighborhoods", "needs"], "map": [f"blocks-{layer}"],
                    "reduce": ["hidden-1" if layer == 1 else "embeddings"]}[command]
            for stage in made:
                manifest = pathlib.Path(work, stage, place, "manifest.json").read_bytes()
                for name in json.loads(manifest)["files"]:
                    path = f"{stage}/{place}/{name}"
                    reader = re.fullmatch(r"(?:of|to)-(\d+)\.npy", name)
                    reader = int(reader[1]) if reader else shard
                    yield reader, (path, pathlib.Path(work, path).read_bytes())
                    yield reader, (f"{stage}/{place}/manifest.json", manifest)


def end_with_parent():
    """A task that Spark kills takes its process along."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def on_shared_folder(spark, tasks, args):
    """All stages in a work folder that every node sees."""
    for command, layer in STAGES:
        say(command, layer, tasks)
        numbers = spark.sparkContext.parallelize(range(tasks.shards), tasks.shards)
        numbers.foreach(lambda shard, command=command, layer=layer: tasks.run(command, layer, shard, args.work))


def through_shuffle(spark, tasks, args):
    """All stages in folders of the tasks' own; embeddings, and with --keep-neighbors the lists, come to the driver."""
    count = tasks.shards

    def stage(command, layer, files):
        say(command, layer, tasks)
        to_reader = files.partitionBy(count, int)
        made = to_reader.mapPartitionsWithIndex(lambda shard, rows: tasks.with_files(command, layer, shard, rows))
        made = made.persist(StorageLevel.DISK_ONLY)
        made.count()
        return made

    of = lambda files, name: files.filter(lambda row: row[1][0].startswith(name + "/"))
    numbers = spark.sparkContext.parallelize([], count)
    lists = stage("neighbors", None, numbers)
    neighborhoods, needs = of(lists, "neighborhoods"), of(lists, "needs")
    blocks = stage("map", 1, needs)
    hidden = stage("reduce", 1, neighborhoods.union(blocks))
    blocks.unpersist()
    blocks = stage("map", 2, needs.union(hidden))
    result = stage("reduce", 2, neighborhoods.union(hidden).union(blocks))
    for files in [result] + [neighborhoods] * args.keep_neighbors:
        for _, (path, data) in files.toLocalIterator():
            target = pathlib.Path(args.work, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def say(command, layer, tasks):
    print(f"embed: {command}{f' of layer {layer}' if layer else ''}: {tasks.shards} tasks", file=sys.stderr)


def session(args):
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("pinsage embed")
    if args.master:
        # Plain local masters never try a task again.
        builder = builder.master(re.sub(r"^local\[(\d+|\*)\]$", r"local[\1,4]", args.master))
    for setting in args.conf:
        builder = builder.config(*setting.split("=", 1))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def run(args):
    java = os.path.join(os.environ["JAVA_HOME"], "bin/java") if "JAVA_HOME" in os.environ else "java"
    if not shutil.which(java):
        fail(f"java: expected Java 8, 11 or 17, found no {java}. Install openjdk-17-jre-headless or set JAVA_HOME")
    refuse_other_folder(args.out)
    pins = json.load(open(f"{args.graph}/manifest.json"))["counts"]["pins"]
    spark = session(args)
    shards = args.shards or max(2 * spark.sparkContext.defaultParallelism, -(-pins // PINS_PER_TASK))
    tasks = Tasks(args, shards)
    try:
        signal.signal(signal.SIGTERM, interrupt)
        (through_shuffle if args.blocks else on_shared_folder)(spark, tasks, args)
    except KeyboardInterrupt:
        kept = "nothing was written" if args.blocks else f"finished shards stay in {args.work}"
        print(f"pinsage embed: stopped, {kept}. Start again.", file=sys.stderr)
        sys.exit(3)
    except Exception as error:
        told = re.findall(r"RuntimeError: TASK (.*)", str(error))
        fail(f"task failed: {told[0]}" if told else f"{type(error).__name__}: {str(error).splitlines()[0]}")
    finally:
        spark.stop()
    # Every shard is there: this reads their checksums and joins them.
    words = ["embed", "--checkpoint", args.checkpoint, "--graph", args.graph, "--work", args.work, "--shards", shards,
             "--precision", args.precision, "--out", args.out] + ["--keep-neighbors"] * args.keep_neighbors
    sys.exit(subprocess.run([args.local_executable] + [str(word) for word in words]).returncode)


def interrupt(*_):
    raise KeyboardInterrupt


def refuse_other_folder(out):
    """Found before the work, not after it."""
    try:
        ours = not os.path.exists(out) or not os.listdir(out) or json.load(open(f"{out}/manifest.json"))["kind"] == "embeddings"
    except (OSError, ValueError, KeyError):
        ours = False
    if not ours:
        fail(f"{out}: output folder in use: expected none, an empty one or embeddings, found another. Name another folder.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in "checkpoint", "graph", "out", "local-executable":
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--work", help="default: OUT.work")
    parser.add_argument("--executable", help="where nodes find pinsage (default: that of the driver)")
    parser.add_argument("--shards", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--keep-neighbors", action="store_true")
    parser.add_argument("--blocks", action="store_true")
    parser.add_argument("--master")
    parser.add_argument("--conf", action="append", default=[])
    args = parser.parse_args()
    args.work = args.work or os.path.abspath(args.out) + ".work"
    args.executable = args.executable or args.local_executable
    for name in "checkpoint", "graph", "out", "work":
        setattr(args, name, os.path.abspath(getattr(args, name)))
    run(args)


try:
    from pyspark import StorageLevel
    from pyspark.sql import SparkSession
except ImportError:
    fail("pyspark: expected it in this Python, found none. Type: make spark")

if __name__ == "__main__":
    main()
