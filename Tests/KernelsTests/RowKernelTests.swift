import Kernels
import Testing

@Suite struct RowKernelTests {
    @Test(
        "pooling agrees with its formula at every width, with empty lists, mask and old content",
        arguments: InstructionSet.available)
    func pool(set: InstructionSet) {
        var random = Numbers(seed: 11)
        for width in set.awkwardCounts {
            let lists = Lists(counts: [3, 0, 1, 40, 0, 7], inputRows: 9, random: &random)
            let input = Island(9, width, random: &random)
            let old = Island(6, width, random: &random)
            let mask = Island(6, width) { row, column in [-1, 0, 1, 2][(row + column) % 4] }
            for accumulate in [false, true] {
                for isMasked in [false, true] {
                    let found = accumulate ? old.copy() : Island(unset: 6, width)
                    let (expected, sizes) = (old.copy(), old.copy { abs($0) })
                    lists.withLists {
                        Kernels(instructionSet: set).weightedPool(
                            $0, from: input.matrix, into: found.matrix, accumulate: accumulate,
                            reluMask: isMasked ? mask.matrix : nil)
                        ScalarKernels.weightedPool(
                            $0, from: input.matrix, into: expected.matrix, accumulate: accumulate,
                            reluMask: isMasked ? mask.matrix : nil)
                    }
                    lists.absolute.withLists {
                        ScalarKernels.weightedPool(
                            $0, from: input.copy { abs($0) }.matrix, into: sizes.matrix, accumulate: true)
                    }
                    let difference = firstDifference(found, expected, sizes: sizes, terms: 40)
                    #expect(difference == nil, "\(set), width \(width), accumulate \(accumulate), mask \(isMasked)")
                }
            }
        }
    }

    @Test("pooling by hand: weights, an empty list and a repeated row")
    func poolByHand() {
        let input = Island(2, 1) { row, _ in row == 0 ? 10 : 3 }
        let output = Island(unset: 3, 1)
        Lists(offsets: [0, 2, 2, 4], indices: [0, 1, 1, 1], weights: [0.5, 2, 1, 0.25]).withLists {
            Kernels().weightedPool($0, from: input.matrix, into: output.matrix)
        }
        #expect(output.values == [11, 0, 3.75])
    }

    @Test("pooling with transposed lists is the derivative of pooling: dOutput · pool(x) = x · back(dOutput)")
    func transposedLists() {
        var random = Numbers(seed: 12)
        let transposed = TransposedLists()
        for counts in [[2, 0, 5, 1], [40, 3, 9, 9, 0]] {
            let lists = Lists(counts: counts, inputRows: 7, random: &random)
            let (x, dOutput) = (Island(7, 5, random: &random), Island(counts.count, 5, random: &random))
            let (output, dInput) = (Island(unset: counts.count, 5), Island(unset: 7, 5))
            lists.withLists {
                Kernels().weightedPool($0, from: x.matrix, into: output.matrix)
                transposed.build(from: $0, inputRows: 7)
            }
            Kernels().weightedPool(transposed.lists, from: dOutput.matrix, into: dInput.matrix)
            let forward = zip(output.values, dOutput.values).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let backward = zip(x.values, dInput.values).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            #expect(abs(forward - backward) < 1e-4, "forward \(forward), backward \(backward)")
        }
    }

    @Test("transposed lists by hand: entries come in the order of their lists")
    func transposedByHand() {
        let transposed = TransposedLists()
        Lists(offsets: [0, 2, 2, 5], indices: [2, 0, 2, 3, 2], weights: [1, 2, 3, 4, 5]).withLists {
            transposed.build(from: $0, inputRows: 5)
        }
        let lists = transposed.lists
        #expect(lists.count == 5)
        #expect((0...5).map { lists.offsets[$0] } == [0, 1, 1, 4, 5, 5])
        #expect((0..<5).map { lists.indices[$0] } == [0, 0, 2, 2, 2])
        #expect((0..<5).map { lists.weights[$0] } == [2, 1, 3, 5, 4])
    }

