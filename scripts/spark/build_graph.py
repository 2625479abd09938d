#!/usr/bin/env python3
"""Makes a graph directory (docs/FORMATS.md) of pin-board pairs with Spark: the bytes that `pinsage import` writes from
the same edges in the same order.

  build_graph.py --edges PATH … --out graph [--pins pins.txt [--features features.npy]] [--master local[2]]

PATH is a file, folder or pattern of Parquet, CSV or TSV, as Spark reads it; --format where the name does not tell. Rows
count in the order of the files' paths. No edge passes through the driver: it plans, and joins finished parts to files.
--out must be one folder for the driver and every executor. Exit codes: 0 done, 1 bad input (one line), 2 usage."""
import argparse
import bisect
import json
import os
import shutil
import sys
import urllib.parse
import uuid

import numpy as np
import pyarrow as pa
import xxhash
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

FILES = ["pin_offsets.npy", "pin_boards.npy", "board_offsets.npy", "board_pins.npy", "features.npy", "pins.txt", "boards.txt"]
CELLS = 1 << 16  # most cells of rows that the driver counts edges of
SHUFFLE_ROWS = 1 << 22  # rows of a task behind a shuffle, about
BUCKET = 1 << 22  # first appearances that are ranked by one task
ROWS_MAX = (1 << 32) - 1


class BadInput(Exception):
    """What is wrong with the input, in one line."""


# --- Tables: numbered rows ---------------------------------------------------------------------------------------------


def read(spark, args, paths, form):
    """Raw rows with their place: file, block of the file, and a number that grows within a block."""
    if form == "parquet":
        frame = spark.read.parquet(*paths)
    elif form == "csv":
        frame = spark.read.option("header", args.header).option("escape", '"').csv(paths)
    else:
        frame = spark.read.option("lineSep", "\n").text(paths)
    place = [F.col("_metadata.file_path").alias("file"), F.col("_metadata.file_block_start").alias("block")]
    return frame.select(*id_columns(args, frame, form), *place, F.monotonically_increasing_id().alias("at"))


def id_columns(args, frame, form):
    """`pin` and `board` (of pins.txt `pin` alone), and `bad`: no edge can be made of the row."""
    if form in ("parquet", "csv"):
        names = args.columns or frame.columns[:2]
        if len(names) != 2 or not set(names) <= set(frame.columns):
            raise BadInput(f"{args.edges[0]}: columns: expected {' and '.join(names)}, found {', '.join(frame.columns)}")
        pin, board = (F.col(f"`{name}`").cast("string") for name in names)
        bad = unusable(pin) | unusable(board) | broken(pin) | broken(board)
    elif form == "tsv":
        cells = F.split("value", "\t", -1)
        pin, board = cells[0], cells[1]
        bad = (F.size(cells) != 2) | unusable(pin) | unusable(board) | broken(F.col("value"))  # `split` repairs
    else:
        pin = F.col("value")
        return [pin.alias("pin"), (unusable(pin) | broken(pin)).alias("bad")]
    return [pin.alias("pin"), board.alias("board"), F.coalesce(bad, F.lit(True)).alias("bad")]


def unusable(text):
    """Whether a text cannot be an id: empty, or with a tab, line feed, zero byte or the end of a Windows line."""
    return (text == "") | text.rlike(r"[\t\n\x00]") | text.endswith("\r")


def broken(text):
    """Whether a text is no UTF-8."""
    raw = text.cast("binary")
    return F.encode(F.decode(raw, "UTF-8"), "UTF-8") != raw


