import Kernels
import Testing

@Suite struct HingeTests {
    // Elements are multiples of 1/4, so that scores are exact and some hinges' arguments are exactly 0.
    @Test(
        "the shared loss agrees with its formula at every number of negatives, skipping equal ids",
        arguments: InstructionSet.available)
    func shared(set: InstructionSet) {
        for negatives in set.awkwardCounts {
            check(set, pairs: 13, negatives: negatives, width: 6, seed: negatives)
        }
        for width in set.awkwardCounts {
            check(set, pairs: 5, negatives: 9, width: width, seed: 100 + width)
        }
        for pairs in [0, 1, 6, 7, 300] {
            check(set, pairs: pairs, negatives: 21, width: 8, seed: 200 + pairs)
        }
    }

    @Test(
        "the loss with own negatives agrees with its formula and adds to the pairs' gradients",
        arguments: InstructionSet.available)
    func own(set: InstructionSet) {
        for width in set.awkwardCounts {
            for (pairs, own) in [(0, 0), (3, 0), (1, 1), (7, 3), (150, 2)] {
                checkOwn(set, pairs: pairs, own: own, width: width)
            }
        }
    }

    @Test("by hand: two pairs, three negatives, one of them the first pair's own positive")
    func byHand() {
        // Scores of q0 = (1, 0): positive 1, negatives 0.5, 1 (skipped: id 11), 2 → hinges 0, –, 1.5.
        // Scores of q1 = (0, 1): positive 0, negatives 0, 0, −0.5 → hinges 0.5, 0.5, and 0 at the tie.
        let data = HingeData(
            queries: [[1, 0], [0, 1]], queryIDs: [1, 2], positives: [[1, 0], [1, 0]], positiveIDs: [11, 12],
            negatives: [[0.5, 0], [1, 0], [2, -0.5]], negativeIDs: [21, 11, 22], margin: 0.5)
        for set in InstructionSet.available {
            let result = data.run { Kernels(instructionSet: set).hingeLoss($0, margin: data.margin) }
            #expect(result == HingeResult(loss: 2.5 / 5, active: 3, counted: 5))
            // dq0 = n2 − p0, dq1 = (n0 − p1) + (n1 − p1), each times 1/5.
            #expect(data.dQueries.values == [0.2, -0.1, -0.1, 0])
            #expect(data.dPositives.values == [-0.2, 0, 0, -0.4])
            #expect(data.dNegatives.values == [0, 0.2, 0, 0.2, 0.2, 0])
        }
    }

    @Test("all negatives skipped: loss and gradients are 0")
    func allSkipped() {
        let data = HingeData(
            queries: [[1, 0]], queryIDs: [1], positives: [[1, 0]], positiveIDs: [2],
            negatives: [[5, 0], [5, 0]], negativeIDs: [1, 2], margin: 1)
        let result = data.run { Kernels().hingeLoss($0, margin: data.margin) }
        #expect(result == HingeResult(loss: 0, active: 0, counted: 0))
        #expect((data.dQueries.values + data.dPositives.values + data.dNegatives.values).allSatisfy { $0 == 0 })
    }

    @Test("a NaN among the negatives makes the loss NaN", arguments: InstructionSet.available)
    func notANumber(set: InstructionSet) {
        let data = HingeData(
            queries: [[1, 1]], queryIDs: [1], positives: [[1, 0]], positiveIDs: [2],
            negatives: [[0, 0], [.nan, 0]], negativeIDs: [3, 4], margin: 0.1)
        #expect(data.run { Kernels(instructionSet: set).hingeLoss($0, margin: data.margin) }.loss.isNaN)
        #expect(data.run { Kernels(instructionSet: set).hingeLossPerPair($0, margin: data.margin) }.loss.isNaN)
    }

