#!/usr/bin/env python3
"""build_graph.py against `pinsage import`: the same edges, the same bytes. PINSAGE: the executable, .build/release/pinsage
unless set. One Spark session serves all tests, with files cut into small blocks and lists into small parts."""
import contextlib
import gzip
import io
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import build_graph  # noqa: E402

PINSAGE = os.environ.get("PINSAGE", str(HERE.parent.parent / ".build/release/pinsage"))
SMALL = {"spark.sql.files.maxPartitionBytes": 9000, "spark.sql.files.openCostInBytes": 1, "spark.ui.enabled": "false",
         "spark.ui.showConsoleProgress": "false"}


def edges(seed, pins=400, boards=90, count=3000):
    """Edges with repeats, ids of all kinds, and one pin on every board."""
    draw = random.Random(seed)
    names = ["", " ", "ü", "'\"", "日本", "\\", "x" * 40, "\u0001"]
    pin = lambda i: f"p{i}{names[i % len(names)]}"
    board = lambda i: f"board {i}{names[i % 5]}"
    drawn = [(pin(int(draw.random() ** 2 * pins)), board(int(draw.random() ** 2 * boards))) for _ in range(count)]
    full = [(pin(7), board(i)) for i in range(boards)]
    return drawn[: count // 2] + full + drawn[count // 2:] + drawn[:50]


class BuildGraph(unittest.TestCase):
    def setUp(self):
        self.enterContext(mock.patch.dict(os.environ, {"PYSPARK_PYTHON": sys.executable}))
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_spark(self, *arguments):
        """Exit code and standard error of build_graph.py."""
        settings = [word for key, value in SMALL.items() for word in ("--conf", f"{key}={value}")]
        argv = ["build_graph.py", "--master", "local[2]", "--out", str(self.folder / "spark"), *map(str, arguments), *settings]
        errors = io.StringIO()
        with mock.patch.object(sys, "argv", argv), contextlib.redirect_stderr(errors):
            try:
                build_graph.main()
            except SystemExit as end:
                return end.code, errors.getvalue()
        return 0, errors.getvalue()

    def assert_same(self, rows, *arguments, imported=()):
        """What `pinsage import` makes of the rows as TSV is what build_graph.py makes of its arguments."""
        plain = self.folder / "plain.tsv"
        plain.write_text("".join(f"{pin}\t{board}\n" for pin, board in rows))
        subprocess.run([PINSAGE, "import", "--edges", plain, "--out", self.folder / "import", *imported], check=True,
                       stderr=subprocess.DEVNULL)
        self.assertEqual(self.run_spark(*arguments)[0], 0)
        # The walk layout is derived: `pinsage layout` makes it of what Spark wrote.
        for file in sorted(path for path in (self.folder / "import").iterdir() if path.name != "walk_layout.npy"):
            self.assertEqual(file.read_bytes(), (self.folder / "spark" / file.name).read_bytes(), file.name)
        self.assertEqual(len(os.listdir(self.folder)), 3 + len(self.inputs), "something was left behind")

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.inputs.append(path)
        return path

    inputs = property(lambda self: self.__dict__.setdefault("written", []))

    def test_tsv_in_many_blocks_and_parts_with_projected_features(self):
        rows = edges(1, boards=700, count=6000)
        path = self.write("e.tsv", "".join(f"{pin}\t{board}\n" for pin, board in rows)[:-1])
        with mock.patch.multiple(build_graph, CELLS=64, BUCKET=256):
            self.assert_same(rows, "--edges", path, "--part-edges", 500, "--feature-width", 150, imported=["--feature-width", "150"])

    def test_parquet_files_count_in_the_order_of_their_names(self):
        rows = edges(2)
        for part, name in enumerate(["a.parquet", "b.parquet", "c d.parquet"]):
            pins, boards = zip(*rows[part * 1000:(part + 1) * 1000 if part < 2 else None])
            table = pa.table({"saved": [1] * len(pins), "board": boards, "pin": pins})
            sink = io.BytesIO()
            pq.write_table(table, sink, row_group_size=200)
            self.write(name, sink.getvalue())
        self.assert_same(rows, "--edges", self.folder / "*.parquet", "--columns", "pin", "board")

    def test_csv_and_given_pins_and_features(self):
        rows = edges(3)
        quoted = lambda text: '"' + text.replace('"', '""') + '"'
        path = self.write("e.csv", "pin,board\n" + "".join(f"{quoted(pin)},{quoted(board)}\n" for pin, board in rows))
        listed = ["alone", *sorted({pin for pin, _ in rows}, reverse=True), "alone too"]
        pins = self.write("pins.txt", "".join(f"{pin}\n" for pin in listed))
        features = np.asfortranarray(np.random.default_rng(3).standard_normal((len(listed), 9)).astype("f2"))
        sink = io.BytesIO()
        np.save(sink, features)
        given = ["--pins", pins, "--features", self.write("features.npy", sink.getvalue())]
        self.assert_same(rows, "--edges", path, *given, imported=given)

    def test_compressed_tsv(self):
        rows = edges(4, count=500)
        path = self.write("e.tsv.gz", gzip.compress("".join(f"{pin}\t{board}\n" for pin, board in rows).encode()))
        self.assert_same(rows, "--edges", path)

    def test_bad_input_is_one_line_that_names_its_place(self):
        good = "".join(f"{pin}\t{board}\n" for pin, board in edges(5))
        lines = good.count("\n")
        pins = self.write("pins.txt", "a\nb\na\n")
        other = self.write("other.txt", "a\n")
        for name, content, arguments, expected in [
            ("no-tab.tsv", good + "p1 b1\n", [], f"no-tab.tsv:{lines + 1}: no pin and board"),
            ("three.tsv", "a\tb\n" + "a\tb\tc\n", [], "three.tsv:2: no pin and board"),
            ("empty.tsv", "a\tb\n\na\tb\n", [], "empty.tsv:2: no pin and board"),
            ("windows.tsv", "a\tb\r\n", [], "windows.tsv:1: no pin and board"),
            ("latin.tsv", b"a\tb\n\xe9\tb\n", [], "latin.tsv:2: no pin and board"),
            ("nothing.tsv", "", [], "nothing.tsv: no edges"),
            ("twice.tsv", "a\tb\n", ["--pins", pins], "pins.txt:3: repeated id: expected each id once, found 'a'"),
            ("strange.tsv", "a\tb\nc\tb\nd\tb\n", ["--pins", other], "strange.tsv:2: unknown pin: expected an id listed in"),
            ("none.csv", "pin,board\na,\n", [], "none.csv:1: no pin and board"),
            ("column.csv", "pin,board\na,b\n", ["--columns", "pin", "list"], "columns: expected pin and list, found pin, board"),
            ("unnamed", "a\tb\n", [], "expected a name that ends in"),
        ]:
            with self.subTest(name):
                code, errors = self.run_spark("--edges", self.write(name, content), *arguments)
                self.assertEqual(code, 1)
                found = errors.splitlines()[-1]
                self.assertTrue(found.startswith("build_graph: ") and expected in found, found)
                self.assertFalse([path for path in os.listdir(self.folder) if path.startswith("spark")])
        code, errors = self.run_spark("--edges", self.folder / "missing.tsv")
        self.assertTrue(code == 1 and "PATH_NOT_FOUND" in errors.splitlines()[-1], errors)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = f"{HERE}:{os.environ.get('PYTHONPATH', '')}"
    unittest.main()
