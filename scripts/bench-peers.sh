#!/bin/sh
# Times kernels, the whole step and embedding all pins beside PyTorch and NumPy, in a virtual environment of their own;
# then the pipeline beside DGL (bench-dgl.sh). PART: arithmetic, embed (the last of its sections) or dgl alone.
# PEERS_PYTHON: a Python that has the libraries already. ROUNDS: 5 unless set. EMBED_PINS: pins to embed, 200000 unless
# set. Prints Markdown.
set -eu
[ "${PART:-}" != dgl ] || exec sh "$(dirname "$0")/bench-dgl.sh"
peers=$(dirname "$0")/peers
python=${PEERS_PYTHON:-.venv-peers/bin/python}
if [ -z "${PEERS_PYTHON:-}" ] && ! "$python" -c 'import torch, numpy' 2>/dev/null; then
    python3 -m venv .venv-peers
    "$python" -m pip install --quiet --requirement "$peers/requirements.txt" >&2
fi
swift build -c release --product pinsage-bench >&2
printf '# The arithmetic beside PyTorch and NumPy\n\n`make bench-peers`, %s, revision %s.\n\n' \
    "$(date -u +%Y-%m-%d)" "$(git rev-parse --short HEAD)"
if [ "${PART:-}" != embed ]; then
    "$python" "$peers/kernels.py" ${ROUNDS:-5}
    printf '\n## The training step\n\n'
    "$python" "$peers/step.py" ${ROUNDS:-5}
    echo
fi
printf '## Embedding all pins\n\n'
"$python" "$peers/embed.py" ${ROUNDS:-5} ${EMBED_PINS:-200000}
if [ -z "${PART:-}" ]; then
    echo
    sh "$(dirname "$0")/bench-dgl.sh"
fi
