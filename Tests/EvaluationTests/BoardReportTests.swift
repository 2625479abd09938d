import Artifacts
import Evaluation
import Foundation
import GraphStore
import Kernels
import Search
import TestSupport
import Testing

@Suite("Boards with held-out pins")
struct BoardReportTests {
    typealias Fixture = BaselinesTests.Fixture
    let folder: TemporaryDirectory
    let fixture: Fixture

    init() throws {
        folder = try TemporaryDirectory()
        fixture = try Fixture(HandDrawnGraph.boardsOfPin)
    }

    func heldOut(_ text: String, graph: BipartiteGraph? = nil) throws -> HeldOutBoards {
        let graph = graph ?? fixture.graph
        let ids = try graph.pinIDs()
        return try HeldOutBoards(path: try folder.write(text, to: "heldout.tsv"), graph: graph) { ids.row(of: $0) }
    }

    @Test("held-out edges are gathered by board; a repeated line counts once")
    func reading() throws {
        let found = try heldOut("board-2\tpin-0\nboard-0\tpin-3\r\nboard-2\tpin-5\nboard-2\tpin-0")
        #expect(found.boards == [0, 2])
        #expect(found.positives == [[3], [0, 5]])
        #expect(found.edgeCount == 3)
    }

    @Test(
        "what is wrong is named with file and line",
        arguments: [
            ("board-0\n", ":1: malformed edge: expected board TAB pin, found 1 tab-separated column."),
            ("board-0\tpin-3\tx\n", ":1: malformed edge: expected board TAB pin, found 3 tab-separated columns."),
            ("board-0\tpin-3\nboard-7\tpin-0\n", ":2: unknown board: expected an id of the graph's boards.txt, found"),
            ("board-0\tpin-9\n", ":1: unknown pin: expected an id of the embeddings' pins.txt, found \"pin-9\"."),
            (
                "board-1\tpin-2\n",
                ":1: edge in the graph: expected one that was held out, found \"pin-2\" on \"board-1\"."
            ),
            ("", ": no held-out edges: expected lines of board TAB pin, found an empty file."),
        ])
    func malformed(text: String, problem: String) throws {
        let error = #expect(throws: EvaluationError.self) { try heldOut(text) }
        #expect(error?.description.hasPrefix("evaluation: \(folder.file("heldout.tsv"))\(problem)") == true, "\(error)")
    }

    /// Rows by dot: board 0 has the mean (1, 0.5), board 2 (0.5, 1.5).
    func report(_ text: String, bias: [Float]? = nil) throws -> BoardReport {
        try writeNumpy(path: folder.file("e.npy"), shape: [6, 2], [1, 0, 1, 1, 0, 2, 1, 1, 3, 0, 0, 1] as [Float])
        let table = try VectorTable(npyPath: folder.file("e.npy"))
        let search = ExactSearch(table: table, metric: .dot, bias: bias, kernels: Kernels())
        let report = try EvaluationReport.measure(
            model: search, pairs: nil, boards: try heldOut(text), graph: .found(fixture.graph), top: [10],
            kernels: Kernels())
        #expect(report.pairs == nil)
        return try #require(report.boards)
    }

    @Test("recall and NDCG are those by hand: a board's own pins are no candidates, the bias counts")
    func byHand() throws {
        // Board 0 holds p0, p1. The others score 1, 1.5, 3, 0.5: p4, p3, p2, p5. Held out: p3 at place 2.
        // Board 2 holds p2, p3. The others score 0.5, 2, 1.5, 1.5: p1, p4, p5, p0. Held out: p0 at place 4, p1 at 1.
        let text = "board-0\tpin-3\nboard-2\tpin-0\nboard-2\tpin-1\n"
        let plain = try report(text)
        #expect(plain.boardCount == 2)
        #expect(plain.edgeCount == 3)
        #expect(plain.rows.map(\.key) == ["model", "svd_cosine", "svd_dot", "popularity", "item_knn"])
        func ndcg(_ first: [Double], _ second: [Double]) -> Double {
            func gain(_ places: [Double]) -> Double { places.reduce(0) { $0 + 1 / log2($1 + 1) } }
            return (gain(first) / gain([1]) + gain(second) / gain([1, 2])) / 2
        }
        #expect(plain.rows[0].recall == 1)
        #expect(abs(plain.rows[0].ndcg - ndcg([2], [4, 1])) < 1e-12)
        // A bias of 3 for p5 puts it before the others of board 0, and first for board 2.
        let biased = try report(text, bias: [0, 0, 0, 0, 0, 3])
        #expect(abs(biased.rows[0].ndcg - ndcg([3], [4, 2])) < 1e-12)
        // Two boards: p1, p2, p3; one: p0, p4; none: p5. Board 0: p2, p3, p4, p5; board 2: p1, p0.
        #expect(abs(plain.rows[3].ndcg - ndcg([2], [2, 1])) < 1e-12)
        // Board 0: p2 and p3 share a board with p1 and are level; board 2: p1 shares one, p0 none.
        #expect(plain.rows[4].recall == 0.75)
        #expect(abs(plain.rows[4].ndcg - ndcg([2], [1])) < 1e-12)
    }

