#!/bin/sh
# Every test, in release mode: the kernels, walks and processes under test are the ones that users run.
# Tests on real data read PINSAGE_DATA and say so when they are skipped.
set -eu
sh scripts/bootstrap.sh
[ -n "${PINSAGE_DATA:-}" ] || echo "test: PINSAGE_DATA is not set: tests on real data are skipped" >&2
swift build -c release --build-tests
sh scripts/check-kernels.sh
swift test -c release --skip-build "$@"
