import Kernels
import Testing

@Suite struct UpdateTests {
    @Test("Adam agrees with its formula at every count, over several steps", arguments: InstructionSet.available)
    func adam(set: InstructionSet) {
        for count in Array(set.awkwardCounts) + [40_000] {
            var random = Numbers(seed: UInt64(count))
            let (p, g) = (Island(1, count, random: &random), Island(1, count, random: &random))
            let (m, v) = (Island(1, count) { _, _ in 0 }, Island(1, count) { _, _ in 0 })
            let (p2, m2, v2) = (p.copy(), m.copy(), v.copy())
            for step in 1...3 {
                Kernels(instructionSet: set).adamStep(
                    parameters: p.base, gradients: g.base, first: m.base, second: v.base, count: count,
                    learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: step)
                ScalarKernels.adamStep(
                    parameters: p2.base, gradients: g.base, first: m2.base, second: v2.base, count: count,
                    AdamRule(learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: step))
            }
            let ones = Island(1, count) { _, _ in 1 }
            for (found, expected) in [(p, p2), (m, m2), (v, v2)] {
                #expect(firstDifference(found, expected, sizes: ones, terms: 4) == nil, "\(set), \(count) parameters")
            }
        }
    }

    @Test("Adam of some rows is Adam of each, by its own number of steps", arguments: InstructionSet.available)
    func adamRows(set: InstructionSet) {
        for width in Array(set.awkwardCounts) {
            var random = Numbers(seed: UInt64(width))
            let (p, m, v) = (
                Island(9, width, random: &random), Island(9, width) { _, _ in 0 }, Island(9, width) { _, _ in 0 }
            )
            let (p2, m2, v2) = (p.copy(), m.copy(), v.copy())
            var (counts, expectedCounts) = ([Float](repeating: 0, count: 9), [Float](repeating: 0, count: 9))
            for rows: [UInt32] in [[3, 0, 8], [3], [8, 1, 3], []] {
                let g = Island(rows.count, width, random: &random)
                rows.withUnsafeBufferPointer {
                    Kernels(instructionSet: set).adamRows(
                        $0, parameters: p.matrix, gradients: g.matrix, first: m.matrix, second: v.matrix,
                        stepCounts: &counts, learningRate: 0.01)
                }
                for (i, row) in rows.map(Int.init).enumerated() {
                    func at(_ island: Island, _ row: Int) -> UnsafeMutablePointer<Float> {
                        island.base + row * island.matrix.stride
                    }
                    expectedCounts[row] += 1
                    ScalarKernels.adamStep(
                        parameters: at(p2, row), gradients: at(g, i), first: at(m2, row), second: at(v2, row),
                        count: width,
                        AdamRule(
                            learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: Int(expectedCounts[row]))
                    )
                }
            }
            #expect(counts == expectedCounts && counts == [1, 1, 0, 3, 0, 0, 0, 0, 2])
            let ones = Island(9, width) { _, _ in 1 }
            for (found, expected) in [(p, p2), (m, m2), (v, v2)] {
                #expect(firstDifference(found, expected, sizes: ones, terms: 4) == nil, "\(set), width \(width)")
                for row in [2, 4, 5, 6, 7] {
                    #expect((0..<width).allSatisfy { found.matrix[row, $0] == expected.matrix[row, $0] })
                }
            }
        }
    }

    @Test("Adam by hand: the first step goes by the learning rate against the gradient's sign")
    func adamByHand() {
        let p = Island(1, 3) { _, _ in 1 }
        let g = Island(1, 3) { _, column in [2, -0.5, 0][column] }
        let (m, v) = (Island(1, 3) { _, _ in 0 }, Island(1, 3) { _, _ in 0 })
        Kernels().adamStep(
            parameters: p.base, gradients: g.base, first: m.base, second: v.base, count: 3, learningRate: 0.25, step: 1)
        for (found, expected) in zip(p.values, [0.75, 1.25, 1] as [Float]) { #expect(abs(found - expected) < 1e-6) }
        #expect(abs(m.values[0] - 0.2) < 1e-6 && abs(v.values[0] - 0.004) < 1e-6)
    }

    @Test("sums of squares agree with Double at every count", arguments: InstructionSet.available)
    func squares(set: InstructionSet) {
        for count in Array(set.awkwardCounts) + [4_096, 10_001] {
            var random = Numbers(seed: UInt64(count))
            let x = Island(1, count, random: &random)
            let expected = ScalarKernels.sumOfSquares(x.base, count: count)
            let found = Kernels(instructionSet: set).sumOfSquares(x.base, count: count)
            #expect(abs(found - expected) <= 1e-6 * expected, "\(set), \(count): expected \(expected), found \(found)")
            withExtendedLifetime(x) {}
        }
    }
}
