#!/bin/sh
# The main job from start to end: build, make or import the graph where it is missing, train with sampler
# processes feeding one trainer, embed all pins, evaluate.
# Environment: CONFIG (default configs/demo.yaml), SAMPLERS (default: what the config says), PINSAGE_DATA.
set -eu
job=train-cluster
. scripts/prepare.sh

name=$(basename "$config" .yaml)
run=runs/$name
count=1
while [ -e "$run" ]; do
    count=$((count + 1))
    run=runs/$name-$count
done
echo "train-cluster: run directory $run" >&2
"$bin/pinsage" train --config "$config" --run "$run" ${SAMPLERS:+--set samplers.count="$SAMPLERS"}
"$bin/pinsage" embed --run "$run" --out "$run/embeddings"
if [ -n "$pairs" ]; then
    "$bin/pinsage" evaluate --embeddings "$run/embeddings" --pairs "$pairs"
fi
