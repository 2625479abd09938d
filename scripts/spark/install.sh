#!/bin/sh
# Installs PySpark and what the scripts beside it need, as pinned in requirements.txt, into .venv-spark, once; about
# 500 MB. Needs Python 3.9 to 3.12 with venv, and Java 8, 11 or 17.
set -eu
cd "$(dirname "$0")/../.."
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
if ! "$java" -version >/dev/null 2>&1; then
    echo "spark: java: expected Java 8, 11 or 17 on the PATH or in JAVA_HOME, found none. Type: sudo apt-get install openjdk-17-jre-headless" >&2
    exit 1
fi
wanted=scripts/spark/requirements.txt
if ! cmp -s "$wanted" .venv-spark/installed.txt; then
    python3 -m venv .venv-spark
    .venv-spark/bin/python -m pip install --quiet --requirement "$wanted" >&2
    cp "$wanted" .venv-spark/installed.txt
fi
