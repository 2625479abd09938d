import Artifacts
import Evaluation
import Foundation
import GraphStore
import Kernels
import Search
import TestSupport
import Testing

@Suite("Evaluation report")
struct EvaluationReportTests {
    let folder: TemporaryDirectory
    let graph: BipartiteGraph
    let pairs = [RowPair(query: 0, positive: 1), RowPair(query: 2, positive: 3)]

    init() throws {
        folder = try TemporaryDirectory()
        try GraphOnDisk.write(
            to: folder.file("graph"), boardsOfPins: [[0, 1], [0], [1], []], boardCount: 2,
            features: [1, 0, 1, 1, 0, 1, -1, 0], featureWidth: 2)
        graph = try BipartiteGraph(directory: folder.file("graph"))
        try writeEmbeddings(metric: "dot", fingerprint: graph.fingerprint)
    }

    func writeEmbeddings(
        metric: String, fingerprint: String, values: [Float] = [1, 2, 1, -1], bias: [Float]? = nil,
        kind: String = "embeddings"
    ) throws {
        try? FileManager.default.removeItem(atPath: folder.file("out"))
        try AtomicReplace.writeFolder(at: folder.file("out")) { out in
            try writeNumpy(path: out + "/embeddings.npy", shape: [4, values.count / 4], values)
            if let bias { try writeNumpy(path: out + "/bias.npy", shape: [bias.count], bias) }
            let extra = ["metric": metric, "graph": folder.file("graph"), "graph_fingerprint": fingerprint]
            let files = ["embeddings.npy"] + (bias == nil ? [] : ["bias.npy"])
            try Manifest(
                describing: files, in: out, kind: kind, counts: ["pins": 4], featureWidth: 1, extra: extra
            ).write(directory: out)
        }
    }

    func report(_ graph: GraphAtHand) throws -> EvaluationReport {
        let model = try EmbeddingDirectory(path: folder.file("out")).search(kernels: Kernels())
        let text = pairs.map { "\($0.query)\t\($0.positive)\n" }.joined()
        let pairs = try PairsFile(path: try folder.write(text, to: "pairs.tsv")) { UInt32($0) }
        return try EvaluationReport.measure(
            model: model, pairs: pairs, graph: graph, top: [1, 3], kernels: Kernels())
    }

    static let simple = [
        "content", "graph_mean", "popularity", "item_knn", "svd_cosine", "svd_dot", "random_walk", "random",
    ]

    @Test("every method ranks the same pairs: the model first, then what needs no training")
    func allRows() throws {
        let report = try report(.found(graph))
        let pairs = try #require(report.pairs)
        #expect(pairs.rows.map(\.key) == ["model"] + Self.simple)
        // By hand: the model has ranks 1 and 3, content 1 and 2.5, popularity 1.5 and 3, item-kNN 1.5 and 2.5.
        let byHand = pairs.rows.filter { ["model", "content", "popularity", "item_knn"].contains($0.key) }
        #expect(byHand.map { $0.metrics.hitRates[0].rate } == [0.5, 0.5, 0, 0])
        #expect(byHand.map { $0.metrics.medianRank } == [2, 1.75, 2.25, 2])
        #expect(pairs.rows.allSatisfy { $0.metrics.pairCount == 2 })
        #expect(pairs.pairsSharingBoard == 1)
        #expect(pairs.pairsChecked == 0)
        #expect(report.baselinesMissing == nil)
    }

