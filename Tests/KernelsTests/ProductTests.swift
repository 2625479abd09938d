import Kernels
import Testing

@Suite struct ProductTests {
    enum Kind: CaseIterable { case plain, transposedB, transposedA }
    enum Ending: CaseIterable { case none, bias, biasReLU, reluMask }

    @Test("products agree with their formula at every remainder of columns", arguments: InstructionSet.available)
    func columns(set: InstructionSet) {
        for n in set.awkwardCounts {
            for kind in Kind.allCases { check(set, kind, m: 7, n: n, k: 5, accumulate: n % 2 == 1, .none) }
        }
    }

    @Test("products agree with their formula at every remainder of rows", arguments: InstructionSet.available)
    func rows(set: InstructionSet) {
        for m in 0...14 {
            for k in [0, 1, 2, 3, 8, 13] {
                for kind in Kind.allCases { check(set, kind, m: m, n: 19, k: k, accumulate: m % 2 == 1, .none) }
            }
        }
    }

    @Test(
        "bias, ReLU and mask do what they say, full and ragged tiles, with old content and without",
        arguments: InstructionSet.available)
    func endings(set: InstructionSet) {
        for ending in Ending.allCases {
            for n in [1, 4 * set.lanes, 8 * set.lanes, 4 * set.lanes + 3] {
                for accumulate in [false, true] {
                    check(set, .plain, m: 8, n: n, k: 9, accumulate: accumulate, ending)
                    check(set, .transposedB, m: 8, n: n, k: 9, accumulate: accumulate, ending)
                }
            }
        }
    }

    @Test(
        "long sums and several passes, blocks and segments agree with their formula",
        arguments: InstructionSet.available)
    func large(set: InstructionSet) {
        check(set, .transposedA, m: 2_500, n: 70, k: 37, accumulate: false, .none)
        check(set, .transposedA, m: 300, n: 65, k: 70, accumulate: true, .none)
        check(set, .plain, m: 70, n: 67, k: 1_500, accumulate: false, .bias)
        // One panel of this depth fills a pass by itself.
        check(set, .transposedB, m: 3, n: 150, k: 4_200, accumulate: true, .biasReLU)
        check(set, .plain, m: 400, n: 33, k: 40, accumulate: false, .reluMask)
    }

    @Test("Aᵀ·B gives the same bits where rows of A are whole pages apart", arguments: InstructionSet.available)
    func pagesApart(set: InstructionSet) {
        for precision in set == .avx512 && Precision.hasBFloat16 ? Precision.allCases : [.float32] {
            var random = Numbers(seed: 25)
            let values = Island(150, 1_021, random: &random)
            let b = Island(150, 131, random: &random)
            let kernels = Kernels(instructionSet: set, precision: precision)
            let products = [3, 5].map { gap in
                let a = Island(150, 1_021, gap: gap) { values.matrix[$0, $1] }
                let c = Island(unset: 1_021, 131)
                kernels.multiplyTransposedA(a.matrix, b.matrix, into: c.matrix)
                #expect((a.matrix.stride % 1_024 == 0) == (gap == 3))
                #expect(c.isSeaUntouched)
                return c
            }
            #expect(products[0].bits == products[1].bits, "\(set), \(precision)")
        }
        check(set, .transposedA, m: 150, n: 131, k: 1_021, accumulate: true, .none)
    }

    @Test("column sums agree with their formula", arguments: InstructionSet.available)
    func columnSums(set: InstructionSet) {
        var random = Numbers(seed: 5)
        for (rows, columns) in [(0, 5), (1, 1), (9, 70), (300, 33), (2_300, 65)] + set.awkwardCounts.map({ (3, $0) }) {
            let a = Island(rows, columns, random: &random)
            let old = Island(1, columns, random: &random)
            for accumulate in [false, true] {
                let found = accumulate ? old.copy() : Island(unset: 1, columns)
                let expected = old.copy()
                let sizes = old.copy { abs($0) }
                Kernels(instructionSet: set).columnSums(a.matrix, into: found.base, accumulate: accumulate)
                ScalarKernels.columnSums(a.matrix, into: expected.base, accumulate: accumulate)
                ScalarKernels.columnSums(a.copy { abs($0) }.matrix, into: sizes.base, accumulate: true)
                let difference = firstDifference(found, expected, sizes: sizes, terms: rows)
                #expect(difference == nil, "\(set), \(rows)×\(columns)")
            }
        }
    }

