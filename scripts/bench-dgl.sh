#!/bin/sh
# Walks, and sampling and training together, beside DGL and PyTorch, which want older versions than the kernels' peers:
# a virtual environment of their own. PEERS_DGL_PYTHON: a Python (3.8 to 3.12) that has the libraries already. ROUNDS: 3
# unless set. SECONDS_EACH: of each reading of DGL, 20 unless set. PINSAGE_DATA adds citeulike-t; GRAPHS: graph folders,
# NAME=FOLDER, in place of the generated one. Prints Markdown.
set -eu
peers=$(dirname "$0")/peers
python=${PEERS_DGL_PYTHON:-.venv-peers-dgl/bin/python}
if [ -z "${PEERS_DGL_PYTHON:-}" ] && ! "$python" -c 'import torch, dgl' 2>/dev/null; then
    python3 -m venv .venv-peers-dgl
    "$python" -m pip install --quiet --requirement "$peers/requirements-dgl.txt" >&2
fi
swift build -c release >&2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
graphs=${GRAPHS:-}
if [ -z "$graphs" ]; then
    .build/release/pinsage generate --pins 5000000 --boards 2000000 --edges 60000000 --topics 5000 --feature-width 64 \
        --out "$folder/generated" >&2
    graphs="generated=$folder/generated"
fi
if [ -n "${PINSAGE_DATA:-}" ]; then
    set="$PINSAGE_DATA/citeulike-t"
    .build/release/pinsage import --edges "$set/edges.tsv" --pins "$set/pins.txt" --features "$set/features.npy" \
        --out "$folder/citeulike" >&2
    graphs="citeulike-t=$folder/citeulike $graphs"
fi
printf '# The pipeline beside DGL and PyTorch\n\n`PART=dgl make bench-peers`, %s, revision %s.\n\n' \
    "$(date -u +%Y-%m-%d)" "$(git rev-parse --short HEAD)"
# Folders' names are this script's own, or given without spaces.
"$python" "$peers/pipelines.py" "${ROUNDS:-3}" $graphs