    @Test("features that were projected from the boards are not called content")
    func projectedFeatures() throws {
        try GraphOnDisk.write(
            to: folder.file("bare"), boardsOfPins: [[0, 1], [0], [1], []], boardCount: 2,
            features: [1, 0, 1, 1, 0, 1, -1, 0], featureWidth: 2, featureSource: "projected")
        let bare = try BipartiteGraph(directory: folder.file("bare"))
        #expect(
            try report(.found(bare)).pairs?.rows[1...2].map(\.name) == ["projected boards", "projected + graph mean"])
        #expect(try report(.found(graph)).pairs?.rows[1...2].map(\.name) == ["content only", "content + graph mean"])
    }

    @Test("JSON holds every figure under its field's name")
    func json() throws {
        let text = try report(.found(graph)).json()
        #expect(!text.contains("\n"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["metric"] as? String == "dot")
        #expect(object["pins"] as? Int == 4)
        #expect(object["pairs"] as? Int == 2)
        #expect(object["pairs_sharing_board"] as? Int == 1)
        let results = try #require(object["results"] as? [String: [String: Double]])
        let expected = ["hit@1": 0.5, "hit@3": 1, "MRR": (1 + 1 / 3.0) / 2, "MRR100": 1, "median_rank": 2, "n": 2]
        #expect(results["model"] == expected)
        #expect(Set(results.keys) == Set(["model"] + Self.simple))
        // Of two pairs, one hit: resamples have none, one or both.
        let intervals = try #require(object["intervals"] as? [String: [String: [Double]]])
        #expect(intervals["model"]?["hit@1"] == [0, 1])
        #expect(intervals["model"]?["MRR"] == [1 / 3.0, 1])
        #expect(Set(intervals.keys) == Set(results.keys))
        // Both queries' lists hold all other pins.
        #expect(object["coverage"] as? [String: Double] == ["model": 1])
        let cold = try #require(object["cold"] as? [String: Any])
        #expect(cold["pairs"] as? Int == 2)
        #expect(cold["boards_max"] as? Int == 2)
        #expect((cold["results"] as? [String: [String: Double]])?["model"] == expected)
        #expect(object["heldout"] == nil)
    }

    @Test("the table aligns its columns and ends with what was measured")
    func table() throws {
        let lines = try report(.found(graph)).table.split(separator: "\n").map(String.init)
        let end = "MRR   MRR/100   median rank"
        #expect(lines[0].hasPrefix("                                   hit@1 %                  hit@3 %   "))
        #expect(lines[0].hasSuffix(end))
        #expect(
            lines[1] == "model                  50.00 (0.00–100.00)   100.00 (100.00–100.00)   0.6667 (0.3333–1.0000)"
                + "    1.0000           2.0")
        #expect(Set(lines[0..<10].map(\.count)).count == 1)
        #expect(lines[10] == "cold                   hit@1 %   hit@3 %      MRR")
        #expect(lines[11] == "model                    50.00    100.00   0.6667")
        #expect(
            lines[20...] == [
                "2 pairs ranked among 4 pins by dot, ties counted half",
                "in brackets: 95 % intervals of 1000 resamples of the pairs",
                "cold: 2 pairs whose positive has at most 2 boards in the graph",
                "coverage, model: 100.00 % of the pins are among the 10 nearest of a query",
                "1 pairs share a board in the graph",
            ])
    }

    @Test("without its graph a report has the model's row and says why in one line")
    func noGraph() throws {
        let manifest = try EmbeddingDirectory(path: folder.file("out")).manifest
        try FileManager.default.moveItem(atPath: folder.file("graph"), toPath: folder.file("elsewhere"))
        guard case .missing(let gone) = try GraphAtHand.open(manifest, path: nil) else {
            Issue.record("found a graph where there is none")
            return
        }
        #expect(gone.contains(folder.file("graph")))
        let error = #expect(throws: EvaluationError.self) { try GraphAtHand.missing("why").required(by: "heldout.tsv") }
        #expect(
            error?.description
                == "evaluation: heldout.tsv: no graph: expected that of the embeddings, found none (why). "
                + "Name it with --graph.")
        let report = try report(.missing(gone))
        #expect(report.pairs?.rows.map(\.key) == ["model"])
        #expect(report.pairs?.pairsSharingBoard == nil)
        #expect(report.pairs?.coldPairCount == nil)
        #expect(report.table.split(separator: "\n").last == "no baselines: \(gone)")
        #expect(try report.json().contains("\"baselines_missing\""))
    }

    @Test("the recorded graph is found; another one that is asked for is an error with both fingerprints")
    func graphAtHand() throws {
        let manifest = try EmbeddingDirectory(path: folder.file("out")).manifest
        guard case .found(let found) = try GraphAtHand.open(manifest, path: nil) else {
            Issue.record("the recorded graph was not found")
            return
        }
        #expect(found.fingerprint == graph.fingerprint)
        try GraphOnDisk.write(to: folder.file("other"), boardsOfPins: [[0], [0], [], []], boardCount: 1)
        let other = try BipartiteGraph(directory: folder.file("other"))
        let error = #expect(throws: EvaluationError.self) {
            try GraphAtHand.open(manifest, path: folder.file("other"))
        }
        let expected =
            "evaluation: \(folder.file("other")): another graph: expected fingerprint \(graph.fingerprint), "
            + "found \(other.fingerprint). Name the right one with --graph."
        #expect(error?.description == expected)
        #expect(throws: GraphError.self) { try GraphAtHand.open(manifest, path: folder.file("none")) }
    }

    @Test("embeddings that cannot be used are named: another kind, metric, bias")
    func badEmbeddings() throws {
        let out = folder.file("out")
        func problem() -> String {
            do { return "\(try EmbeddingDirectory(path: out).metric)" } catch { return "\(error)" }
        }
        try writeEmbeddings(metric: "euclid", fingerprint: "0")
        #expect(
            problem()
                == "search: \(out)/manifest.json: unknown metric: expected cosine or dot, found euclid. Embed again.")
        try writeEmbeddings(metric: "dot", fingerprint: "0", bias: [1, 2])
        #expect(
            problem()
                == "search: \(out)/bias.npy: wrong length: expected one value for each of 4 pins, found 2. Embed again."
        )
        try writeEmbeddings(metric: "dot", fingerprint: "0", bias: [1, 2, .nan, 4])
        #expect(
            problem() == "search: \(out)/bias.npy: row 2: expected finite numbers, found nan. Embed again.")
        try writeEmbeddings(metric: "dot", fingerprint: "0", values: [1, 2, -.infinity, 4])
        #expect(
            problem() == "search: \(out)/embeddings.npy: row 2: expected finite numbers, found -inf. Embed again.")
        try writeEmbeddings(metric: "dot", fingerprint: "0", values: [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(
            problem() == "search: \(out)/embeddings.npy: wrong shape: expected (4, 1), found (4, 2). Embed again.")
        try writeEmbeddings(metric: "dot", fingerprint: "0", kind: "graph")
        #expect(problem().contains("expected 'embeddings', found 'graph'"))
        try writeEmbeddings(metric: "dot", fingerprint: "0", bias: [0, 0, 0, 8])
        let biased = try EmbeddingDirectory(path: out)
        #expect(biased.search(kernels: Kernels()).nearest(to: [0], count: 1)[0].map(\.row) == [3])
    }
}