class Lines:
    """Rows of all files with `line`, their place among all of them, from 0; and the way back to a file's line."""

    def __init__(self, frame):
        blocks = frame.groupBy("file", "block").agg(
            F.count("*").alias("rows"), F.min("at").alias("first"), F.min(F.when(F.col("bad"), F.col("at"))).alias("wrong"))
        blocks = sorted(blocks.collect(), key=lambda b: (path_of(b["file"]).encode(), b["block"]))
        self.starts, self.blocks, shifts, start = [], blocks, [], 0
        for block in blocks:
            self.starts.append(start)
            shifts.append((block["file"], block["block"], start - block["first"]))
            start += block["rows"]
        self.count = start
        wrong = next((s + b["wrong"] - b["first"] for s, b in zip(self.starts, blocks) if b["wrong"] is not None), None)
        if not shifts:
            return
        shift = frame.sparkSession.createDataFrame(shifts, "file string, block long, shift long")
        self.frame = frame.join(F.broadcast(shift), ["file", "block"]).withColumn("line", F.col("at") + F.col("shift"))
        self.frame = self.frame.drop("file", "block", "at", "shift")
        if wrong is not None:
            row = self.frame.where(F.col("line") == wrong).drop("bad", "line").first()
            raise BadInput(f"{self.place(wrong)}: no {' and '.join(row.asDict())}: expected ids in UTF-8 without tab, line feed "
                           f"or zero byte, found {', '.join(ascii(v) for v in row)}. Repair the row")

    def place(self, line):
        """`file:line`, the first line of a file being 1."""
        at = bisect.bisect_right(self.starts, line) - 1
        first = next(s for s, b in zip(self.starts, self.blocks) if b["file"] == self.blocks[at]["file"])
        return f"{path_of(self.blocks[at]['file'])}:{line - first + 1}"


def path_of(uri):
    return urllib.parse.unquote(uri).removeprefix("file://")


def by_first_appearance(frame, column, scratch):
    """Every id of a column with its row: 0 for the one that appears first."""
    bucket = F.expr(f"line div {BUCKET}")
    rank = F.row_number().over(Window.partitionBy("bucket").orderBy("line")) - 1
    first = frame.groupBy(F.col(column).alias("id")).agg(F.min("line").alias("line")).withColumn("bucket", bucket)
    ranked = stored(first.withColumn("rank", rank).select("id", "bucket", "rank"), f"{scratch}/{column}-ids")
    starts, start = [], 0
    for number, count in sorted(map(tuple, ranked.groupBy("bucket").count().collect())):
        starts.append((number, start))
        start += count
    starts = frame.sparkSession.createDataFrame(starts, "bucket long, start long")
    return ranked.join(F.broadcast(starts), "bucket").select("id", (F.col("start") + F.col("rank")).alias("row")), start


def as_listed(spark, args, scratch):
    """The ids of pins.txt with their rows."""
    lines = Lines(read(spark, args, [args.pins], "pins"))
    if lines.count == 0:
        return spark.createDataFrame([], "id string, row long"), 0
    table = stored(lines.frame.select(F.col("pin").alias("id"), F.col("line").alias("row")), f"{scratch}/pin-ids")
    twice = table.groupBy("id").agg(F.count("*").alias("n"), F.max("row").alias("row")).where("n > 1")
    found = twice.orderBy("row").first()
    if found:
        raise BadInput(f"{lines.place(found['row'])}: repeated id: expected each id once, found {ascii(found['id'])} again. Remove one")
    return table, lines.count


def stored(frame, path):
    """The same rows, computed once: a table on disk in place of the way there."""
    frame.write.parquet(path)
    return frame.sparkSession.read.parquet(path)


# --- Parts: files that tasks write ----------------------------------------------------------------------------------


class Parts:
    """Rows 0 … count - 1 cut into parts of whole cells of 2^shift rows: part n holds [starts[n], starts[n + 1])."""

    def __init__(self, count, sizes, target):
        """`sizes(shift)` gives (cell, what lies in it); a part ends before it would hold more than `target`."""
        self.count = count
        self.shift = max(0, (max(count, 1) - 1).bit_length() - CELLS.bit_length() + 1)
        self.cells, self.starts, held = [], [0], 0
        for cell, size in sorted(sizes(self.shift)):
            if held and held + size > target:
                self.starts.append(cell << self.shift)
                held = 0
            held += size
            self.cells.append((cell, len(self.starts) - 1))

    def __len__(self):
        return len(self.starts)

    def rows(self, part):
        return self.starts[part], self.starts[part + 1] if part + 1 < len(self) else self.count

    def write(self, frame, row, more, prefix, writer):
        """A task for each part: its rows in order go to the files of a writer, which take their names at the end."""
        cells = frame.sparkSession.createDataFrame(self.cells, "cell long, part long")
        keyed = frame.withColumn("cell", F.shiftright(row, self.shift)).join(F.broadcast(cells), "cell")
        keyed = keyed.select("part", row, more).repartition(len(self), "part").sortWithinPartitions("part", row, more)
        ranges = [self.rows(part) for part in range(len(self))]

        def run(batches):
            number, open_part = None, None
            for part, rows, values in pieces(batches):
                if part != number:
                    if open_part:
                        open_part.close()
                    number, open_part = part, writer(f"{prefix}.{part}", *ranges[part])
                open_part.add(rows, values)
            if open_part:
                open_part.close()
            yield pa.RecordBatch.from_pydict({"done": pa.array([], pa.int64())})

        keyed.mapInArrow(run, "done long").collect()
        return self


