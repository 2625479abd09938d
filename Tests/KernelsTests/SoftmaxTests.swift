import Glibc
import Kernels
import Testing

@Suite struct SoftmaxTests {
    @Test(
        "the loss agrees with its formula at every number of negatives, shared and own, skipping equal ids",
        arguments: InstructionSet.available)
    func formula(set: InstructionSet) {
        for negatives in set.awkwardCounts { check(set, .init(pairs: 13, shared: negatives, own: 2, width: 6)) }
        for width in set.awkwardCounts { check(set, .init(pairs: 5, shared: 9, own: 1, width: width)) }
        for own in [0, 1, set.lanes, 2 * set.lanes + 3] { check(set, .init(pairs: 7, shared: 21, own: own, width: 8)) }
        for pairs in [0, 1, 6, 7, 300] { check(set, .init(pairs: pairs, shared: 21, own: 3, width: 8)) }
    }

    @Test("by hand: two candidates, and one that is the positive itself")
    func byHand() {
        // Logits at τ = 0.5: positive 2 · 1 + ln 2, negative 2 · 0.5 + 0, the third is skipped (id 11).
        let data = SoftmaxData(
            pairs: HingeData(
                queries: [[1, 0]], queryIDs: [1], positives: [[1, 0]], positiveIDs: [11],
                negatives: [[0.5, 1], [9, 9]], negativeIDs: [21, 11], margin: 0),
            own: [], ownIDs: [], temperature: 0.5, offsets: [Float(log(2.0)), 0, 5])
        let other = exp(1.0) / (exp(1.0) + 2 * exp(2.0))
        for set in InstructionSet.available {
            let result = data.run { Kernels(instructionSet: set).softmaxLoss($0) }
            #expect(abs(result.loss + log(1 - other)) < 1e-6)
            #expect(abs(result.negativeShare - other) < 1e-6)
            // dq = P · (n − p) / τ, dp = −P · q / τ, dn = P · q / τ.
            let found = data.pairs.dQueries.values + data.pairs.dPositives.values + data.pairs.dNegatives.values
            let expected = [-0.5, 1, -1, 0, 1, 0, 0, 0].map { 2 * other * $0 }
            for (f, e) in zip(found, expected) { #expect(abs(Double(f) - e) < 1e-6, "\(found)") }
        }
    }

    @Test("without a negative that counts, loss and gradients are 0")
    func allSkipped() {
        let data = SoftmaxData(
            pairs: HingeData(
                queries: [[1, 0]], queryIDs: [1], positives: [[1, 0]], positiveIDs: [2],
                negatives: [[5, 0], [5, 0]], negativeIDs: [1, 2], margin: 0),
            own: [], ownIDs: [], temperature: 0.1, offsets: [1, 2, 3])
        let result = data.run { Kernels().softmaxLoss($0) }
        #expect(result == SoftmaxResult(loss: 0, negativeShare: 0))
        let gradients = data.pairs.dQueries.values + data.pairs.dPositives.values + data.pairs.dNegatives.values
        #expect(gradients.allSatisfy { $0 == 0 })
    }

    /// Negatives of score x against a positive of score 0, both on one axis: dq is the negatives' probability, made
    /// larger so that none is too small for a float of full precision.
    @Test(
        "the exponential is within 2e-7 of its own size down to −87, and 0 below", arguments: InstructionSet.available)
    func exponential(set: InstructionSet) {
        let count = 2 * set.lanes + 1
        let scores = (0...20_000).map { -Float($0) * 0.0045 } + [-87.5, -1e4, -3e38]
        let data = SoftmaxData(
            pairs: HingeData(
                queries: scores.map { [$0 / 0x1p30] }, queryIDs: scores.map { _ in 1 },
                positives: scores.map { _ in [0] },
                positiveIDs: scores.map { _ in 2 }, negatives: (0..<count).map { _ in [0x1p30] },
                negativeIDs: (0..<count).map { _ in 3 }, margin: 0),
            own: [], ownIDs: [], temperature: 1, offsets: Array(repeating: 0, count: scores.count + count))
        let result = data.run { Kernels(instructionSet: set).softmaxLoss($0) }
        #expect(result.loss.isFinite)
        var largest = 0.0
        for (x, found) in zip(scores, data.pairs.dQueries.values.map { Double($0) * Double(scores.count) / 0x1p30 }) {
            if x < -87 {
                #expect(found == 0)
                continue
            }
            // One exp for all candidates of a row; the gradient goes through 4 more roundings, and 1/B is one.
            let expected = 1 / (1 + exp(-Double(x)) / Double(count))
            largest = max(largest, abs(found / expected - 1))
        }
        #expect(largest < 2e-7 + 5 * 0x1p-24 + Double(count) * 0x1p-24, "\(set): \(largest)")
    }

    @Test(
        "scores that only the largest one keeps from overflowing give a finite loss",
        arguments: InstructionSet.available)
    func largeScores(set: InstructionSet) {
        let data = SoftmaxData(
            pairs: HingeData(
                queries: [[1]], queryIDs: [1], positives: [[900]], positiveIDs: [2], negatives: [[901], [-5e4]],
                negativeIDs: [3, 4], margin: 0),
            own: [[899]], ownIDs: [5], temperature: 1, offsets: [0, 0, 0, 0])
        let result = data.run { Kernels(instructionSet: set).softmaxLoss($0) }
        #expect(abs(result.loss - log(1 + exp(1.0) + exp(-1.0))) < 1e-6)
    }

    @Test("a NaN or an infinity among the scores makes the loss NaN", arguments: InstructionSet.available)
    func notANumber(set: InstructionSet) {
        for value in [Float.nan, -.nan, .infinity, Float(bitPattern: 0x7FC0_01FF)] {
            for place in 0..<3 {
                let vector: [Float] = [value, 0]
                let data = SoftmaxData(
                    pairs: HingeData(
                        queries: [[1, 1]], queryIDs: [1], positives: [place == 0 ? vector : [1, 0]], positiveIDs: [2],
                        negatives: [[0, 0], place == 1 ? vector : [0, 1]], negativeIDs: [3, 4], margin: 0),
                    own: [place == 2 ? vector : [1, 1]], ownIDs: [5], temperature: 0.1, offsets: [0, 0, 0, 0])
                let result = data.run { Kernels(instructionSet: set).softmaxLoss($0) }
                #expect(result.loss.isNaN, "\(set), \(value) in place \(place): \(result.loss)")
            }
        }
    }

    @Test(
        "gradients are the derivative: central differences in Double of every input",
        arguments: InstructionSet.available)
    func gradients(set: InstructionSet) {
        var random = Numbers(seed: 32)
        let data = SoftmaxData(.init(pairs: 6, shared: 11, own: 3, width: 19), ids: 12, random: &random)
        let result = data.run { Kernels(instructionSet: set).softmaxLoss($0) }
        let inputs = data.inputs
        #expect(abs(result.loss - data.loss(inputs)) < 1e-6 && result.loss > 0.5)
        for (part, gradient) in data.gradients.enumerated() {
            for (i, found) in gradient.values.enumerated() {
                var (above, below) = (inputs, inputs)
                above[part][i] += 1e-5
                below[part][i] -= 1e-5
                let expected = (data.loss(above) - data.loss(below)) / 2e-5
                #expect(abs(Double(found) - expected) < 2e-6, "\(set), part \(part), element \(i)")
            }
        }
    }

    private func check(_ set: InstructionSet, _ sizes: SoftmaxData.Sizes) {
        var random = Numbers(seed: UInt64(sizes.pairs + 100 * sizes.shared + 10_000 * sizes.width))
        let data = SoftmaxData(sizes, ids: 40, random: &random)
        let twin = data.twin()
        let found = data.run { Kernels(instructionSet: set).softmaxLoss($0) }
        let expected = twin.run { ScalarKernels.softmaxLoss($0) }
        #expect(abs(found.loss - expected.loss) <= 1e-6 * (1 + expected.loss), "\(set), \(sizes)")
        #expect(abs(found.negativeShare - expected.negativeShare) <= 1e-6, "\(set), \(sizes)")
        for (f, e) in zip(data.gradients, twin.gradients) {
            // Scores are off by some roundings, and 1/τ = 4 makes more of them.
            let sizes = Island(e.matrix.rows, e.matrix.columns) { row, column in 1 + 4 * abs(e.matrix[row, column]) }
            #expect(firstDifference(f, e, sizes: sizes, terms: 30) == nil, "\(set), \(sizes)")
        }
        for input in [data.pairs.queries, data.pairs.positives, data.pairs.negatives, data.own] {
            #expect(input.isSeaUntouched)
        }
    }
}

/// A softmax problem with all that it points at, and its loss in Double.
final class SoftmaxData {
    struct Sizes {
        var pairs: Int
        var shared: Int
        /// Of each pair.
        var own: Int
        var width: Int
    }