    @Test("a NaN in an operand reaches the result, through ReLU too", arguments: InstructionSet.available)
    func notANumber(set: InstructionSet) {
        let a = Island(7, 3) { row, _ in row == 6 ? .nan : 1 }
        let b = Island(3, 4 * set.lanes + 1) { _, _ in 1 }
        let c = Island(unset: 7, b.matrix.columns)
        let bias = [Float](repeating: -5, count: b.matrix.columns)
        bias.withUnsafeBufferPointer {
            Kernels(instructionSet: set).multiply(
                a.matrix, b.matrix, into: c.matrix, epilogue: .biasReLU($0.baseAddress!))
        }
        for column in 0..<c.matrix.columns {
            #expect(c.matrix[5, column] == 0)
            #expect(c.matrix[6, column].isNaN)
        }
    }

    private func check(
        _ set: InstructionSet, _ kind: Kind, m: Int, n: Int, k: Int, accumulate: Bool, _ ending: Ending
    ) {
        var random = Numbers(seed: UInt64(m * 1_000_000 + n * 1_000 + k))
        // For Aᵀ·B, m counts the terms and k the rows of the result.
        let a = kind == .transposedA ? Island(m, k, random: &random) : Island(m, k, random: &random)
        let b =
            switch kind {
            case .plain: Island(k, n, random: &random)
            case .transposedB: Island(n, k, random: &random)
            case .transposedA: Island(m, n, random: &random)
            }
        let shape = kind == .transposedA ? (k, n) : (m, n)
        let old = Island(shape.0, shape.1, random: &random)
        let mask = Island(shape.0, shape.1) { row, column in [-1, 0, 1, 2][(row + column) % 4] }
        let bias = (0..<n + 1).map { _ in random.nextFloat() }
        let found = accumulate ? old.copy() : Island(unset: shape.0, shape.1)
        let (expected, sizes) = (old.copy(), old.copy { abs($0) + 1 })
        bias.withUnsafeBufferPointer { bias in
            let epilogue: Epilogue =
                switch ending {
                case .none: .none
                case .bias: .bias(bias.baseAddress!)
                case .biasReLU: .biasReLU(bias.baseAddress!)
                case .reluMask: .reluMask(mask.matrix)
                }
            let kernels = Kernels(instructionSet: set)
            let (absA, absB) = (a.copy { abs($0) }, b.copy { abs($0) })
            let (x, y, z) = (a.matrix, b.matrix, found.matrix)
            switch kind {
            case .plain:
                kernels.multiply(x, y, into: z, accumulate: accumulate, epilogue: epilogue)
                ScalarKernels.multiply(x, y, into: expected.matrix, accumulate: accumulate, epilogue: epilogue)
                ScalarKernels.multiply(absA.matrix, absB.matrix, into: sizes.matrix, accumulate: true)
            case .transposedB:
                kernels.multiplyTransposedB(x, y, into: z, accumulate: accumulate, epilogue: epilogue)
                ScalarKernels.multiplyTransposedB(
                    x, y, into: expected.matrix, accumulate: accumulate, epilogue: epilogue)
                ScalarKernels.multiplyTransposedB(absA.matrix, absB.matrix, into: sizes.matrix, accumulate: true)
            case .transposedA:
                kernels.multiplyTransposedA(x, y, into: z, accumulate: accumulate)
                ScalarKernels.multiplyTransposedA(x, y, into: expected.matrix, accumulate: accumulate)
                ScalarKernels.multiplyTransposedA(absA.matrix, absB.matrix, into: sizes.matrix, accumulate: true)
            }
        }
        let difference = firstDifference(found, expected, sizes: sizes, terms: kind == .transposedA ? m : k)
        #expect(difference == nil, "\(set) \(kind) \(ending), m \(m), n \(n), k \(k), accumulate \(accumulate)")
    }
}