def pieces(batches):
    """(part, rows, values): every batch cut where its first column changes."""
    for batch in batches:
        part, rows = batch.column(0).to_numpy(), batch.column(1).to_numpy()
        cuts = [0, *(np.flatnonzero(np.diff(part)) + 1), len(part)]
        for begin, end in zip(cuts, cuts[1:]):
            if end > begin:
                yield int(part[begin]), rows[begin:end], batch.column(2).slice(begin, end - begin)


class PartFile:
    """A file that appears whole; until then its name differs even among attempts at one task."""

    def __init__(self, path):
        self.path, self.file = path, open(f"{path}.tmp-{uuid.uuid4().hex}", "wb")

    def write(self, data):
        self.file.write(data)

    def close(self):
        self.file.close()
        os.replace(self.file.name, self.path)


class ListsWriter:
    """Entries of the lists of some rows, uint32, and the lists' lengths, int64."""

    def __init__(self, prefix, first, end):
        self.first, self.lengths = first, np.zeros(end - first, "<i8")
        self.entries, self.prefix = PartFile(f"{prefix}.entries"), prefix

    def add(self, rows, values):
        self.entries.write(values.to_numpy().astype("<u4"))
        counts = np.bincount(rows - rows[0])
        self.lengths[rows[0] - self.first:rows[-1] - self.first + 1] += counts

    def close(self):
        self.entries.close()
        lengths = PartFile(f"{self.prefix}.lengths")
        lengths.write(self.lengths)
        lengths.close()


class LinesWriter:
    """Texts, one a line."""

    def __init__(self, prefix, first, end):
        self.lines = PartFile(f"{prefix}.lines")

    def add(self, rows, values):
        self.lines.write("".join(f"{text}\n" for text in values.to_pylist()).encode())

    def close(self):
        self.lines.close()


# --- Files of the graph, made of parts by the driver ----------------------------------------------------------------


