import Configuration
import GraphStore
import Sampling
import TestSupport
import Testing

@Suite struct NeighborhoodSamplerTests {
    private func settings(_ count: Int, _ steps: Int, _ top: Int, _ restart: Double) -> WalkSettings {
        var settings = WalkSettings()
        (settings.count, settings.steps, settings.top, settings.restart) = (count, steps, top, restart)
        return settings
    }

    private func sample(
        _ pins: [UInt32], _ sampler: NeighborhoodSampler, window: UInt64, into table: NeighborhoodTable
    ) {
        pins.withUnsafeBufferPointer { sampler.sample(pins: $0, window: window, into: table) }
    }

    /// Values by an independent program: Philox and SplitMix written down again in another language.
    @Test("walks are the documented function of seed, window, pin, walk and step")
    func knownWalks() throws {
        let test = try TestGraph.handDrawn()
        let returning = RandomWalk(graph: test.graph, walks: settings(10, 12, 25, 0.5), seed: 7)
        #expect(returning.visits(from: 1, walk: 0, window: 3) == [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1])
        #expect(returning.visits(from: 1, walk: 2, window: 3) == [1, 0, 0, 2, 3, 2, 3, 1, 1, 1, 1, 0])
        let plain = RandomWalk(graph: test.graph, walks: settings(10, 12, 25, 0), seed: 7)
        #expect(plain.visits(from: 2, walk: 1, window: .max) == [3, 2, 1, 3, 3, 1, 1, 2, 2, 2, 3, 3])
    }

    @Test("walks side by side equal one walk at a time, bit for bit, for many shapes and seeds")
    func twins() throws {
        let graphs = try [
            TestGraph.handDrawn(), TestGraph.random(pins: 1, boards: 1, seed: 1),
            TestGraph.random(pins: 37, boards: 20, boardPinsMax: 1, seed: 2),
            TestGraph.random(pins: 60, boards: 25, seed: 3),
            TestGraph.random(pins: 300, boards: 90, boardPinsMax: 40, seed: 4),
        ]
        // Walks around the number of lanes, odd steps, lists shorter and longer than there are pins.
        let shapes = [
            (1, 1, 1), (1, 7, 3), (3, 5, 2), (7, 11, 1000), (10, 50, 25), (39, 3, 4), (40, 2, 5), (41, 2, 5),
            (79, 1, 7),
            (80, 3, 9), (99, 3, 9), (100, 3, 9), (101, 2, 11), (199, 3, 9), (200, 3, 9), (201, 3, 9), (433, 4, 25),
        ]
        for (seed, test) in graphs.enumerated() {
            for (count, steps, top) in shapes {
                for restart in [0.0, 0.5, 0.85] {
                    let walks = settings(count, steps, top, restart)
                    let sampler = NeighborhoodSampler(graph: test.graph, walks: walks, seed: UInt64(seed))
                    let plain = RandomWalk(graph: test.graph, walks: walks, seed: UInt64(seed))
                    let table = NeighborhoodTable()
                    let pins = Array((0..<UInt32(test.graph.pinCount)).prefix(41))
                    sample(pins, sampler, window: 9, into: table)
                    #expect(table.count == pins.count)
                    for (list, pin) in pins.enumerated() {
                        let expected = plain.neighborhood(of: pin, window: 9)
                        let found = zip(table.pins(of: list), table.visits(of: list)).map { [UInt32($0), UInt32($1)] }
                        #expect(
                            found == expected.map { [$0.pin, UInt32($0.visits)] },
                            "graph \(seed), T \(count), L \(steps), K \(top), restart \(restart), pin \(pin)")
                    }
                }
            }
        }
    }

    @Test("a neighbourhood does not depend on its company, and lists are appended")
    func pure() throws {
        let test = try TestGraph.random(pins: 50, boards: 30, seed: 5)
        let sampler = NeighborhoodSampler(graph: test.graph, walks: WalkSettings(), seed: 1)
        let (together, alone) = (NeighborhoodTable(), NeighborhoodTable())
        sample([7, 3, 7, 49, 0, 11, 12, 13, 14, 15, 3], sampler, window: 2, into: together)
        for pin in [UInt32(7), 3, 7, 49, 0, 11, 12, 13, 14, 15, 3] { sample([pin], sampler, window: 2, into: alone) }
        #expect(together.count == 11 && alone.count == 11)
        for list in 0..<11 {
            #expect(together.pins(of: list) == alone.pins(of: list))
            #expect(together.visits(of: list) == alone.visits(of: list))
        }
        // 500 visits for each pin that has a board.
        let walked = [7, 3, 7, 49, 0, 11, 12, 13, 14, 15, 3].filter { test.graph.boards(of: UInt32($0)).count > 0 }
        #expect(sampler.walkStepCount == UInt64(2 * 500 * walked.count))
    }

    @Test("another window or seed gives other walks")
    func windows() throws {
        let test = try TestGraph.random(pins: 200, boards: 60, boardPinsMax: 20, seed: 6)
        func visits(seed: UInt64, window: UInt64) -> [[Int32]] {
            let sampler = NeighborhoodSampler(graph: test.graph, walks: WalkSettings(), seed: seed)
            let table = NeighborhoodTable()
            sampler.sample(range: 0..<20, window: window, into: table)
            return (0..<20).map { table.visits(of: $0) }
        }
        #expect(visits(seed: 1, window: 0) == visits(seed: 1, window: 0))
        let runs = [
            visits(seed: 1, window: 0), visits(seed: 2, window: 0), visits(seed: 1, window: 1),
            visits(seed: 1, window: 1 << 32), visits(seed: 1, window: NeighborhoodSampler.embeddingWindow),
        ]
        for a in runs.indices { for b in 0..<a { #expect(runs[a] != runs[b], "\(a) and \(b)") } }
    }

    @Test("pins without boards, and pins alone on theirs, have no neighbours")
    func empty() throws {
        let test = try TestGraph.handDrawn()
        let sampler = NeighborhoodSampler(graph: test.graph, walks: WalkSettings(), seed: 1)
        let table = NeighborhoodTable()
        sample([4, 5, 0, 5, 4], sampler, window: 0, into: table)
        #expect([0, 1, 3, 4].allSatisfy { table.pins(of: $0).isEmpty })
        #expect(!table.pins(of: 2).isEmpty)
        #expect(table.weights(of: 0, pooling: .importance).isEmpty)
        #expect(table.weights(of: 1, pooling: .uniform).isEmpty)
    }

    @Test("weights are shares of the visits, or all alike, and sum to 1")
    func weights() throws {
        let test = try TestGraph.random(pins: 100, boards: 60, seed: 7)
        let sampler = NeighborhoodSampler(graph: test.graph, walks: WalkSettings(), seed: 1)
        let table = NeighborhoodTable()
        sampler.sample(range: 0..<100, window: 0, into: table)
        for pooling in WalkSettings.Pooling.allCases {
            for list in 0..<100 where !table.entries(of: list).isEmpty {
                let visits = table.visits(of: list).map(Double.init)
                let weights = table.weights(of: list, pooling: pooling)
                let total = visits.reduce(0, +)
                for (weight, visit) in zip(weights, visits) {
                    let expected = pooling == .importance ? visit / total : 1 / Double(visits.count)
                    #expect(abs(Double(weight) - expected) < 1e-7)
                }
                #expect(abs(weights.reduce(0, +) - 1) < 1e-5)
            }
        }
    }
}
