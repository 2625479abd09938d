#!/bin/sh
# Runs the code of docs/USING_EMBEDDINGS.md with the libraries that it names, 380 MB in .venv-snippets. What cannot be
# installed here is named, and its blocks are skipped.
set -eu
cd "$(dirname "$0")/.."
python=.venv-snippets/bin/python
if [ ! -x "$python" ] && ! python3 -m venv .venv-snippets; then
    rm -rf .venv-snippets
    echo "check-snippets: skipped: no Python 3 with venv here" >&2
    exit 0
fi
for package in numpy==2.2.6 pyarrow==20.0.0 faiss-cpu==1.11.0 hnswlib==0.8.0; do
    "$python" -m pip install --quiet --disable-pip-version-check "$package" >/dev/null 2>&1 \
        || echo "check-snippets: $package: cannot be installed here" >&2
done
swift build -c release >&2
"$python" scripts/check_snippets.py
