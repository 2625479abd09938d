#!/bin/sh
# What CI runs: format and lint, the import check that keeps the floors apart, and every test.
set -eu
sh scripts/bootstrap.sh
sh scripts/lint.sh
swift build -c release --build-tests --explicit-target-dependency-import-check error
sh scripts/test.sh
