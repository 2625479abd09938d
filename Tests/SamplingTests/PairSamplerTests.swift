import Configuration
import GraphStore
import Sampling
import TestSupport
import Testing

/// Each χ² fails by chance with probability 10⁻⁶.
@Suite struct PairSamplerTests {
    @Test(
        "ordered pairs of a board are alike; boards are drawn alike or by their pins, never one with a single pin",
        arguments: BatchSettings.BoardChoice.allCases)
    func pairs(boards: BatchSettings.BoardChoice) throws {
        let test = try TestGraph.handDrawn()
        let sampler = try PairSampler(graph: test.graph, boards: boards, seed: 5)
        var counts = Array(repeating: 0, count: 36)
        let (batches, perBatch) = (300, 100)
        for batch in 0..<batches {
            for index in 0..<perBatch {
                let pair = sampler.pair(index, batchIndex: UInt64(batch))
                counts[Int(pair.query) * 6 + Int(pair.positive)] += 1
            }
        }
        var expected = Array(repeating: 0.0, count: 36)
        let eligible = HandDrawnGraph.pinsOfBoard.filter { $0.count >= 2 }
        let edges = eligible.reduce(0) { $0 + $1.count }
        for pins in eligible {
            let board = boards == .uniform ? 1 / Double(eligible.count) : Double(pins.count) / Double(edges)
            for a in pins {
                for b in pins where b != a {
                    expected[Int(a) * 6 + Int(b)] +=
                        Double(batches * perBatch) * board / Double(pins.count * (pins.count - 1))
                }
            }
        }
        let chi = chiSquared(counts, expected: expected)
        #expect(chi.value < chi.limit, "seed 5: \(counts), expected \(expected)")
    }

    @Test("negatives are uniform over all pins, those without boards among them")
    func negatives() {
        let sampler = NegativeSampler(pinCount: 13, seed: 6)
        var counts = Array(repeating: 0, count: 13)
        for batch in 0..<200 {
            for index in 0..<500 { counts[Int(sampler.negative(index, batchIndex: UInt64(batch)))] += 1 }
        }
        let chi = chiSquared(counts, expected: Array(repeating: 100_000 / 13.0, count: 13))
        #expect(chi.value < chi.limit, "seed 6: \(counts)")
    }

    @Test("draws depend on seed, batch and index, and on nothing else")
    func pure() throws {
        let test = try TestGraph.random(pins: 500, boards: 200, seed: 1)
        func draw(_ seed: UInt64, _ batch: UInt64) throws -> [UInt32] {
            let pairs = try PairSampler(graph: test.graph, boards: .uniform, seed: seed)
            let negatives = NegativeSampler(pinCount: 500, seed: seed)
            return (0..<20).reversed().flatMap { index in
                let pair = pairs.pair(index, batchIndex: batch)
                return [pair.query, pair.positive, negatives.negative(index, batchIndex: batch)]
            }
        }
        #expect(try draw(1, 0) == draw(1, 0))
        #expect(try Set([draw(1, 0), draw(2, 0), draw(1, 1), draw(1, 1 << 33)]).count == 4)
    }
}
