#!/bin/sh
# Looks into the compiled kernels: packed fused multiply-adds where the flags promise them, no call to
# libm's fmaf, no AVX in the baseline, and no code that the linker could share with other modules.
# BUILD_FOLDER: where the objects are, .build/release unless set.
set -eu

folder=${BUILD_FOLDER:-.build/release}
fail() {
    echo "check-kernels: $1" >&2
    exit 1
}

case $(uname -m) in
    x86_64) ;;
    *)
        echo "check-kernels: nothing to check on $(uname -m): one set of kernels, without flags"
        exit 0
        ;;
esac
for tool in objdump nm; do
    command -v "$tool" >/dev/null || fail "$tool: not found. Install the package binutils."
done
listing=$(mktemp)
trap 'rm -f "$listing"' EXIT

# The machine code of a module, with the names of called functions.
disassemble() {
    inspected=$1
    set -- "$folder/$inspected.build"/*.o
    [ -e "$1" ] || fail "$1: no such object. Run \`swift build -c release\` first."
    objdump --disassemble --reloc --no-show-raw-insn "$@" >"$listing"
    if grep -E 'R_X86_64_[A-Z0-9]+[[:space:]]+fmaf?([-+@]|$)' "$listing" >&2; then
        fail "$inspected: calls fmaf: a multiply-add was compiled without the FMA flag"
    fi
}

# Packed multiply-adds on $2 registers in the function whose mangled name holds $1.
packed_in() {
    awk -v name="$1" -v register="%$2" '
        /^[0-9a-f]+ </ { inside = index($0, name) > 0 }
        inside && /vfmadd[0-9]+ps/ && index($0, register) { count++ }
        END { print count + 0 }' "$listing"
}

for module in Kernels KernelsBaseline; do
    disassemble "$module"
    if grep -qE '%[yz]mm' "$listing"; then fail "$module: uses AVX registers, but every CPU runs it"; fi
done

total=0
for pair in KernelsAVX2:ymm KernelsAVX512:zmm; do
    module=${pair%:*}
    register=${pair#*:}
    disassemble "$module"
    for function in 12multiplyTile 11addFourRows 8poolRows; do
        count=$(packed_in "$function" "$register")
        [ "$count" -ge 4 ] || fail "$module: $function: $count packed multiply-adds on $register registers"
        total=$((total + count))
    done
    # A weak function may be dropped for one of the same name elsewhere, or take its place. Names that
    # hold the module's own name cannot occur elsewhere; any other could carry AVX into baseline code.
    own=$(printf '%s' "$module" | wc -c | tr -d ' ')$module
    shared=$(nm --defined-only "$folder/$module.build"/*.o | awk -v own="$own" \
        'NF == 3 && ($2 == "W" || $2 == "u") && index($3, own) == 0 { print $3 }')
    [ -z "$shared" ] || fail "$module: weak functions that could replace baseline code: $shared"
done

echo "check-kernels: $total packed multiply-adds in 6 inner loops, no fmaf, no AVX in the baseline, no shared weak code"
