import Configuration
import Foundation
import GraphStore
import Sampling
import TestSupport
import Testing

/// Boards that walks, pairs and counts do not see. Each χ² fails by chance with probability 10⁻⁶.
@Suite struct HiddenBoardsTests {
    private func settings(_ seed: UInt64, validation: Double = 0, disjoint: Double = 0) -> PipelineSettings {
        var settings = PipelineSettings()
        settings.seed = seed
        settings.validation.share = validation
        if disjoint > 0 { (settings.batch.supervision, settings.batch.supervisionShare) = (.disjoint, disjoint) }
        return settings
    }

    private func hiding(_ settings: PipelineSettings, window: UInt64 = 0) -> HiddenBoards {
        BoardHiding(settings).hidden(inWindow: window)
    }

    @Test("the share of hidden boards is as stated, and windows hide boards independently of each other")
    func share() {
        let count = 200_000
        for share in [0.001, 0.02, 0.1, 0.5] {
            let all = settings(3, validation: share, disjoint: share)
            let sets = (UInt64(0)..<4).map { window in
                let hidden = hiding(all, window: window)
                return (UInt32(0)..<UInt32(count)).map { hidden.supervision.contains($0) }
            }
            let validation = (UInt32(0)..<UInt32(count)).map { hiding(all).validation.contains($0) }
            /// Within five standard deviations of the binomial.
            func expectShare(_ found: Int, _ share: Double, _ what: String) {
                let mean = Double(count) * share
                #expect(abs(Double(found) - mean) <= 5 * (mean * (1 - share)).squareRoot() + 1, "\(what): \(found)")
            }
            for (number, set) in ([validation] + sets).enumerated() {
                expectShare(set.count(where: \.self), share, "share \(share), set \(number)")
                for other in ([validation] + sets)[..<number] {
                    expectShare(zip(set, other).count { $0 && $1 }, share * share, "share \(share), two sets")
                }
            }
        }
    }

    @Test("a board is hidden by seed and window alone, and without a share none is")
    func pure() {
        let boards = UInt32(0)..<1000
        func set(_ hidden: HiddenBoards) -> [UInt32] { boards.filter { hidden.hides($0) } }
        let some = settings(1, validation: 0.1)
        #expect(HiddenBoards.none.isEmpty && set(.none).isEmpty)
        #expect(hiding(settings(1), window: 7) == .none)
        #expect(set(HiddenBoards.validation(some)) == set(hiding(some, window: 9)))
        #expect(set(HiddenBoards.validation(some)) != set(HiddenBoards.validation(settings(2, validation: 0.1))))
        let both = settings(1, validation: 0.1, disjoint: 0.1)
        #expect(set(HiddenBoards.validation(some)).allSatisfy { hiding(both, window: 3).hides($0) })
        #expect(set(hiding(both, window: 3)) != set(hiding(both, window: 4)))
    }

    @Test("walks side by side past hidden boards equal one walk at a time, bit for bit")
    func twins() throws {
        var (emptied, lists) = (0, 0)
        for seed in UInt64(1)...4 {
            let test = try TestGraph.random(pins: 90, boards: 60, boardPinsMax: 8, seed: seed)
            for (count, steps, top) in [(1, 7, 3), (10, 20, 25), (41, 2, 5), (81, 3, 9)] {
                for share in [0.02, 0.3, 0.5] {
                    var walks = WalkSettings()
                    (walks.count, walks.steps, walks.top) = (count, steps, top)
                    walks.restart = seed % 2 == 0 ? 0.5 : 0
                    let hidden = hiding(settings(seed, validation: share / 2, disjoint: share), window: 5)
                    let sampler = NeighborhoodSampler(graph: test.graph, walks: walks, seed: seed)
                    let plain = RandomWalk(graph: test.graph, walks: walks, seed: seed)
                    let table = NeighborhoodTable()
                    sampler.sample(range: 0..<90, window: 5, hiding: hidden, into: table)
                    for pin in 0..<90 {
                        let expected = plain.neighborhood(of: UInt32(pin), window: 5, hiding: hidden)
                        #expect(table.pins(of: pin) == expected.map(\.pin), "seed \(seed), share \(share), pin \(pin)")
                        #expect(table.visits(of: pin) == expected.map(\.visits))
                        lists += 1
                        if test.graph.boardCount(of: UInt32(pin), hiding: hidden) == 0 {
                            #expect(expected.isEmpty)
                            emptied += test.graph.boards(of: UInt32(pin)).isEmpty ? 0 : 1
                        }
                    }
                }
            }
        }
        // Pins that lost all their boards were among them.
        #expect(emptied > lists / 100, "\(emptied) of \(lists)")
    }

