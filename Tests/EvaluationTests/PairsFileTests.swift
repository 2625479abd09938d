import Artifacts
import Evaluation
import Search
import TestSupport
import Testing

private let separate = "Separate two ids by a tab."
private let unknown = "Drop the line, or evaluate embeddings of the pairs' graph."

@Suite("Pairs file")
struct PairsFileTests {
    let folder: TemporaryDirectory
    let ids: [String: UInt32] = ["a": 0, "b b": 1, "ü": 2]

    init() throws { folder = try TemporaryDirectory() }

    func read(_ text: String) throws -> [RowPair] {
        try PairsFile.read(path: try folder.write(text, to: "pairs.tsv")) { ids[$0] }
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
                "2: malformed pair: expected a query, a tab and a positive, found 1 tab-separated column. \(separate)"
            ),
            (
                "a\tü\t1\n",
                "1: malformed pair: expected a query, a tab and a positive, found 3 tab-separated columns. \(separate)"
            ),
            (
                "a\tü\n\na\tü\n",
                "2: malformed pair: expected a query, a tab and a positive, found 1 tab-separated column. \(separate)"
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
        #expect(throws: ArtifactError.self) { try PairsFile.read(path: folder.file("none.tsv")) { ids[$0] } }
    }
}