    /// Pairs and shared negatives; the margin is not used.
    let pairs: HingeData
    let own: Island
    let dOwn: Island
    let ownIDs: [Int32]
    let temperature: Float
    /// Of positives, shared and own negatives.
    let offsets: [Float]

    init(pairs: HingeData, own: Island, ownIDs: [Int32], temperature: Float, offsets: [Float]) {
        (self.pairs, self.own, self.ownIDs) = (pairs, own, ownIDs)
        (self.temperature, self.offsets) = (temperature, offsets)
        dOwn = Island(unset: own.matrix.rows, own.matrix.columns, gap: 1)
    }

    convenience init(pairs: HingeData, own: [[Float]], ownIDs: [Int32], temperature: Float, offsets: [Float]) {
        let rows = Island(own.count, pairs.queries.matrix.columns) { own[$0][$1] }
        self.init(pairs: pairs, own: rows, ownIDs: ownIDs, temperature: temperature, offsets: offsets)
    }

    convenience init(_ sizes: Sizes, ids: Int32, random: inout Numbers) {
        let pairs = HingeData(
            pairs: sizes.pairs, negatives: sizes.shared, width: sizes.width, margin: 0, ids: ids, random: &random
        ) { $0.nextFloat() }
        let ownCount = sizes.pairs * sizes.own
        self.init(
            pairs: pairs, own: Island(ownCount, sizes.width, random: &random),
            ownIDs: (0..<ownCount).map { _ in Int32.random(in: 0..<ids, using: &random) }, temperature: 0.25,
            offsets: (0..<sizes.pairs + sizes.shared + ownCount).map { _ in 2 * random.nextFloat() })
    }