    @Test(
        "max pooling and its derivative agree with their formulas at every width, with ties and empty lists",
        arguments: InstructionSet.available)
    func maxPool(set: InstructionSet) {
        var random = Numbers(seed: 15)
        let kernels = Kernels(instructionSet: set)
        for width in set.awkwardCounts {
            let lists = Lists(counts: [3, 0, 1, 40, 0, 7], inputRows: 9, random: &random)
            // Few values, so that many tie; some are NaN.
            let input = Island(9, width) { _, _ in [0, 0.25, 0.5, 1][Int.random(in: 0..<4, using: &random)] }
            if width > 2 { input.matrix[4, 2] = .nan }
            let (found, expected) = (Island(unset: 6, width), Island(unset: 6, width))
            var (winners, expectedWinners) = ([Int32](repeating: 7, count: 6 * width + 1), [Int32]())
            expectedWinners = winners
            lists.withLists {
                kernels.maxPool($0, from: input.matrix, into: found.matrix, winners: &winners)
                ScalarKernels.maxPool($0, from: input.matrix, into: expected.matrix, winners: &expectedWinners)
            }
            #expect(
                found.bits == expected.bits && winners == expectedWinners && found.isSeaUntouched, "\(set), \(width)")
            let (dOutput, mask) = (Island(6, width, random: &random), Island(9, width, random: &random))
            let (dInput, expectedInput) = (Island(unset: 9, width), Island(unset: 9, width))
            kernels.maxPoolBackward(winners, dOutput.matrix, into: dInput.matrix, reluMask: mask.matrix)
            ScalarKernels.maxPoolBackward(winners, dOutput.matrix, into: expectedInput.matrix, reluMask: mask.matrix)
            #expect(dInput.bits == expectedInput.bits && dInput.isSeaUntouched, "\(set), \(width)")
        }
    }

    @Test("max pooling by hand: the first of equal rows wins, an empty list is 0 and nobody's")
    func maxPoolByHand() {
        let input = Island(3, 2) { row, column in [[-3, 1], [-2, 1], [-2, 5]][row][column] }
        let output = Island(unset: 3, 2)
        var winners = [Int32](repeating: 9, count: 6)
        Lists(offsets: [0, 2, 2, 5], indices: [0, 1, 1, 2, 1], weights: [0, 0, 0, 0, 0]).withLists {
            Kernels().maxPool($0, from: input.matrix, into: output.matrix, winners: &winners)
        }
        #expect(output.values == [-2, 1, 0, 0, -2, 5])
        #expect(winners == [1, 0, -1, -1, 1, 2])
        let dInput = Island(unset: 3, 2)
        let (dOutput, mask) = (Island(3, 2) { row, _ in Float(1 + row) }, Island(3, 2) { row, _ in row == 2 ? 0 : 1 })
        Kernels().maxPoolBackward(winners, dOutput.matrix, into: dInput.matrix, reluMask: mask.matrix)
        #expect(dInput.values == [0, 1, 4, 0, 0, 0])
    }

    @Test("gathered rows are the rows", arguments: InstructionSet.available)
    func gather(set: InstructionSet) {
        var random = Numbers(seed: 13)
        for width in set.awkwardCounts {
            let input = Island(20, width, random: &random)
            let rows = (0..<33).map { _ in Int32.random(in: 0..<20, using: &random) }
            for count in [0, 1, 33] {
                let (found, expected) = (Island(unset: count, width), Island(unset: count, width))
                Kernels(instructionSet: set).gatherRows(rows, count: count, from: input.matrix, into: found.matrix)
                ScalarKernels.gatherRows(rows, count: count, from: input.matrix, into: expected.matrix)
                #expect(found.bits == expected.bits && found.isSeaUntouched, "\(set), \(count) rows of \(width)")
            }
        }
    }

    @Test("normalising and its derivative agree with their formulas, in place too", arguments: InstructionSet.available)
    func normalize(set: InstructionSet) {
        var random = Numbers(seed: 14)
        let kernels = Kernels(instructionSet: set)
        for width in set.awkwardCounts {
            // Row 2 is all zeros; the others hold zeros as ReLU leaves them.
            let a = Island(5, width) { row, _ in row == 2 ? 0 : max(0, random.nextFloat()) }
            let (h, expected, inPlace) = (Island(unset: 5, width), Island(unset: 5, width), a.copy())
            let (norms, expectedNorms) = (Island(unset: 1, 5), Island(unset: 1, 5))
            kernels.l2Normalize(a.matrix, into: h.matrix, norms: norms.base)
            ScalarKernels.l2Normalize(a.matrix, into: expected.matrix, norms: expectedNorms.base)
            kernels.l2Normalize(inPlace.matrix, into: inPlace.matrix, norms: norms.base)
            let ones = Island(5, width) { _, _ in 1 }
            #expect(firstDifference(h, expected, sizes: ones, terms: width) == nil, "\(set), width \(width)")
            #expect(firstDifference(norms, expectedNorms, sizes: expectedNorms, terms: width) == nil)
            #expect(inPlace.bits == h.bits && inPlace.isSeaUntouched)
            let dH = Island(5, width, random: &random)
            for reluMask in [false, true] {
                let (dA, expected, inPlace) = (Island(unset: 5, width), Island(unset: 5, width), dH.copy())
                for output in [dA, inPlace] {
                    kernels.l2NormalizeBackward(
                        output === dA ? dH.matrix : inPlace.matrix, normalized: h.matrix, norms: norms.base,
                        into: output.matrix, reluMask: reluMask)
                }
                ScalarKernels.l2NormalizeBackward(
                    dH.matrix, normalized: h.matrix, norms: norms.base, into: expected.matrix, reluMask: reluMask)
                let sizes = Island(5, width) { row, _ in 8 / norms.matrix[0, row] }
                #expect(firstDifference(dA, expected, sizes: sizes, terms: width) == nil, "\(set), width \(width)")
                #expect(inPlace.bits == dA.bits && inPlace.isSeaUntouched)
                for column in 0..<width {
                    #expect(dA.matrix[2, column] == 0)
                    if reluMask && h.matrix[0, column] == 0 { #expect(dA.matrix[0, column] == 0) }
                }
            }
        }
    }

    @Test("normalising by hand, and a zero row keeps ε as its norm")
    func normalizeByHand() {
        let a = Island(2, 2) { row, column in row == 0 ? [3, 4][column] : 0 }
        let (h, norms) = (Island(unset: 2, 2), Island(unset: 1, 2))
        Kernels().l2Normalize(a.matrix, into: h.matrix, norms: norms.base)
        #expect(h.values == [0.6, 0.8, 0, 0])
        #expect(norms.values == [5, 1e-12])
    }
}

