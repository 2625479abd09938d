import Basics
import Configuration
import Evaluation
import Foundation
import GraphStore
import Kernels
import Sampling
import Search
import TestSupport
import Testing

@Suite("Baselines")
struct BaselinesTests {
    /// A graph, and the lists it was made from.
    struct Fixture {
        let boardsOfPins: [[UInt32]]
        let graph: BipartiteGraph
        private let folder: TemporaryDirectory

        init(_ boardsOfPins: [[UInt32]], features: [Float]? = nil, featureWidth: Int = 0) throws {
            folder = try TemporaryDirectory()
            let boardCount = (boardsOfPins.joined().max() ?? 0) + 1
            try GraphOnDisk.write(
                to: folder.file("graph"), boardsOfPins: boardsOfPins, boardCount: Int(boardCount), features: features,
                featureWidth: featureWidth)
            graph = try BipartiteGraph(directory: folder.file("graph"))
            self.boardsOfPins = boardsOfPins
        }

        static func random(seed: UInt64) throws -> Fixture {
            var random = CounterBasedGenerator(seed: seed, purpose: 8, 0, 0)
            let pins = Int.random(in: 2...60, using: &random)
            return try Fixture(
                (0..<pins).map { _ in
                    let share = Double.random(in: 0...0.5, using: &random)
                    return (0..<25 as Range<UInt32>).filter { _ in Double.random(in: 0..<1, using: &random) < share }
                })
        }

        var allPairs: [RowPair] {
            let pins = UInt32(boardsOfPins.count)
            return (0..<pins).flatMap { query in
                (0..<pins).filter { $0 != query }.map { RowPair(query: query, positive: $0) }
            }
        }

        /// The rule of ranks over plain scores.
        func rank(_ pair: RowPair, _ score: (Int) -> Double) -> Double {
            let own = score(Int(pair.positive))
            var rank = 1.0
            for pin in boardsOfPins.indices where pin != Int(pair.query) && pin != Int(pair.positive) {
                let other = score(pin)
                if other > own + 1e-6 { rank += 1 } else if other >= own - 1e-6 { rank += 0.5 }
            }
            return rank
        }

        func common(_ left: Int, _ right: Int) -> Int {
            Set(boardsOfPins[left]).intersection(boardsOfPins[right]).count
        }
    }

    /// Boards of five pins: pin 3 has none, pin 4 is the most popular.
    static let drawn: [[UInt32]] = [[0, 1], [0], [1], [], [0, 1, 2]]
    static let drawnPairs = [
        RowPair(query: 0, positive: 1), RowPair(query: 0, positive: 3), RowPair(query: 3, positive: 1),
        RowPair(query: 4, positive: 0),
    ]

    @Test("popularity ranks by the number of boards, ties in the middle, the query left out")
    func popularityByHand() throws {
        let ranks = Baselines.popularityRanks(Self.drawnPairs, graph: try Fixture(Self.drawn).graph)
        #expect(ranks == [2.5, 4, 3.5, 1])
    }

    @Test("item-kNN ranks by common boards, those without any last and level")
    func itemNeighborsByHand() throws {
        let team = ThreadTeam(threads: 1)
        let graph = try Fixture(Self.drawn).graph
        let ranks = Baselines.itemNeighborRanks(Self.drawnPairs, graph: graph, team: team)
        #expect(ranks == [2.5, 4, 2.5, 1])
    }

    @Test("shrinkage lets many common boards of popular pins win over a few of rare ones")
    func shrinkage() throws {
        // Query 0 is on boards 0–3. Pin 1 is on one of them and no other, pin 2 on three of them and eight others.
        let graph = try Fixture([[0, 1, 2, 3], [0], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]).graph
        let pairs = [RowPair(query: 0, positive: 1), RowPair(query: 0, positive: 2)]
        let team = ThreadTeam(threads: 1)
        // 1 / √4 against 3 / √44; with 10 added below, 1 / 12 against 3 / 16.6.
        #expect(Baselines.itemNeighborRanks(pairs, graph: graph, shrinkage: 0, team: team) == [1, 2])
        #expect(Baselines.itemNeighborRanks(pairs, graph: graph, team: team) == [2, 1])
    }

    @Test("ranks are those of plain loops over all pins", arguments: 0..<20 as Range<UInt64>)
    func plainTwins(seed: UInt64) throws {
        let fixture = try Fixture.random(seed: seed)
        let (pairs, graph) = (fixture.allPairs, fixture.graph)
        let degrees = fixture.boardsOfPins.map { Double($0.count) }
        let popularity = Baselines.popularityRanks(pairs, graph: graph)
        #expect(popularity == pairs.map { pair in fixture.rank(pair) { degrees[$0] } }, "seed \(seed)")
        let neighbors = Baselines.itemNeighborRanks(pairs, graph: graph, team: ThreadTeam(threads: 2))
        let expected = pairs.map { pair in
            fixture.rank(pair) { pin in
                let query = Int(pair.query)
                return Double(fixture.common(query, pin)) / ((degrees[query] * degrees[pin]).squareRoot() + 10)
            }
        }
        #expect(neighbors == expected, "seed \(seed)")
        let sharing = pairs.count { fixture.common(Int($0.query), Int($0.positive)) > 0 }
        #expect(Baselines.pairsSharingBoard(pairs, graph: graph) == sharing, "seed \(seed)")
    }

    @Test("walks find the pins of their component; all that no walk visits are level and last")
    func walksByHand() throws {
        let graph = try Fixture(HandDrawnGraph.boardsOfPin).graph
        let pairs = [(0, 1), (0, 4), (4, 0), (5, 0), (2, 3)].map { RowPair(query: $0, positive: $1) }
        let ranks = Baselines.walkRanks(pairs, graph: graph, team: ThreadTeam(threads: 1))
        // p0's walks see p1, p2, p3 and never p4, p5; nobody but p4 is on its board, p5 has none.
        #expect(ranks == [1, 4.5, 3, 3, 1])
    }

    @Test(
        "walk ranks are those of one walk at a time, whatever the number of threads", arguments: 0..<5 as Range<UInt64>)
    func walksPlainTwin(seed: UInt64) throws {
        let fixture = try Fixture.random(seed: seed)
        var settings = WalkSettings()
        (settings.count, settings.steps, settings.restart, settings.top) = (7, 20, 0.5, fixture.graph.pinCount)
        let walker = RandomWalk(graph: fixture.graph, walks: settings, seed: seed)
        let expected = fixture.allPairs.map { pair in
            let visited = walker.neighborhood(of: pair.query, window: .max - 1)
            let visits = Dictionary(uniqueKeysWithValues: visited.map { (Int($0.pin), Double($0.visits)) })
            return fixture.rank(pair) { visits[$0] ?? 0 }
        }
        for threads in [1, 3] {
            let team = ThreadTeam(threads: threads)
            let found = Baselines.walkRanks(
                fixture.allPairs, graph: fixture.graph, walks: 7, steps: 20, seed: seed, team: team)
            #expect(found == expected, "seed \(seed), \(threads) threads")
        }
    }
}