    /// Probability of each pin at each step of a walk over the boards that are left.
    private func probabilities(
        _ boardsOfPin: [[UInt32]], _ pinsOfBoard: [[UInt32]], from start: Int, steps: Int, restart: Double
    ) -> [[Double]] {
        var place = boardsOfPin.indices.map { $0 == start ? 1.0 : 0.0 }
        return (0..<steps).map { _ in
            var visit = place.map { _ in 0.0 }
            for (pin, share) in place.enumerated() where share > 0 {
                for board in boardsOfPin[pin] {
                    let pins = pinsOfBoard[Int(board)]
                    for next in pins {
                        visit[Int(next)] += share / Double(boardsOfPin[pin].count) / Double(pins.count)
                    }
                }
            }
            place = visit.enumerated().map { (1 - restart) * $1 + ($0 == start ? restart : 0) }
            return visit
        }
    }

    @Test("visits past hidden boards follow the exact probabilities of the graph without them", arguments: [0.0, 0.5])
    func sameAsReducedGraph(restart: Double) throws {
        let rows = TestGraph.randomBoards(14, pinRange: 0..<12, boardPinsMax: 5, seed: 3)
        let test = try TestGraph(pinsOfBoard: rows, pinCount: 12)
        let hidden = hiding(settings(8, validation: 0.2, disjoint: 0.3))
        let boardsLeft = (0..<12).map { pin in
            Array(test.graph.boards(of: UInt32(pin))).filter { !hidden.hides($0) }
        }
        var walks = WalkSettings()
        (walks.count, walks.steps, walks.restart) = (10, 4, restart)
        let walk = RandomWalk(graph: test.graph, walks: walks, seed: 21)
        for start in 0..<12 where !boardsLeft[start].isEmpty {
            var counts = Array(repeating: Array(repeating: 0, count: 12), count: walks.steps)
            for window in UInt64(0)..<1000 {
                for number in 0..<walks.count {
                    let visits = walk.visits(from: UInt32(start), walk: number, window: window, hiding: hidden)
                    for (step, pin) in visits.enumerated() { counts[step][Int(pin)] += 1 }
                }
            }
            let exact = probabilities(boardsLeft, rows, from: start, steps: walks.steps, restart: restart)
            for step in 0..<walks.steps {
                // A pin that cannot be reached without the hidden boards expects nothing and must count nothing.
                let chi = chiSquared(counts[step], expected: exact[step].map { 10_000 * $0 })
                #expect(chi.value < chi.limit, "pin \(start), step \(step): \(counts[step]) \(exact[step])")
            }
        }
    }

    @Test("where most boards of a pin are hidden, each of the others is as likely")
    func fewVisible() throws {
        // Pin 0 is on every board, with one other pin on each.
        let test = try TestGraph(pinsOfBoard: (1...12).map { [0, $0] }, pinCount: 13)
        // A seed that hides at least nine of the twelve: one step in ten has to count the visible ones.
        let choices = (UInt64(0)..<2000).map { hiding(settings($0, validation: 0.5)) }
        let found = choices.first { hidden in (9...10).contains((UInt32(0)..<12).count { hidden.hides($0) }) }
        let hidden = try #require(found)
        var walks = WalkSettings()
        (walks.count, walks.steps) = (1, 1)
        let sampler = NeighborhoodSampler(graph: test.graph, walks: walks, seed: 4)
        let table = NeighborhoodTable()
        var counts = Array(repeating: 0, count: 13)
        for window in UInt64(0)..<30_000 {
            table.removeAll()
            sampler.sample(range: 0..<1, window: window, hiding: hidden, into: table)
            counts[Int(table.pins(of: 0).first ?? 0)] += 1
        }
        let visible = (UInt32(0)..<12).filter { !hidden.hides($0) }
        var expected = Array(repeating: 0.0, count: 13)
        expected[0] = 15_000
        for board in visible { expected[Int(board) + 1] = 15_000 / Double(visible.count) }
        let chi = chiSquared(counts, expected: expected)
        #expect(chi.value < chi.limit, "\(counts), expected \(expected)")
    }