/// Owned pooling lists.
struct Lists {
    var offsets: [Int32]
    var indices: [Int32]
    var weights: [Float]

    init(offsets: [Int32], indices: [Int32], weights: [Float]) {
        self.offsets = offsets
        self.indices = indices
        self.weights = weights
    }

    /// Lists of `counts` entries, random rows and weights.
    init(counts: [Int], inputRows: Int, random: inout Numbers) {
        offsets = counts.reduce(into: [0]) { $0.append(($0.last ?? 0) + Int32($1)) }
        let entries = counts.reduce(0, +)
        indices = (0..<entries).map { _ in Int32.random(in: 0..<Int32(inputRows), using: &random) }
        weights = (0..<entries).map { _ in random.nextFloat() }
    }

    var absolute: Lists { Lists(offsets: offsets, indices: indices, weights: weights.map { abs($0) }) }

    func withLists(_ body: (PoolLists) -> Void) {
        offsets.withUnsafeBufferPointer { offsets in
            indices.withUnsafeBufferPointer { indices in
                weights.withUnsafeBufferPointer { weights in
                    body(
                        PoolLists(
                            offsets: offsets.baseAddress!, indices: indices.baseAddress!,
                            weights: weights.baseAddress!, count: offsets.count - 1))
                }
            }
        }
    }
}
