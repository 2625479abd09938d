// Dot products of bfloat16 pairs (AVX512_BF16), which Swift's SIMD types cannot express. A pair lies in 32 bits, the
// first number in the low half. Only modules compiled for that instruction set see these functions: imported into any
// other, they would crash the compiler.
#ifndef PINSAGE_BFLOAT16_H
#define PINSAGE_BFLOAT16_H

#if defined(__AVX512BF16__)

typedef float bfloat16_floats __attribute__((vector_size(64)));
typedef int bfloat16_pairs __attribute__((vector_size(64)));
typedef __bf16 bfloat16_numbers __attribute__((vector_size(64)));
typedef short bfloat16_halves __attribute__((vector_size(64)));

/// sums + a₀·b₀ + a₁·b₁ of each pair, in float32.
static inline bfloat16_floats bfloat16_dot(bfloat16_floats sums, bfloat16_pairs a, bfloat16_pairs b) {
    return (bfloat16_floats)__builtin_ia32_dpbf16ps_512(sums, (bfloat16_numbers)a, (bfloat16_numbers)b);
}

/// 32 numbers that follow one another, rounded to nearest, ties to even: pairs of neighbours.
static inline bfloat16_pairs bfloat16_from_row(bfloat16_floats low, bfloat16_floats high) {
    return (bfloat16_pairs)__builtin_ia32_cvtne2ps2bf16_512(high, low);
}

/// The same of two rows of 16 numbers: pairs of one number of each.
static inline bfloat16_pairs bfloat16_from_rows(bfloat16_floats first, bfloat16_floats second) {
    bfloat16_halves both = (bfloat16_halves)__builtin_ia32_cvtne2ps2bf16_512(second, first);
    return (bfloat16_pairs)__builtin_shufflevector(
        both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
        29, 14, 30, 15, 31);
}

#endif
#endif
