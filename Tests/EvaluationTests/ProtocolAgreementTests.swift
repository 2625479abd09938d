import Artifacts
import Basics
import Evaluation
import Foundation
import GraphStore
import Kernels
import Search
import TestSupport
import Testing

/// Holds our metrics against `eval_pairs.py`, an independent evaluator written with NumPy.
@Suite("Agreement with an independent evaluator", .enabled(if: Evaluator.reason == nil, Evaluator.comment))
struct ProtocolAgreementTests {
    @Test("whole-number vectors, where sums are exact, give the same metrics to 1e-9")
    func exactArithmetic() throws {
        let (rows, width) = (1_500, 12)
        let folder = try TemporaryDirectory()
        var random = CounterBasedGenerator(seed: 1, purpose: 8, 0, 0)
        let values = (0..<rows * width).map { _ in Float(Int.random(in: -2...2, using: &random)) }
        let bias = (0..<rows).map { _ in Float(Int.random(in: 0...4, using: &random)) / 4 }
        try writeNumpy(path: folder.file("table.npy"), shape: [rows, width], values)
        try writeNumpy(path: folder.file("bias.npy"), shape: [rows], bias)
        try folder.write((0..<rows).map { "pin-\($0)\n" }.joined(), to: "pins.txt")
        let pairs = (0..<700).map { _ in
            let query = UInt32.random(in: 0..<1_499, using: &random)
            return RowPair(query: query, positive: UInt32.random(in: query + 1..<1_500, using: &random))
        }
        try folder.write(pairs.map { "pin-\($0.query)\tpin-\($0.positive)\n" }.joined(), to: "pairs.tsv")
        let table = try VectorTable(npyPath: folder.file("table.npy"))
        for bias in [nil, bias] {
            let options = ["--metric", "dot"] + (bias == nil ? [] : ["--bias", folder.file("bias.npy")])
            let theirs = try Evaluator.run(folder, table: folder.file("table.npy"), options)
            let search = ExactSearch(table: table, metric: .dot, bias: bias, kernels: Kernels())
            let ours = Metrics(ranks: search.ranks(of: pairs), top: [10, 100, 500])
            Evaluator.expect(ours, theirs, within: 1e-9)
        }
    }

