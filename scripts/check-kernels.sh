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

# How often the function whose mangled name holds $1 has an instruction that matches $2 on $3 registers.
packed_in() {
    awk -v name="$1" -v instruction="$2" -v register="%$3" '
        /^[0-9a-f]+ </ { inside = index($0, name) > 0 }
        inside && $0 ~ instruction && index($0, register) { count++ }
        END { print count + 0 }' "$listing"
}

# Every loop over elements, with the instruction that shows it vectorised: a multiply-add or, where there is none, an
# addition, a move of whole registers or a product of whole numbers.
loops='
12multiplyTile vfmadd[0-9]+ps
11addFourRows vfmadd[0-9]+ps
9addOneRow vfmadd[0-9]+ps
12addOneColumn vfmadd[0-9]+ps
13addColumnSums vaddps
8poolRows vfmadd[0-9]+ps
11maxPoolRows vcmp[a-z_]*ps
8copyRows vmovups
13normalizeRows vfmadd[0-9]+ps
21normalizeRowsBackward vfmadd[0-9]+ps
9hingeRows vfmadd[0-9]+ps
11finishPairs vfmadd[0-9]+ps
12ownHingeRows vfmadd[0-9]+ps
17ownHingeGradients vfmadd[0-9]+ps
7rowDots vfmadd[0-9]+ps
12maskedLogits vfmadd[0-9]+ps
12exponentials vfmadd[0-9]+ps
8adamStep vfmadd[0-9]+ps
12sumOfSquares vfmadd[0-9]+ps
9addScaled vfmadd[0-9]+ps
9walkDraws vpmul(lq|udq)
20registerMultiplyAdds vfmadd[0-9]+ps
9streamSum vaddps
12scatteredSum vaddps'

# A weak function may be dropped for one of the same name elsewhere, or take its place. Names that hold the module's own
# name cannot occur elsewhere; any other could carry AVX into baseline code.
require_own_names() {
    own=$(printf '%s' "$1" | wc -c | tr -d ' ')$1
    shared=$(nm --defined-only "$folder/$1.build"/*.o | awk -v own="$own" \
        'NF == 3 && ($2 == "W" || $2 == "V" || $2 == "u") && $3 != "__swift_reflection_version" && index($3, own) == 0 { print $3 }')
    [ -z "$shared" ] || fail "$1: weak symbols that could replace baseline code: $shared"
}

for module in Kernels KernelsBaseline; do
    disassemble "$module"
    if grep -qE '%[yz]mm' "$listing"; then fail "$module: uses AVX registers, but every CPU runs it"; fi
done

total=0
count_in() { # $1: function, $2: instruction, $3: register
    count=$(packed_in "$1" "$2" "$3")
    [ "$count" -ge 1 ] || fail "$inspected: $1: no $2 on $3 registers: not vectorised"
    total=$((total + 1))
}
# The sums of a tile stay where they are: a compiler that moves each of them at every row costs 5 % of the product.
require_sums_stay() { # $1: function, $2: register
    moves=$(packed_in "$1" "vmov[a-z]+ +%$2[0-9]+,%$2[0-9]+$" "$2")
    [ "$moves" -lt 8 ] || fail "$inspected: $1: $moves moves from register to register. Write its loop as \`repeat\`."
}
for pair in KernelsAVX2:ymm KernelsAVX512:zmm; do
    disassemble "${pair%:*}"
    for function in 12multiplyTile 11addFourRows; do require_sums_stay "$function" "${pair#*:}"; done
    while read -r function instruction; do
        [ -z "$function" ] || count_in "$function" "$instruction" "${pair#*:}"
    done <<END
$loops
END
    require_own_names "$inspected"
done
count_in 12addEightRows 'vfmadd[0-9]+ps' zmm
require_sums_stay 12addEightRows zmm
disassemble KernelsBFloat16
for function in 16multiplyPairTile 12addEightRows; do require_sums_stay "$function" zmm; done
for function in 16multiplyPairTile 12addEightRows 16registerPairDots; do count_in "$function" vdpbf16ps zmm; done
for function in 8pairRows 24addTransposedPairProduct; do count_in "$function" vcvtne2ps2bf16 zmm; done
require_own_names KernelsBFloat16

echo "check-kernels: $total inner loops vectorised, no fmaf, no AVX in the baseline, no shared weak code"
