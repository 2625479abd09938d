#!/usr/bin/env python3
"""export_parquet.py --embeddings DIR --out F.parquet: columns pin (string), embedding (fixed-size list of float) and,
with a popularity prior, bias (float). `pinsage export --format parquet` runs it. Needs numpy and pyarrow."""
import argparse
import json
import os
import sys


def fail(message):
    print(f"pinsage export: {message}", file=sys.stderr)
    sys.exit(1)


try:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    fail(f"python: {error.name}: expected numpy and pyarrow, found none. Type: pip install numpy pyarrow, or set PINSAGE_PYTHON.")

ROWS = 1 << 16  # of a row group


def export(folder, path):
    try:
        manifest = json.load(open(f"{folder}/manifest.json"))
    except (OSError, ValueError) as error:
        fail(f"{folder}: no embeddings: expected a folder with manifest.json, found: {error}. Make it with `pinsage embed`.")
    if manifest.get("kind") != "embeddings":
        fail(f"{folder}: no embeddings: expected kind 'embeddings', found {manifest.get('kind')!r}. Name another folder.")
    vectors = np.load(f"{folder}/embeddings.npy", mmap_mode="r")
    bias = np.load(f"{folder}/bias.npy", mmap_mode="r") if "bias.npy" in manifest["files"] else None
    kind = pa.float32() if vectors.dtype == np.float32 else pa.float16()
    fields = [("pin", pa.string()), ("embedding", pa.list_(kind, vectors.shape[1]))] + [("bias", pa.float32())] * (bias is not None)
    schema = pa.schema(fields, metadata={key: str(value) for key, value in manifest["extra"].items()})
    temporary = f"{path}.tmp-{os.getpid()}"
    try:
        with open(f"{folder}/pins.txt", encoding="utf-8", newline="\n") as ids, pq.ParquetWriter(temporary, schema) as writer:
            for start in range(0, len(vectors), ROWS):
                rows = np.ascontiguousarray(vectors[start:start + ROWS])
                columns = [pa.array([ids.readline()[:-1] for _ in rows]), pa.FixedSizeListArray.from_arrays(rows.ravel(), rows.shape[1])]
                if bias is not None:
                    columns.append(pa.array(bias[start:start + ROWS]))
                writer.write_table(pa.table(columns, schema=schema))
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        fail(f"{path}: cannot be written: expected room and a folder, found: {error}. Name another file.")
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
    print(f"{path}: {len(vectors)} pins", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", required=True)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    export(arguments.embeddings, arguments.out)
