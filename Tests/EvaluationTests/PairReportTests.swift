import Artifacts
import Evaluation
import Kernels
import Search
import TestSupport
import Testing

@Suite("Coverage and cold pins")
struct PairReportTests {
    typealias Fixture = BaselinesTests.Fixture
    let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    func report(
        _ boardsOfPins: [[UInt32]], values: [Float], bias: [Float]? = nil, pairs: String
    ) throws -> PairReport {
        let fixture = try Fixture(boardsOfPins)
        try writeNumpy(path: folder.file("e.npy"), shape: [values.count, 1], values)
        let table = try VectorTable(npyPath: folder.file("e.npy"))
        let plain = ExactSearch(table: table, metric: .dot, kernels: Kernels())
        let model = ExactSearch(table: table, metric: .dot, bias: bias, kernels: Kernels())
        let file = try PairsFile(path: try folder.write(pairs, to: "pairs.tsv")) { UInt32($0) }
        let report = try EvaluationReport.measure(
            model: model, plainModel: bias == nil ? nil : plain, pairs: file, graph: .found(fixture.graph),
            top: [1, 2],
            kernels: Kernels())
        return try #require(report.pairs)
    }

    @Test("coverage is the share of pins in the ten nearest of any query, with the prior and without")
    func coverage() throws {
        // Pin p has the value p − 10: a positive query finds 20 … 29, a negative one 0 … 9, each without itself.
        let values = (0..<30).map { Float($0) - 10 }
        let pairs = "12\t1\n15\t1\n9\t1\n"
        let graph = [[UInt32]](repeating: [0], count: 30)
        let bias = (0..<30).map { $0 >= 20 ? 1_000 : Float(0) }
        let found = try report(graph, values: values, bias: bias, pairs: pairs)
        // 9 finds 0 … 8 and 10, whose score is 0.
        #expect(found.rows.map(\.coverage).prefix(3) == [10 / 30.0, 20 / 30.0, nil])
        #expect(found.rows[1].key == "model_no_prior")
    }

    @Test("cold pairs are those whose positive has at most two boards")
    func cold() throws {
        // Pins 0 and 1 have three boards, 2 has two, 3 none. By dot, 3 is first for all, then 2.
        let graph: [[UInt32]] = [[0, 1, 2], [0, 1, 2], [0, 1], []]
        let found = try report(graph, values: [1, 2, 3, 4], pairs: "0\t1\n0\t2\n1\t3\n3\t0\n")
        #expect(found.coldPairCount == 2)
        let model = found.rows[0]
        #expect(model.metrics.pairCount == 4)
        #expect(model.cold?.pairCount == 2)
        // Ranks 2 and 1.
        #expect(model.cold?.hitRates.map(\.rate) == [0.5, 1])
        #expect(model.cold?.meanReciprocalRank == 0.75)
        let warm = try report(graph, values: [1, 2, 3, 4], pairs: "0\t1\n")
        #expect(warm.coldPairCount == 0)
        #expect(warm.rows[0].cold == nil)
    }
}
