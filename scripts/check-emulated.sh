#!/bin/sh
# Runs the kernels' tests on emulated processors without AVX and without AVX-512: a kernel that uses more than its
# instruction set promises dies there. Needs qemu-x86_64 (package qemu-user) and built tests.
set -eu
command -v qemu-x86_64 >/dev/null || {
    echo 'check-emulated: qemu-x86_64: not found. Install the package qemu-user.' >&2
    exit 1
}
tests=${BUILD_FOLDER:-.build/release}/pinsagePackageTests.xctest
[ -e "$tests" ] || {
    echo "check-emulated: $tests: not found. Run \`swift build -c release --build-tests\` first." >&2
    exit 1
}
said=$(mktemp)
trap 'rm -f "$said"' EXIT
for processor in Nehalem Haswell; do
    # Not those of misuse, which start the tests anew and unemulated, nor those at a page's end: this emulator reads a
    # whole vector where the processor reads a part. Both are about what any processor shows.
    qemu-x86_64 -cpu "$processor" "$tests" --testing-library swift-testing --no-parallel \
        --filter 'KernelsTests\.(Product|RowKernel|Hinge|Update)Tests' >"$said" 2>&1 || {
        cat "$said" >&2
        echo "check-emulated: $processor: the kernels' tests fail" >&2
        exit 1
    }
    echo "check-emulated: $processor: $(tail -n 1 "$said")"
done