    @Test("only the first 20 of a list count")
    func listLength() throws {
        // Board 0 holds pin 0; pins 1 … 24 score 24 … 1.
        let fixture = try Fixture([[0]] + [[UInt32]](repeating: [1], count: 24))
        let values: [Float] = [1] + (1...24).map { Float(25 - $0) }
        try writeNumpy(path: folder.file("e.npy"), shape: [25, 1], values)
        let search = ExactSearch(
            table: try VectorTable(npyPath: folder.file("e.npy")), metric: .dot, kernels: Kernels())
        let boards = try heldOut("board-0\tpin-20\nboard-0\tpin-21\n", graph: fixture.graph)
        let report = try EvaluationReport.measure(
            model: search, pairs: nil, boards: boards, graph: .found(fixture.graph), top: [10], kernels: Kernels())
        #expect(report.boards?.rows[0].recall == 0.5)
        let object = try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any]
        let heldout = try #require(object?["heldout"] as? [String: Any])
        #expect(heldout["boards"] as? Int == 1)
        #expect(heldout["edges"] as? Int == 2)
        let results = try #require(heldout["results"] as? [String: [String: Double]])
        #expect(results["model"]?["recall@20"] == 0.5)
        #expect(results["popularity"]?["NDCG@20"] != nil)
        let lines = report.table.split(separator: "\n").map(String.init)
        #expect(lines.first == "boards           recall@20   NDCG@20")
        #expect(lines.last == "1 boards with 2 held-out pins; a board is the mean of its pins")
    }

    @Test("simple methods' lists are those of plain loops", arguments: 0..<10 as Range<UInt64>)
    func plainTwins(seed: UInt64) throws {
        let fixture = try Fixture.random(seed: seed)
        let plain = fixture.boardsOfPins
        let boards = Array(0..<UInt32(fixture.graph.boardCount))
        func list(_ board: UInt32, _ score: (Int) -> Double, above least: Double) -> [UInt32] {
            let free = plain.indices.filter { !plain[$0].contains(board) && score($0) > least }
            return free.sorted { (-score($0), $0) < (-score($1), $1) }.prefix(20).map { UInt32($0) }
        }
        let popular = BoardBaselines.popular(boards, top: 20, graph: fixture.graph)
        #expect(popular == boards.map { list($0, { Double(plain[$0].count) }, above: -1) }, "seed \(seed)")
        func similarity(_ left: Int, _ right: Int) -> Float {
            Float(
                Double(fixture.common(left, right))
                    / (Double(plain[left].count * plain[right].count).squareRoot() + 10))
        }
        let neighbors = plain.indices.map { pin in
            let others = plain.indices.filter { $0 != pin && similarity(pin, $0) > 0 }
            return Array(others.sorted { (-similarity(pin, $0), $0) < (-similarity(pin, $1), $1) }.prefix(4))
        }
        let expected = boards.map { board in
            let own = plain.indices.filter { plain[$0].contains(board) }
            return list(
                board,
                { pin in
                    Double(own.reduce(Float(0)) { neighbors[$1].contains(pin) ? $0 + similarity($1, pin) : $0 })
                }, above: 0)
        }
        for threads in [1, 2] {
            let found = BoardBaselines.itemNeighbors(
                boards, top: 20, graph: fixture.graph, neighborCount: 4, team: ThreadTeam(threads: threads))
            #expect(found == expected, "seed \(seed)")
        }
    }
}
