#!/bin/sh
# Every rung of the model, from content alone to the whole configuration, with several seeds, on the config's graph.
# Environment: CONFIG (default configs/demo.yaml), PAIRS (default: those that the config names), SEEDS (default 5),
# PINSAGE_DATA. Starting it again goes on where it was.
set -eu
job=ladder
. scripts/prepare.sh
[ -n "$pairs" ] || {
    echo "ladder: $config: no pairs: expected PAIRS or a line \`# pairs: FILE\`, found neither. Set PAIRS=FILE." >&2
    exit 1
}
exec "$bin/pinsage" ladder --config "$config" --pairs "$pairs" --seeds "${SEEDS:-5}" \
    --out "runs/ladder-$(basename "$config" .yaml)"