    @Test("disjoint: a window's pairs come from boards that its walks do not see; none is ever held out")
    func batches() throws {
        // Each pin is on one board, so that a neighbour or a pair tells its board.
        let test = try TestGraph(pinsOfBoard: (0..<100).map { b in (0..<4).map { UInt32(4 * b + $0) } }, pinCount: 400)
        var settings = settings(6, validation: 0.2, disjoint: 0.3)
        (settings.batch.pairs, settings.batch.sharedNegatives, settings.batch.refreshBatches) = (40, 60, 3)
        settings.batch.excludePairEdges = false
        let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        var (supervising, seen, blind) = (Set<UInt32>(), Set<UInt32>(), 0)
        for index in UInt64(0)..<30 {
            let hidden = hiding(settings, window: index / 3)
            let batch = BatchContents(assembler.assemble(batchIndex: index))
            for (query, positive) in zip(batch.queries, batch.positives) {
                let board = batch.pins[Int(query)] / 4
                #expect(board == batch.pins[Int(positive)] / 4)
                #expect(hidden.supervision.contains(board) && !hidden.validation.contains(board))
                supervising.insert(board)
            }
            for (row, list) in batch.lists.flatMap({ Array($0.enumerated()) }) {
                let board = batch.pins[row] / 4
                #expect(list.isEmpty == hidden.hides(board), "batch \(index), board \(board)")
                #expect(list.allSatisfy { batch.pins[Int($0.row)] / 4 == board })
                if list.isEmpty { blind += 1 } else { seen.insert(board) }
            }
            for (row, pin) in batch.pins.enumerated() {
                #expect(batch.boardCounts[row] == (hidden.hides(pin / 4) ? 0 : 1))
            }
        }
        // Over ten windows nearly every board that is not held out has been on both sides.
        let usable = (UInt32(0)..<100).count { !hiding(settings).validation.contains($0) }
        #expect(supervising.count > usable * 8 / 10 && seen.count == usable && blind > 0)
        #expect(usable < 95)
    }

    @Test("shared: with boards held out, pairs, walks and counts are those of the graph without them")
    func validationOnly() throws {
        let test = try TestGraph(pinsOfBoard: (0..<100).map { b in (0..<4).map { UInt32(4 * b + $0) } }, pinCount: 400)
        let settings = settings(7, validation: 0.3)
        let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        let hidden = HiddenBoards.validation(settings)
        for index in UInt64(0)..<3 {
            let batch = BatchContents(assembler.assemble(batchIndex: index))
            #expect(batch.queries.allSatisfy { !hidden.hides(batch.pins[Int($0)] / 4) })
            for (row, list) in batch.lists[0].enumerated() {
                #expect(list.isEmpty == hidden.hides(batch.pins[row] / 4))
            }
            #expect(batch.boardCounts == batch.pins.map { hidden.hides($0 / 4) ? 0 : 1 })
        }
    }

    @Test(
        "pairs of a window are alike over its boards; a window without a board draws from all that are not held out",
        arguments: BatchSettings.BoardChoice.allCases)
    func pairs(boards: BatchSettings.BoardChoice) throws {
        let rows = TestGraph.randomBoards(12, pinRange: 0..<20, boardPinsMax: 5, seed: 9)
        let test = try TestGraph(pinsOfBoard: rows, pinCount: 20)
        for (share, window) in [(0.5, UInt64(2)), (0.001, 0)] {
            let settings = settings(3, validation: 0.2, disjoint: share)
            let hidden = hiding(settings, window: window)
            let sampler = try PairSampler(
                graph: test.graph, boards: boards, seed: 3, validation: hidden.validation)
            let open = rows.indices.filter { rows[$0].count >= 2 && !hidden.validation.contains(UInt32($0)) }
            let supervising = open.filter { hidden.supervision.contains(UInt32($0)) }
            #expect(supervising.isEmpty == (share == 0.001) && open.count > supervising.count)
            let eligible = supervising.isEmpty ? open : supervising
            let count = share == 0.001 ? 2000 : 20_000
            var counts = Array(repeating: 0, count: 400)
            for index in 0..<count {
                let pair = sampler.pair(index, batchIndex: 5, hiding: hidden)
                counts[Int(pair.query) * 20 + Int(pair.positive)] += 1
            }
            var expected = Array(repeating: 0.0, count: 400)
            let edges = eligible.reduce(0) { $0 + rows[$1].count }
            for board in eligible {
                let pins = rows[board]
                let share = boards == .uniform ? 1 / Double(eligible.count) : Double(pins.count) / Double(edges)
                for a in pins {
                    for b in pins where b != a {
                        expected[Int(a) * 20 + Int(b)] += Double(count) * share / Double(pins.count * (pins.count - 1))
                    }
                }
            }
            let chi = chiSquared(counts, expected: expected)
            #expect(chi.value < chi.limit, "share \(share): \(counts)")
        }
    }

    @Test("a graph whose boards are all held out has no pairs")
    func allHeldOut() throws {
        let test = try TestGraph(pinsOfBoard: [[0, 1]], pinCount: 2)
        let seed = try #require((UInt64(0)..<100).first { hiding(settings($0, validation: 0.5)).hides(0) })
        #expect(throws: SamplingError.noPairs(graph: test.graph.directory, boardCount: 1)) {
            try MinibatchAssembler(graph: test.graph, settings: settings(seed, validation: 0.5), recipe: 1)
        }
    }
}