    @Test("vectors and a bias from real papers, rounded so that sums are exact, give the same metrics to 1e-9")
    func realVectors() throws {
        let data = try RealGraph(data: try #require(Evaluator.data))
        let kernels = Kernels(team: ThreadTeam(threads: 2))
        let features = try #require(data.graph.features)
        let vectors = BaselineVectors.graphMean(features, graph: data.graph, kernels: kernels)
        // Multiples of 2⁻⁹: products of 2⁻¹⁸, sums below 2 exact in 24 bits.
        func rounded(_ value: Float) -> Float { (value * 512).rounded() / 512 }
        let values = (0..<vectors.rows * vectors.columns).map {
            rounded(vectors[$0 / vectors.columns, $0 % vectors.columns])
        }
        let bias = (0..<UInt32(vectors.rows)).map { pin in
            rounded(0.05 * log(1 + Float(data.graph.boards(of: pin).count)))
        }
        let folder = data.folder
        try writeNumpy(path: folder.file("table.npy"), shape: [vectors.rows, vectors.columns], values)
        try writeNumpy(path: folder.file("bias.npy"), shape: [bias.count], bias)
        let pairs = Array(data.pairs.prefix(2_000))
        try data.write(pairs)
        let theirs = try Evaluator.run(
            folder, table: folder.file("table.npy"), ["--metric", "dot", "--bias", folder.file("bias.npy")])
        let table = try VectorTable(npyPath: folder.file("table.npy"))
        let ranks = ExactSearch(table: table, metric: .dot, bias: bias, kernels: kernels).ranks(of: pairs)
        Evaluator.expect(Metrics(ranks: ranks, top: [10, 100, 500]), theirs, within: 1e-9)
    }

    @Test("content features of real papers by cosine give the same metrics, but for rounding at the edge of a tie")
    func realFeatures() throws {
        let data = try RealGraph(data: try #require(Evaluator.data))
        let pairs = Array(data.pairs.prefix(1_000))
        try data.write(pairs)
        let kernels = Kernels(team: ThreadTeam(threads: 2))
        let ranks = try data.contentRanks(pairs, kernels)
        let theirs = try Evaluator.run(data.folder, table: data.folder.file("graph/features.npy"), [])
        // A rank may differ by a half, which moves a hit-rate by 1/1,000 only where it crosses K.
        Evaluator.expect(Metrics(ranks: ranks, top: [10, 100, 500]), theirs, within: 2e-6)
    }
}

@Suite("Baselines on real data", .enabled(if: Evaluator.data != nil, "PINSAGE_DATA is not set: citeulike-t is in it"))
struct RealBaselinesTests {
    @Test("on citeulike-t each baseline reaches what was measured independently, to the last digit given")
    func citeulike() throws {
        let data = try RealGraph(data: try #require(Evaluator.data))
        let kernels = Kernels(team: ThreadTeam(threads: 2))
        func expect(_ ranks: [Double]?, _ percent: [Double], _ mrr: Double, _ name: String) throws {
            let metrics = Metrics(ranks: try #require(ranks), top: [10, 100, 500])
            let found = metrics.hitRates.map { ($0.rate * 1_000).rounded() / 10 }
            #expect(found.prefix(percent.count) == percent[...], "\(name)")
            #expect((metrics.meanReciprocalRank * 10_000).rounded() / 10_000 == mrr || mrr == 0, "\(name)")
        }
        let (pairs, graph) = (data.pairs, data.graph)
        #expect(pairs.count == 10_000)
        try expect(data.contentRanks(pairs, kernels), [1.7, 8.8, 20.9], 0.0083, "content")
        try expect(Baselines.popularityRanks(pairs, graph: graph), [1.7, 7.5, 19.2], 0.0092, "popularity")
        let team = kernels.team
        try expect(
            Baselines.itemNeighborRanks(pairs, graph: graph, shrinkage: 0, team: team), [2.8, 8.8, 18.6], 0.0133,
            "item-kNN")
        try expect(Baselines.itemNeighborRanks(pairs, graph: graph, team: team), [3.9], 0, "item-kNN, shrunk")
    }

    @Test("on citeulike-t vectors without training reach what was measured independently, but for rounding")
    func citeulikeVectors() throws {
        let data = try RealGraph(data: try #require(Evaluator.data))
        let kernels = Kernels(team: ThreadTeam(threads: 2))
        func expect(_ vectors: Matrix, _ metric: Metric, _ percent: [Double], _ name: String) {
            let ranks = ExactSearch(table: vectors, metric: metric, kernels: kernels).ranks(of: data.pairs)
            for (rate, percent) in zip(Metrics(ranks: ranks, top: [10, 100, 500]).hitRates, percent) {
                #expect(abs(100 * rate.rate - percent) < 0.4, "\(name), \(rate): expected \(percent) %")
            }
        }
        // The decomposition by a Lanczos solver in double precision; the means by sparse products. The spectrum is flat,
        // 0.92 at rank 64, so that the basis still turns a little after 100 iterations.
        let svd = AdjacencySVD(graph: data.graph, kernels: kernels)
        #expect(abs(svd.singularValues[63] - 0.91958) < 5e-4)
        expect(svd.pins, .cosine, [1.96, 8.00, 19.55], "SVD, cosine")
        expect(svd.pins, .dot, [2.18, 10.59, 27.15], "SVD, dot")
        let features = try #require(data.graph.features)
        let means = BaselineVectors.graphMean(features, graph: data.graph, kernels: kernels)
        expect(means, .cosine, [2.87, 12.94, 29.69], "graph mean")
    }
}

/// citeulike-t, imported.
struct RealGraph {
    let folder: TemporaryDirectory
    let graph: BipartiteGraph
    let ids: ExternalIDs
    let pairs: [RowPair]

    init(data: String) throws {
        let source = data + "/citeulike-t"
        folder = try TemporaryDirectory()
        var options = GraphImportOptions(edges: source + "/edges.tsv", output: folder.file("graph"))
        options.pins = source + "/pins.txt"
        options.features = source + "/features.npy"
        _ = try GraphImport.run(options)
        graph = try BipartiteGraph(directory: folder.file("graph"))
        let ids = try graph.pinIDs()
        self.ids = ids
        pairs = try PairsFile(path: source + "/pairs.tsv") { ids.row(of: $0) }.pairs
    }

    /// Writes `pins.txt` and `pairs.tsv` for the independent evaluator.
    func write(_ pairs: [RowPair]) throws {
        let lines = pairs.map { "\(ids.id(Int($0.query)))\t\(ids.id(Int($0.positive)))\n" }
        try folder.write(lines.joined(), to: "pairs.tsv")
        try folder.write(try folder.text("graph/pins.txt"), to: "pins.txt")
    }

    func contentRanks(_ pairs: [RowPair], _ kernels: Kernels) throws -> [Double] {
        ExactSearch(table: try #require(graph.features), metric: .cosine, kernels: kernels).ranks(of: pairs)
    }
}

/// Runs `eval_pairs.py` of the data folder.
enum Evaluator {
    static let data = ProcessInfo.processInfo.environment["PINSAGE_DATA"]
    static var comment: Comment { Comment(rawValue: reason ?? "") }

    /// Why it cannot be run; nil if it can.
    static let reason: String? = {
        guard let data else { return "PINSAGE_DATA is not set: eval_pairs.py is in that folder" }
        guard FileManager.default.fileExists(atPath: data + "/eval_pairs.py") else {
            return "no eval_pairs.py in \(data)"
        }
        return Python.hasNumPy ? nil : "python3 cannot import numpy"
    }()

    static func run(_ folder: TemporaryDirectory, table: String, _ options: [String]) throws -> [String: Double] {
        let script = try #require(data) + "/eval_pairs.py"
        let text = try Python.run([script, table, folder.file("pins.txt"), folder.file("pairs.tsv")] + options)
        return try JSONDecoder().decode([String: Double].self, from: Data(text.utf8))
    }

    static func expect(_ ours: Metrics, _ theirs: [String: Double], within tolerance: Double) {
        var pairs = ours.hitRates.map { ("hit@\($0.top)", $0.rate) }
        pairs += [("MRR", ours.meanReciprocalRank), ("MRR100", ours.scaledReciprocalRank)]
        for (name, value) in pairs {
            let expected = theirs[name] ?? .nan
            #expect(abs(value - expected) <= tolerance, "\(name): expected \(expected), found \(value)")
        }
        #expect(abs(ours.medianRank - (theirs["median_rank"] ?? .nan)) <= 0.5)
        #expect(theirs["n"] == Double(ours.pairCount))
    }
}