class Output:
    """A file of the graph and its checksum; `shape` and `kind` make it a .npy."""

    def __init__(self, folder, name, kind=None, shape=None):
        self.file, self.hash, self.bytes = open(f"{folder}/{name}", "wb"), xxhash.xxh64(), 0
        if kind:
            text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
            length = -(-(10 + len(text) + 1) // 64) * 64 - 10
            self.write(b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + text.ljust(length - 1).encode() + b"\n")

    def write(self, data):
        self.file.write(data)
        self.hash.update(data)
        self.bytes += memoryview(data).nbytes

    def take(self, path):
        """Appends a part, and removes it; of a part without any rows there is no file."""
        if not os.path.exists(path):
            return
        with open(path, "rb") as part:
            while data := part.read(1 << 24):
                self.write(data)
        os.remove(path)

    def close(self):
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        return {"bytes": self.bytes, "xxh64": self.hash.hexdigest()}


def lists(edges, row, column, count, edge_count, folder, target):
    """Writes offsets and entries of one direction of the graph."""
    sizes = lambda shift: map(tuple, edges.groupBy(F.shiftright(row, shift)).count().collect())
    prefix = f"{folder}/parts/{row}"
    parts = Parts(count, sizes, target).write(edges, row, column, prefix, ListsWriter)
    offsets = Output(folder, f"{row}_offsets.npy", "<i8", (count + 1,))
    entries = Output(folder, f"{row}_{column}s.npy", "<u4", (edge_count,))
    offsets.write(np.zeros(1, "<i8"))
    end = empty = 0
    for part in range(len(parts)):
        entries.take(f"{prefix}.{part}.entries")
        lengths = np.fromfile(f"{prefix}.{part}.lengths", "<i8")
        offsets.write(end + np.cumsum(lengths))
        end, empty = end + int(lengths.sum()), empty + int((lengths == 0).sum())
    return parts, empty, {f"{row}_offsets.npy": offsets.close(), f"{row}_{column}s.npy": entries.close()}


def ids(table, count, name, folder):
    """Writes all ids in the order of their rows."""
    width = lambda shift: [(cell, 1 << shift) for cell in range(-(-count >> shift))]
    prefix = f"{folder}/parts/{name}"
    parts = Parts(count, width, BUCKET).write(table, "row", "id", prefix, LinesWriter)
    output = Output(folder, f"{name}.txt")
    for part in range(len(parts)):
        output.take(f"{prefix}.{part}.lines")
    return {f"{name}.txt": output.close()}


# --- Features -------------------------------------------------------------------------------------------------------


def given_features(args, pin_count, folder):
    """Copies the user's table in C order, every number looked at."""
    try:
        table = np.load(args.features, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise BadInput(f"{args.features}: features: expected a .npy of rows, found: {error}. Name another file") from None
    if table.ndim != 2 or table.dtype.str not in ("<f4", "<f2") or len(table) != pin_count or table.shape[1] == 0:
        raise BadInput(f"{args.features}: features: expected {pin_count} rows of float32 or float16, one for each line of "
                       f"{args.pins}, found {table.dtype} {table.shape}. Give each pin one row")
    output = Output(folder, "features.npy", table.dtype.str, table.shape)
    for first in range(0, pin_count, 1 << 14):
        rows = np.ascontiguousarray(table[first:first + (1 << 14)])
        if not np.isfinite(rows).all():
            row = first + int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
            raise BadInput(f"{args.features}: row {row}: expected finite numbers, found others. Repair the values")
        output.write(rows)
    return table.shape[1], {"features.npy": output.close()}


def projected_features(spark, parts, pin_count, width, folder):
    """Makes features of the graph alone, as `pinsage import` does: sums of the boards' random signs, bit for bit."""
    ranges, prefix = [parts.rows(part) for part in range(len(parts))], f"{folder}/parts/features"

    def run(part):
        output = PartFile(f"{prefix}.{part}")
        offsets, boards, board_offsets = (
            np.load(f"{folder}/{name}.npy", mmap_mode="r") for name in ("pin_offsets", "pin_boards", "board_offsets"))
        first, end = ranges[part]
        while first < end:
            last = max(first + 1, np.searchsorted(offsets[first:end + 1], offsets[first] + (1 << 16), "right") - 1 + first)
            some = boards[offsets[first]:offsets[last]]
            weight = np.float32(1) / np.sqrt((board_offsets[some.astype("i8") + 1] - board_offsets[some]).astype("f4"))
            output.write(unit(row_sums(signs(some, width) * weight[:, None], np.diff(offsets[first:last + 1]))))
            first = last
        output.close()

    spark.sparkContext.parallelize(range(len(parts)), len(parts)).foreach(run)
    output = Output(folder, "features.npy", "<f4", (pin_count, width))
    for part in range(len(parts)):
        output.take(f"{prefix}.{part}")
    return width, {"features.npy": output.close()}


def row_sums(terms, lengths):
    """Sums of consecutive terms, each in float32 and from the first to the last."""
    sums, starts = np.zeros((len(lengths), terms.shape[1]), "f4"), np.cumsum(lengths) - lengths
    longest = min(int(lengths.max(initial=0)), 256)
    for step in range(longest):
        rows = np.flatnonzero(lengths > step)
        sums[rows] += terms[starts[rows] + step]
    for row in np.flatnonzero(lengths > longest):
        rest = terms[starts[row] + longest:starts[row] + lengths[row]]
        sums[row] = np.add.accumulate(np.concatenate([sums[row:row + 1], rest]), axis=0)[-1]
    return sums


def unit(rows):
    """Rows of length 1; zeros stay."""
    squares = np.add.accumulate(rows.astype("f8") ** 2, axis=1)[:, -1:]
    with np.errstate(divide="ignore"):
        scale = np.where(squares > 0, 1 / np.sqrt(squares), 1).astype("f4")
    return rows * scale


def signs(boards, width):
    """1 or -1, (boards × width): bits of Philox4x32-10 keyed by seed 0, purpose 7 and the board."""
    key = mix(mix(7))
    words = []
    for block in range(-(-width // 128)):
        low = np.uint64(0xFFFFFFFF)
        c = [np.full(len(boards), block, "u8"), boards.astype("u8"), np.zeros(len(boards), "u8"), np.zeros(len(boards), "u8")]
        k = [key & 0xFFFFFFFF, key >> 32]
        for _ in range(10):
            p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
            c = [p1 >> np.uint64(32) ^ c[1] ^ np.uint64(k[0]), p1 & low, p0 >> np.uint64(32) ^ c[3] ^ np.uint64(k[1]), p0 & low]
            k = [k[0] + 0x9E3779B9 & 0xFFFFFFFF, k[1] + 0xBB67AE85 & 0xFFFFFFFF]
        words += c
    bits = np.unpackbits(np.stack(words, 1).astype("<u4").view("u1"), axis=1, bitorder="little")[:, :width]
    return (1 - 2 * bits.astype("i1")).astype("f4")


def mix(value):
    """SplitMix64's finaliser."""
    mask = (1 << 64) - 1
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
    value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
    return value ^ value >> 31


# --- The command ----------------------------------------------------------------------------------------------------


def build(spark, args, folder):
    """Fills `folder`; returns what was made."""
    scratch = args.scratch or f"file://{folder}/scratch"
    lines = Lines(read(spark, args, args.edges, form_of(args)))
    if lines.count == 0:
        raise BadInput(f"{args.edges[0]}: no edges: expected rows of pin and board, found none. Name the files of edges")
    cores = spark.sparkContext.defaultParallelism
    spark.conf.set("spark.sql.shuffle.partitions", max(2 * cores, lines.count // SHUFFLE_ROWS))
    if args.pins:
        pins, pin_count = as_listed(spark, args, scratch)
    else:
        pins, pin_count = by_first_appearance(lines.frame, "pin", scratch)
    boards, board_count = by_first_appearance(lines.frame, "board", scratch)
    for name, count in ("pins", pin_count), ("boards", board_count):
        if count > ROWS_MAX:
            raise BadInput(f"{args.edges[0]}: too many {name}: expected at most {ROWS_MAX}, found {count}. Take a part of them")
    edges = numbered(lines, pins, boards, args, scratch)
    edge_count = edges.count()
    os.mkdir(f"{folder}/parts")
    pin_parts, empty, files = lists(edges, "pin", "board", pin_count, edge_count, folder, args.part_edges)
    files |= lists(edges, "board", "pin", board_count, edge_count, folder, args.part_edges)[2]
    files |= ids(pins, pin_count, "pins", folder) | ids(boards, board_count, "boards", folder)
    if args.features:
        width, features = given_features(args, pin_count, folder)
    else:
        width, features = projected_features(spark, pin_parts, pin_count, args.feature_width, folder)
    counts = {"pins": pin_count, "boards": board_count, "edges": edge_count}
    fingerprint = write_manifest(folder, files | features, counts, width, "given" if args.features else "projected")
    shutil.rmtree(f"{folder}/parts")
    shutil.rmtree(f"{folder}/scratch", ignore_errors=True)
    return counts | {"repeats": lines.count - edge_count, "pins_without_boards": empty, "feature_width": width,
                     "fingerprint": fingerprint}


def numbered(lines, pins, boards, args, scratch):
    """Every edge once, as the rows of its pin and its board."""
    row_of = lambda table, name: table.select(F.col("id").alias(name), F.col("row").alias(f"{name}_row"))
    edges = lines.frame.join(row_of(boards, "board"), "board").join(row_of(pins, "pin"), "pin", "left")
    edges = edges.select(F.col("pin_row").alias("pin"), F.col("board_row").alias("board")).distinct()
    edges = stored(edges, f"{scratch}/edges")
    if args.pins and edges.where("pin is null").limit(1).count():
        strange = lines.frame.join(row_of(pins, "pin"), "pin", "left_anti").orderBy("line").first()
        raise BadInput(f"{lines.place(strange['line'])}: unknown pin: expected an id listed in {args.pins}, found "
                       f"{ascii(strange['pin'])}. Add it there or drop the edge")
    return edges


def write_manifest(folder, files, counts, width, source):
    text = "".join(f"{name} {files[name]['xxh64']}\n" for name in sorted(files))
    manifest = {"format_version": 1, "kind": "graph", "counts": counts, "feature_width": width, "files": files,
                "fingerprint": xxhash.xxh64_hexdigest(text.encode()), "extra": {"features": source}}
    with open(f"{folder}/manifest.json", "w") as file:
        file.write(json.dumps(manifest, indent=2, sort_keys=True, separators=(",", " : ")) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return manifest["fingerprint"]


def form_of(args):
    """parquet, csv or tsv: as told, or by the name of the first file."""
    if args.format:
        return args.format
    name = args.edges[0].removesuffix(".gz").rstrip("*")
    form = next((form for form in ("parquet", "csv", "tsv") if name.rstrip("/").endswith(f".{form}")), None)
    if not form:
        raise BadInput(f"{args.edges[0]}: format: expected a name that ends in .parquet, .csv or .tsv, found another. "
                       "Say --format")
    return form


def session(args):
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("pinsage build_graph").config("spark.sql.execution.arrow.maxRecordsPerBatch", 65536)
    if args.master:
        builder = builder.master(args.master)
    for setting in args.conf:
        builder = builder.config(*setting.split("=", 1))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    # Files are read twice, and must be cut at the same places although executors may come and go.
    cores = spark.sparkContext.defaultParallelism
    spark.conf.set("spark.sql.files.minPartitionNum", cores)
    spark.conf.set("spark.sql.shuffle.partitions", 2 * cores)
    return spark


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", nargs="+", required=True, help="files, folders or patterns of pin and board")
    parser.add_argument("--format", choices=["parquet", "csv", "tsv"])
    parser.add_argument("--columns", nargs=2, metavar=("PIN", "BOARD"), help="of Parquet or CSV (default: the first two)")
    parser.add_argument("--header", choices=["true", "false"], default="true", help="whether CSV has names in its first line")
    parser.add_argument("--pins", help="all pins, one id a line; pins without edges are kept")
    parser.add_argument("--features", help=".npy, float32 or float16, one row for each line of --pins")
    parser.add_argument("--feature-width", type=int, default=64, help="of features made from the boards, 1 … 4096")
    parser.add_argument("--out", required=True, help="graph directory to write, missing or empty")
    parser.add_argument("--scratch", help="URI of a folder for Spark's tables in between (default: beside --out)")
    parser.add_argument("--part-edges", type=int, default=1 << 25, help="edges that one task sorts and writes")
    parser.add_argument("--master", help="Spark master URL, as local[2] (default: that of spark-submit)")
    parser.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", help="a setting of Spark")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object on stdout")
    args = parser.parse_args()
    if args.features and not args.pins:
        parser.error("--features needs --pins: its rows are the lines of that file")
    if not 1 <= args.feature_width <= 4096 or args.part_edges < 1:
        parser.error("--feature-width: expected 1 … 4096; --part-edges: expected 1 or more")
    return args


def main():
    args = arguments()
    out = os.path.abspath(args.out)
    folder = f"{out}.tmp-{os.getpid()}"
    try:
        if os.path.exists(out) and (not os.path.isdir(out) or os.listdir(out)):
            raise BadInput(f"{args.out}: output folder in use: expected no folder or an empty one, found another. Name another")
        form_of(args)
        os.makedirs(folder)
        result = build(session(args), args, folder)
        os.rename(folder, out)
    except (BadInput, AnalysisException, OSError) as error:
        message = str(error).split("\n")[0].removesuffix(".")
        print(f"build_graph: {message}.", file=sys.stderr)
        sys.exit(1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{args.out}: {result['pins']} pins ({result['pins_without_boards']} without boards), {result['boards']} boards, "
          f"{result['edges']} edges ({result['repeats']} repeats dropped), features {result['feature_width']} wide, "
          f"fingerprint {result['fingerprint']}", file=sys.stderr)
    if args.json:
        print(json.dumps(result, sort_keys=True, separators=(",", ":")))


if __name__ == "__main__":
    main()
