import Configuration
import GraphStore
import Sampling
import TestSupport
import Testing

/// Walks against exact probabilities on the hand-drawn graph. Each χ² fails by chance with probability 10⁻⁶.
@Suite struct WalkStatisticsTests {
    /// Probability of each pin to be visited at each step, by powers of the step's matrix.
    static func visitProbabilities(from start: Int, steps: Int, restart: Double) -> [[Double]] {
        let boards = HandDrawnGraph.boardsOfPin
        let pins = HandDrawnGraph.pinsOfBoard
        var place = boards.indices.map { $0 == start ? 1.0 : 0.0 }
        return (0..<steps).map { _ in
            var visit = place.map { _ in 0.0 }
            for (pin, share) in place.enumerated() {
                for board in boards[pin] {
                    for next in pins[Int(board)] {
                        visit[Int(next)] += share / Double(boards[pin].count) / Double(pins[Int(board)].count)
                    }
                }
            }
            place = visit.enumerated().map { (1 - restart) * $1 + ($0 == start ? restart : 0) }
            return visit
        }
    }

    @Test("visits at each step of a walk follow the exact probabilities", arguments: [0.0, 0.5, 0.85])
    func singleSteps(restart: Double) throws {
        let test = try TestGraph.handDrawn()
        var settings = WalkSettings()
        (settings.count, settings.steps, settings.restart) = (10, 6, restart)
        let walk = RandomWalk(graph: test.graph, walks: settings, seed: 11)
        for start in 0..<5 {
            var counts = Array(repeating: Array(repeating: 0, count: 6), count: settings.steps)
            for window in 0..<2000 {
                for number in 0..<settings.count {
                    let visits = walk.visits(from: UInt32(start), walk: number, window: UInt64(window))
                    for (step, pin) in visits.enumerated() { counts[step][Int(pin)] += 1 }
                }
            }
            let exact = Self.visitProbabilities(from: start, steps: settings.steps, restart: restart)
            for step in 0..<settings.steps {
                let chi = chiSquared(counts[step], expected: exact[step].map { 20_000 * $0 })
                #expect(chi.value < chi.limit, "pin \(start), step \(step), seed 11: \(counts[step]) \(exact[step])")
            }
        }
    }

    @Test("mean visits of the fast sampler lie within 5 standard errors of the exact ones", arguments: [0.0, 0.5])
    func meanVisits(restart: Double) throws {
        let test = try TestGraph.handDrawn()
        var settings = WalkSettings()
        (settings.count, settings.steps, settings.restart, settings.top) = (10, 8, restart, 6)
        let sampler = NeighborhoodSampler(graph: test.graph, walks: settings, seed: 12)
        let windows = 4000
        for start in 0..<4 {
            var (sums, squares) = (Array(repeating: 0.0, count: 6), Array(repeating: 0.0, count: 6))
            let table = NeighborhoodTable()
            for window in 0..<windows {
                table.removeAll()
                sampler.sample(range: start..<(start + 1), window: UInt64(window), into: table)
                for (pin, visits) in zip(table.pins(of: 0), table.visits(of: 0)) {
                    sums[Int(pin)] += Double(visits)
                    squares[Int(pin)] += Double(visits) * Double(visits)
                }
            }
            let exact = Self.visitProbabilities(from: start, steps: settings.steps, restart: restart)
            for pin in 0..<6 where pin != start {
                let expected = Double(settings.count) * exact.reduce(0) { $0 + $1[pin] }
                let mean = sums[pin] / Double(windows)
                let error = ((squares[pin] / Double(windows) - mean * mean) / Double(windows)).squareRoot()
                #expect(
                    abs(mean - expected) <= 5 * error,
                    "pin \(start) → \(pin), seed 12: expected \(expected), found \(mean) ± \(error)")
            }
        }
    }

    @Test("a walk never leaves its component, and reaches all of it")
    func components() throws {
        // Two components: pins 0 … 19 and 20 … 39, each held together by a chain of pairs.
        let chains = (0..<39).filter { $0 != 19 }.map { [UInt32($0), UInt32($0) + 1] }
        let boards =
            chains + TestGraph.randomBoards(30, pinRange: 0..<20, boardPinsMax: 5, seed: 1)
            + TestGraph.randomBoards(30, pinRange: 20..<40, boardPinsMax: 5, seed: 2)
        let test = try TestGraph(pinsOfBoard: boards, pinCount: 40)
        var settings = WalkSettings()
        (settings.count, settings.steps, settings.restart, settings.top) = (40, 50, 0.1, 40)
        let sampler = NeighborhoodSampler(graph: test.graph, walks: settings, seed: 3)
        let table = NeighborhoodTable()
        sampler.sample(range: 0..<40, window: 0, into: table)
        for pin in 0..<40 {
            let found = table.pins(of: pin)
            #expect(found.allSatisfy { ($0 < 20) == (pin < 20) }, "pin \(pin)")
            #expect(found.count == 19, "pin \(pin) reached \(found)")
        }
    }
}
