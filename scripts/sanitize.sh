#!/bin/sh
# The tests under sanitizers: those with threads of their own under ThreadSanitizer, then all but the tests of whole
# processes under AddressSanitizer. Each has a build folder of its own.
set -eu
sh scripts/bootstrap.sh
log=$(mktemp)
trap 'rm -f "$log"' EXIT

run() { # $1: sanitizer, $2: folder, then options of the test run
    sanitizer=$1
    folder=$2
    shift 2
    swift build -c release --build-tests --sanitize="$sanitizer" --scratch-path "$folder" >"$log" 2>&1 || {
        grep -v 'Cannot export local symbol' "$log" >&2
        exit 1
    }
    swift test -c release --skip-build --sanitize="$sanitizer" --scratch-path "$folder" "$@"
}

export TSAN_OPTIONS=halt_on_error=1
run thread .build-tsan --filter 'TransportTests|TrainingTests|BlockLanesTests'
export ASAN_OPTIONS=detect_leaks=0
run address .build-asan --skip PipelineTests
