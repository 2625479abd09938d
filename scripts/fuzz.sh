#!/bin/sh
# Hostile bytes for every reader (docs/FUZZING.md), under AddressSanitizer: first ROUNDS inputs made from valid ones by
# seeded rules, then SECONDS_EACH of libFuzzer, which follows what the code does with them.
# Prints a table of the first, one line for each reader; the libFuzzer part prints only what it finds.
# Environment: SEED (1), ROUNDS (1000000), SECONDS_EACH (60; 0: no libFuzzer), READERS (all).
set -eu
seed=${SEED:-1}
rounds=${ROUNDS:-1000000}
seconds=${SECONDS_EACH:-60}
sh scripts/bootstrap.sh
export PINSAGE_FUZZ=1 ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:quarantine_size_mb=8
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Builds a product with sanitizers, $3 and on being options; the linker's many notes appear only when it fails.
build() { # $1: product, $2: folder
    product=$1
    folder=$2
    shift 2
    swift build -c release --sanitize=address --scratch-path "$folder" --product "$product" "$@" >"$log" 2>&1 || {
        grep -v 'Cannot export local symbol' "$log" >&2
        exit 1
    }
}

build pinsage-fuzz .build-asan
fuzz=.build-asan/release/pinsage-fuzz
readers=${READERS:-$("$fuzz" --list)}
failed=0
"$fuzz" --columns
for reader in $readers; do
    "$fuzz" "$reader" "$seed" "$rounds" || failed=1
done

if [ "$seconds" -gt 0 ]; then
    build pinsage-libfuzzer .build-libfuzzer -Xswiftc -sanitize=fuzzer
    for reader in $readers; do
        # Inputs that reach new code stay here and are where the next run begins; a finding is kept beside them.
        corpus=.build-libfuzzer/corpus/$reader
        "$fuzz" --corpus "$corpus" "$reader"
        if FUZZ_READER=$reader .build-libfuzzer/release/pinsage-libfuzzer -seed="$seed" -max_total_time="$seconds" \
            -timeout=30 -rss_limit_mb=2048 -artifact_prefix=".build-libfuzzer/$reader-" "$corpus" >"$log" 2>&1
        then
            echo "fuzz: libFuzzer: $reader: $(sed -n 's/^Done /done /p' "$log")" >&2
        else
            tail -n 60 "$log" >&2
            failed=1
        fi
    done
fi
exit $failed