    @Test(
        "gradients are the derivative: central differences in Double of every input",
        arguments: InstructionSet.available)
    func gradients(set: InstructionSet) {
        for isOwn in [false, true] {
            var random = Numbers(seed: 31)
            let data = HingeData(
                pairs: 6, negatives: isOwn ? 18 : 11, width: 19, margin: 0.3, ids: 12, random: &random
            ) {
                $0.nextFloat()
            }
            data.setPairGradients(to: 0)
            let result = data.run { problem in
                let kernels = Kernels(instructionSet: set)
                return isOwn
                    ? kernels.hingeLossPerPair(problem, margin: data.margin)
                    : kernels.hingeLoss(problem, margin: data.margin)
            }
            let inputs = [data.queries, data.positives, data.negatives].map { $0.values.map(Double.init) }
            #expect(data.nearestTie(inputs, isOwn: isOwn) > 1e-4, "seed 31 gives a hinge too near its kink")
            #expect(abs(result.loss - data.loss(inputs, isOwn: isOwn)) < 1e-6)
            #expect(result.active > 5 && result.counted > result.active)
            for (part, gradient) in [data.dQueries, data.dPositives, data.dNegatives].enumerated() {
                for (i, found) in gradient.values.enumerated() {
                    var (above, below) = (inputs, inputs)
                    above[part][i] += 1e-5
                    below[part][i] -= 1e-5
                    let expected = (data.loss(above, isOwn: isOwn) - data.loss(below, isOwn: isOwn)) / 2e-5
                    #expect(abs(Double(found) - expected) < 1e-6, "\(set), part \(part), element \(i), own \(isOwn)")
                }
            }
        }
    }

    private func check(_ set: InstructionSet, pairs: Int, negatives: Int, width: Int, seed: Int) {
        var random = Numbers(seed: UInt64(seed))
        let data = HingeData(
            pairs: pairs, negatives: negatives, width: width, margin: 0.25, ids: 40, random: &random
        ) {
            Float(Int.random(in: -4...4, using: &$0)) / 4
        }
        let twin = data.twin()
        let found = data.run { Kernels(instructionSet: set).hingeLoss($0, margin: data.margin) }
        let expected = twin.run { ScalarKernels.hingeLoss($0, margin: twin.margin) }
        #expect(found == expected, "\(set), \(pairs) pairs, \(negatives) negatives of \(width)")
        expectSameGradients(data, twin, "\(set), \(pairs) pairs, \(negatives) negatives of \(width)")
    }

    private func checkOwn(_ set: InstructionSet, pairs: Int, own: Int, width: Int) {
        var random = Numbers(seed: UInt64(pairs * 100 + width))
        let data = HingeData(
            pairs: pairs, negatives: pairs * own, width: width, margin: 0.25, ids: 8, random: &random
        ) {
            Float(Int.random(in: -4...4, using: &$0)) / 4
        }
        data.setPairGradients(to: 0.5)
        let twin = data.twin()
        let found = data.run { Kernels(instructionSet: set).hingeLossPerPair($0, margin: data.margin) }
        let expected = twin.run { ScalarKernels.hingeLossPerPair($0, margin: twin.margin) }
        #expect(found == expected, "\(set), \(pairs) pairs of \(own) negatives of \(width)")
        expectSameGradients(data, twin, "\(set), \(pairs) pairs of \(own) negatives of \(width)")
    }

    private func expectSameGradients(_ found: HingeData, _ expected: HingeData, _ what: String) {
        for (f, e) in [
            (found.dQueries, expected.dQueries), (found.dPositives, expected.dPositives),
            (found.dNegatives, expected.dNegatives),
        ] {
            // A mean's share of at most 1 on differences of at most 2, over at most 300 rows.
            let sizes = Island(e.matrix.rows, e.matrix.columns) { row, column in 1 + abs(e.matrix[row, column]) }
            let difference = firstDifference(f, e, sizes: sizes, terms: 20)
            #expect(difference == nil, "\(what)")
        }
        for input in [found.queries, found.positives, found.negatives] { #expect(input.isSeaUntouched) }
    }
}
