import Artifacts
import Evaluation
import GraphStore
import Search
import TestSupport
import Testing

private let separate = "Separate ids by tabs."
private let unknown = "Drop the line, or evaluate embeddings of the pairs' graph."

@Suite("Pairs file")
struct PairsFileTests {
    let folder: TemporaryDirectory
    let ids: [String: UInt32] = ["a": 0, "b b": 1, "ü": 2]

    init() throws { folder = try TemporaryDirectory() }

    func read(_ text: String) throws -> [RowPair] {
        try PairsFile(path: try folder.write(text, to: "pairs.tsv")) { ids[$0] }.pairs
    }

    @Test("pairs are read in order, with or without a newline at the end, from either kind of line")
    func wellFormed() throws {
        let expected = [RowPair(query: 0, positive: 1), RowPair(query: 2, positive: 0)]
        #expect(try read("a\tb b\nü\ta\n") == expected)
        #expect(try read("a\tb b\nü\ta") == expected)
        #expect(try read("a\tb b\r\nü\ta\r\n") == expected)
    }

    @Test(
        "what is wrong is named with file and line",
        arguments: [
            (
                "a\tü\na b\n",
                "2: malformed pair: expected query, positive and perhaps a board, found 1 tab-separated column. \(separate)"
            ),
            (
                "a\tü\t1\t2\n",
                "1: malformed pair: expected query, positive and perhaps a board, found 4 tab-separated columns. \(separate)"
            ),
            (
                "a\tü\n\na\tü\n",
                "2: malformed pair: expected query, positive and perhaps a board, found 1 tab-separated column. \(separate)"
            ),
            ("a\tc\n", "1: unknown pin: expected an id of the embeddings' pins.txt, found \"c\". \(unknown)"),
            (
                "a\tü\nü\tü\n",
                "2: query and positive are the same pin: expected two pins, found \"ü\" twice. Drop the line."
            ),
        ])
    func malformed(text: String, problem: String) throws {
        let error = #expect(throws: EvaluationError.self) { try read(text) }
        #expect(error?.description == "evaluation: \(folder.file("pairs.tsv")):\(problem)")
    }

    @Test("a file without pairs is an error, a missing file too", arguments: ["", "\n"])
    func empty(text: String) throws {
        #expect(throws: EvaluationError.self) { try read(text) }
        #expect(throws: EvaluationError.noPairs(path: folder.file("pairs.tsv"))) { try read("") }
        #expect(throws: ArtifactError.self) { try PairsFile(path: folder.file("none.tsv")) { ids[$0] } }
    }

    @Test("a third column names the board; a pair that the graph still has on it is named with its line")
    func ownBoard() throws {
        try GraphOnDisk.write(
            to: folder.file("graph"), boardsOfPins: HandDrawnGraph.boardsOfPin, boardCount: 4)
        let graph = try BipartiteGraph(directory: folder.file("graph"))
        func file(_ text: String) throws -> PairsFile {
            let rows = try graph.pinIDs()
            return try PairsFile(path: try folder.write(text, to: "pairs.tsv")) { rows.row(of: $0) }
        }
        // Board 0 has pins 0 and 1, board 1 has 1, 2, 3; nobody knows board-9 any more.
        let sound = try file("pin-0\tpin-2\tboard-0\npin-0\tpin-1\npin-1\tpin-2\tboard-9\r\n")
        #expect(sound.boards == ["board-0", nil, "board-9"])
        #expect(try sound.checkHeldOut(from: graph) == 2)
        #expect(try file("pin-0\tpin-1\n").checkHeldOut(from: graph) == 0)
        let leaking = try file("pin-0\tpin-2\tboard-0\npin-3\tpin-1\tboard-1\n")
        let error = #expect(throws: EvaluationError.self) { try leaking.checkHeldOut(from: graph) }
        #expect(
            error?.description
                == "evaluation: \(folder.file("pairs.tsv")):2: pair in the graph: expected no edges of both pins to their "
                + "board, found both on \"board-1\". Train on a graph without them, or drop the line.")
    }
}