    func twin() -> SoftmaxData {
        SoftmaxData(pairs: pairs.twin(), own: own.copy(), ownIDs: ownIDs, temperature: temperature, offsets: offsets)
    }

    var gradients: [Island] { [pairs.dQueries, pairs.dPositives, pairs.dNegatives, dOwn] }
    var inputs: [[Double]] {
        [pairs.queries, pairs.positives, pairs.negatives, own].map { $0.values.map(Double.init) }
    }

    func run(_ body: (SoftmaxProblem) -> SoftmaxResult) -> SoftmaxResult {
        let (pairCount, shared) = (pairs.queryIDs.count, pairs.negativeIDs.count)
        // One more of each, so that no array is empty and without an address.
        return pairs.run { problem in
            (ownIDs + [-1]).withUnsafeBufferPointer { ownIDs in
                (offsets + [.nan]).withUnsafeBufferPointer { offsets in
                    var ownProblem = problem
                    ownProblem.negatives = own.matrix
                    ownProblem.negativeIDs = ownIDs.baseAddress!
                    ownProblem.dNegatives = dOwn.matrix
                    return body(
                        SoftmaxProblem(
                            shared: problem, own: ownProblem, temperature: temperature,
                            positiveOffsets: offsets.baseAddress!, sharedOffsets: offsets.baseAddress! + pairCount,
                            ownOffsets: offsets.baseAddress! + pairCount + shared))
                }
            }
        }
    }

    /// The mean cross entropy of other queries, positives, shared and own negatives (densely, in this order).
    func loss(_ inputs: [[Double]]) -> Double {
        let width = pairs.queries.matrix.columns
        let (pairCount, shared) = (pairs.queryIDs.count, pairs.negativeIDs.count)
        let perPair = ownIDs.count / pairCount
        return (0..<pairCount).reduce(0) { sum, pair in
            func logit(_ part: Int, _ row: Int, _ offset: Int) -> Double {
                let score = (0..<width).reduce(0) {
                    $0 + inputs[0][pair * width + $1] * inputs[part][row * width + $1]
                }
                return score / Double(temperature) + Double(offsets[offset])
            }
            func counts(_ id: Int32) -> Bool { id != pairs.queryIDs[pair] && id != pairs.positiveIDs[pair] }
            let positive = logit(1, pair, pair)
            let others =
                (0..<shared).filter { counts(pairs.negativeIDs[$0]) }.map { logit(2, $0, pairCount + $0) }
                + (pair * perPair..<(pair + 1) * perPair).filter { counts(ownIDs[$0]) }
                .map { logit(3, $0, pairCount + shared + $0) }
            let total = ([positive] + others).reduce(0) { $0 + exp($1) }
            return sum + (log(total) - positive) / Double(pairCount)
        }
    }
}
