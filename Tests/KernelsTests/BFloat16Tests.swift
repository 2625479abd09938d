import Kernels
import Testing

/// Products on operands rounded to bfloat16; the formula is that of float32 on rounded operands.
@Suite(.enabled(if: Precision.hasBFloat16, "this CPU has no AVX512_BF16: nothing to run"))
struct BFloat16Tests {
    @Test("products agree with the formula at every remainder of columns, of k and of rows")
    func remainders() {
        for n in 0...66 { check(m: 7, n: n, k: 5, accumulate: n % 2 == 1) }
        for k in 0...70 { check(m: 8, n: 33, k: k, accumulate: k % 2 == 1) }
        for m in 0...14 { check(m: m, n: 19, k: 34, accumulate: m % 2 == 0) }
    }

    @Test("long sums, several panels, blocks, passes and segments agree with the formula")
    func large() {
        check(m: 300, n: 200, k: 130, accumulate: true)
        check(m: 2_500, n: 70, k: 37, accumulate: false)
        check(m: 40, n: 150, k: 9_000, accumulate: false)
        check(m: 100, n: 1_030, k: 520, accumulate: true)
    }

    @Test("bias, ReLU and mask come after the sum")
    func endings() {
        var random = Numbers(seed: 41)
        let (a, b) = (Island(9, 40, random: &random), Island(70, 40, random: &random))
        let mask = Island(9, 70) { row, column in [-1, 0, 1, 2][(row + column) % 4] }
        let bias = (0..<70).map { _ in random.nextFloat() }
        bias.withUnsafeBufferPointer { bias in
            for epilogue in [.bias(bias.baseAddress!), .biasReLU(bias.baseAddress!), .reluMask(mask.matrix)]
                as [Epilogue]
            {
                let (found, expected) = (Island(unset: 9, 70), Island(unset: 9, 70))
                kernels().multiplyTransposedB(a.matrix, b.matrix, into: found.matrix, epilogue: epilogue)
                ScalarKernels.multiplyTransposedB(
                    rounded(a).matrix, rounded(b).matrix, into: expected.matrix, epilogue: epilogue)
                let sizes = Island(9, 70) { _, _ in 41 }
                #expect(firstDifference(found, expected, sizes: sizes, terms: 40) == nil, "\(epilogue)")
            }
        }
    }

    @Test("1, 2, 3 and 8 threads give the same bits")
    func threads() {
        var random = Numbers(seed: 42)
        for (m, n, k) in [(40, 300, 30), (2_300, 70, 33), (5_000, 40, 66)] {
            let (a, b, dC) = (
                Island(m, k, random: &random), Island(k, n, random: &random), Island(m, n, random: &random)
            )
            let bits = [1, 2, 3, 8].map { threads in
                let (c, dB) = (Island(unset: m, n), Island(unset: k, n))
                kernels(threads: threads).multiply(a.matrix, b.matrix, into: c.matrix)
                kernels(threads: threads).multiplyTransposedA(a.matrix, dC.matrix, into: dB.matrix)
                return c.bits + dB.bits
            }
            #expect(bits.allSatisfy { $0 == bits[0] }, "m \(m), n \(n), k \(k)")
        }
    }

    @Test("infinities and NaN reach the result")
    func notFinite() {
        let b = Island(32, 65) { _, _ in 1 }
        for value in [Float.nan, Float(bitPattern: 0x7FFF_FFFF), .infinity] {
            let a = Island(7, 32) { row, column in row == 6 && column == 31 ? value : 1 }
            let c = Island(unset: 7, 65)
            kernels().multiply(a.matrix, b.matrix, into: c.matrix)
            for column in 0..<65 {
                #expect(c.matrix[5, column] == 32)
                #expect(value.isNaN ? c.matrix[6, column].isNaN : c.matrix[6, column] == .infinity)
            }
        }
    }

    @Test("rounding goes to the nearest, ties to the even one")
    func rounding() {
        // 8 bits of significand: 1 + 1/128 is the next after 1; half-way lies 1 + 1/256.
        let cases: [(Float, Float)] = [
            (1, 1), (1 + 0x1p-8, 1), (1 + 0x1.8p-8, 1 + 0x1p-7), (1 + 0x1p-7 + 0x1p-8, 1 + 0x1p-6),
            (-1.004, -1.0078125),
            (.greatestFiniteMagnitude, .infinity), (0, 0),
        ]
        for (value, expected) in cases {
            #expect(ScalarKernels.roundedToBFloat16(value) == expected, "\(value)")
            let (a, one, c) = (Island(1, 1) { _, _ in value }, Island(1, 1) { _, _ in 1 }, Island(unset: 1, 1))
            kernels().multiply(a.matrix, one.matrix, into: c.matrix)
            #expect(c.matrix[0, 0] == expected, "\(value)")
        }
    }

    private func kernels(threads: Int = 1) -> Kernels {
        Kernels(team: ThreadTeam(threads: threads), precision: .bfloat16)
    }

    private func rounded(_ island: Island) -> Island { island.copy(ScalarKernels.roundedToBFloat16) }

    /// All three products of the sizes.
    private func check(m: Int, n: Int, k: Int, accumulate: Bool) {
        var random = Numbers(seed: UInt64(m * 1_000_000 + n * 1_000 + k))
        let (a, b, bT) = (Island(m, k, random: &random), Island(k, n, random: &random), Island(n, k, random: &random))
        let dC = Island(m, n, random: &random)
        compare(m, n, accumulate, terms: k, "nn \(m)×\(k)×\(n)", &random, a, b) { kernels, a, b, c in
            kernels?.multiply(a, b, into: c, accumulate: accumulate)
                ?? ScalarKernels.multiply(a, b, into: c, accumulate: accumulate)
        }
        compare(m, n, accumulate, terms: k, "nt \(m)×\(k)×\(n)", &random, a, bT) { kernels, a, b, c in
            kernels?.multiplyTransposedB(a, b, into: c, accumulate: accumulate)
                ?? ScalarKernels.multiplyTransposedB(a, b, into: c, accumulate: accumulate)
        }
        compare(k, n, accumulate, terms: m, "tn \(m)×\(k)×\(n)", &random, a, dC) { kernels, a, b, c in
            kernels?.multiplyTransposedA(a, b, into: c, accumulate: accumulate)
                ?? ScalarKernels.multiplyTransposedA(a, b, into: c, accumulate: accumulate)
        }
    }

    private func compare(
        _ rows: Int, _ columns: Int, _ accumulate: Bool, terms: Int, _ what: String, _ random: inout Numbers,
        _ a: Island, _ b: Island, product: (Kernels?, Matrix, Matrix, Matrix) -> Void
    ) {
        let old = Island(rows, columns, random: &random)
        let found = accumulate ? old.copy() : Island(unset: rows, columns)
        let (expected, sizes) = (old.copy(), Island(rows, columns) { _, _ in Float(terms + 1) })
        product(kernels(), a.matrix, b.matrix, found.matrix)
        product(nil, rounded(a).matrix, rounded(b).matrix, expected.matrix)
        let difference = firstDifference(found, expected, sizes: sizes, terms: terms)
        #expect(difference == nil, "\(what), accumulate \(accumulate)")
    }
}
