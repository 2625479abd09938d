#!/bin/sh
# Times every kernel, the training step part by part, and walks, beside the machine's limits. Prints Markdown.
# PINSAGE_DATA names the folder that holds citeulike-t; without it the step takes batches of a generated graph.
set -eu
swift build -c release --product pinsage-bench >&2
bench=.build/release/pinsage-bench
printf '# The arithmetic beside the limits of the machine\n\n`make bench`, %s, revision %s.\n\n' \
    "$(date -u +%Y-%m-%d)" "$(git rev-parse --short HEAD)"
"$bench" kernels
printf '\n## The training step\n\n'
"$bench" step
printf '\n## The training step, twice as wide\n\n'
"$bench" step --hidden 256 --output 128
if grep -q avx512_bf16 /proc/cpuinfo; then
    printf '\n## The same on bfloat16\n\n'
    "$bench" step --hidden 256 --output 128 --precision bfloat16
fi
printf '\n## Walks\n\n'
"$bench" walks
