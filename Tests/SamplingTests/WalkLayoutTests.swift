import Configuration
import GraphStore
import Sampling
import TestSupport
import Testing

/// Walks over the layout, over compressed rows, and one at a time. Each χ² fails by chance with probability 10⁻⁶; seeds
/// are fixed, so that it fails always or never.
@Suite struct WalkLayoutTests {
    private func hiding(_ seed: UInt64, share: Double) -> HiddenBoards {
        var settings = PipelineSettings()
        settings.seed = seed
        settings.validation.share = share / 2
        if share > 0 { (settings.batch.supervision, settings.batch.supervisionShare) = (.disjoint, share) }
        return BoardHiding(settings).hidden(inWindow: 5)
    }

    private func walks(_ count: Int, _ steps: Int, _ top: Int, _ restart: Double) -> WalkSettings {
        var walks = WalkSettings()
        (walks.count, walks.steps, walks.top, walks.restart) = (count, steps, top, restart)
        return walks
    }

    @Test("layout, compressed rows and one walk at a time give the same bits, with hidden boards and without")
    func sameBits() throws {
        let shapes = [(1, 7, 3), (10, 50, 25), (41, 2, 5), (81, 3, 9), (200, 2, 500), (201, 3, 9), (433, 4, 25)]
        var withoutBoards = 0
        for seed in UInt64(1)...3 {
            let test = try TestGraph.random(
                pins: 120, boards: 50, boardPinsMax: seed == 3 ? 40 : 6, seed: seed)
            let graphs = try [nil, 1, 4].map { try test.with(unitShift: $0) }
            try #require(graphs.map { $0.layout?.unitShift } == [nil, 1, 4])
            for (count, steps, top) in shapes {
                for (restart, share) in [(0, 0), (0.5, 0), (0, 0.3), (0.5, 0.3), (0.85, 0.6)] {
                    let (walks, hidden) = (walks(count, steps, top, restart), hiding(seed, share: share))
                    let plain = RandomWalk(graph: graphs[0], walks: walks, seed: seed)
                    let tables = graphs.map { graph in
                        let table = NeighborhoodTable()
                        NeighborhoodSampler(graph: graph, walks: walks, seed: seed)
                            .sample(range: 0..<120, window: 5, hiding: hidden, into: table)
                        return table
                    }
                    for pin in 0..<120 {
                        let expected = plain.neighborhood(of: UInt32(pin), window: 5, hiding: hidden)
                        if test.graph.boards(of: UInt32(pin)).isEmpty { withoutBoards += 1 }
                        for (table, graph) in zip(tables, graphs) {
                            #expect(
                                table.pins(of: pin) == expected.map(\.pin)
                                    && table.visits(of: pin) == expected.map(\.visits),
                                """
                                seed \(seed), pin \(pin), T \(count), L \(steps), K \(top), restart \(restart), \
                                hidden \(share), unit \(graph.layout.map { "\($0.unitShift)" } ?? "none")
                                """)
                        }
                    }
                }
            }
        }
        #expect(withoutBoards > 0)
    }

    /// Personalised PageRank of a pin over the boards that are left: where a walk with restarts is after a step, in the
    /// long run.
    private func pageRank(_ graph: BipartiteGraph, from start: Int, restart: Double, _ hidden: HiddenBoards) -> [Double]
    {
        let boards = (0..<UInt32(graph.pinCount)).map { pin in
            Array(graph.boards(of: pin)).filter { !hidden.hides($0) }
        }
        var visit = boards.map { _ in 0.0 }
        for step in 0..<1000 {
            let place = visit.enumerated().map { pin, share in
                step == 0 ? (pin == start ? 1 : 0) : (1 - restart) * share + (pin == start ? restart : 0)
            }
            visit = boards.map { _ in 0 }
            for (pin, share) in place.enumerated() where share > 0 {
                for board in boards[pin] {
                    let pins = graph.pins(of: board)
                    for next in pins { visit[Int(next)] += share / Double(boards[pin].count * pins.count) }
                }
            }
        }
        return visit
    }

    @Test(
        "visits far along lock-step walks follow the exact personalised PageRank, whatever the layout",
        arguments: [(0.15, 0.0), (0.5, 0.0), (0.15, 0.4), (0.5, 0.4)])
    func pageRank(restart: Double, share: Double) throws {
        let rows = TestGraph.randomBoards(14, pinRange: 0..<12, boardPinsMax: 5, seed: 3)
        let test = try TestGraph(pinsOfBoard: rows, pinCount: 12)
        let hidden = hiding(8, share: share)
        #expect(hidden.isEmpty == (share == 0))
        // After 200 steps with restart 0.15 the beginning is forgotten up to 0.85²⁰⁰ < 10⁻¹⁴. One visit of each walk:
        // independent of all others.
        let walks = walks(100, 200, 25, restart)
        var walked = 0
        for unitShift in [nil, 1, 3] {
            let graph = try test.with(unitShift: unitShift)
            let sampler = NeighborhoodSampler(graph: graph, walks: walks, seed: 21)
            for start in 0..<12 where graph.hasBoard(UInt32(start), hiding: hidden) {
                var counts = [Int](repeating: 0, count: 12)
                for window in UInt64(0)..<200 {
                    [UInt32(start)].withUnsafeBufferPointer {
                        sampler.walk(pins: $0, window: window, hiding: hidden) { visits, walkCount in
                            for walk in 0..<walkCount {
                                let key = visits[(walks.steps - 1) * walkCount + walk]
                                let pin = graph.layout.map { $0.pinRows[Int(key) << $0.unitShift + 1] } ?? key
                                counts[Int(pin)] += 1
                            }
                        }
                    }
                }
                let exact = pageRank(graph, from: start, restart: restart, hidden)
                let chi = chiSquared(counts, expected: exact.map { 20_000 * $0 })
                #expect(
                    chi.value < chi.limit, "pin \(start), unit \(String(describing: unitShift)): \(counts), \(exact)")
                walked += 1
            }
        }
        #expect(walked >= 15)
    }
}
