import Configuration
import Evaluation
import Foundation
import GraphStore
import Kernels
import Search
import TestSupport
import Testing

@Suite("Ladder report")
struct LadderReportTests {
    private func score(_ figures: [Double], cold: [Double]? = [0.001, 0.01, 0.05, 0.002], coverage: Double? = 0.5)
        -> LadderScore
    {
        LadderScore(figures: figures, cold: cold, coverage: coverage)
    }

    private func measured(
        _ name: String, _ scores: [LadderScore], changes: [String] = [], seconds: [Double] = []
    ) throws -> LadderReport.Measured {
        LadderReport.Measured(
            rung: try #require(Rung.named(name)), changes: changes, scores: scores, trainingSeconds: seconds)
    }

    private func baseline(_ name: String, _ figures: [Double]) -> LadderScore.Baseline {
        LadderScore.Baseline(name: name, key: name, score: score(figures, cold: nil, coverage: nil))
    }

    /// Three rungs, two seeds; one baseline is best at 10, the other elsewhere.
    private func report(seeds: Int = 2, without left: Set<String> = []) throws -> LadderReport {
        let rungs = [
            try measured("content", [score([0.017, 0.088, 0.209, 0.0083])]),
            try measured(
                "uniform", [score([0.03, 0.14, 0.33, 0.012]), score([0.032, 0.142, 0.328, 0.0125])],
                changes: ["walks.pooling=uniform"], seconds: [12.25]),
            try measured(
                "hard", [score([0.033, 0.153, 0.335, 0.0142]), score([0.036, 0.151, 0.333, 0.0145])],
                changes: ["batch.hard_negatives_max=6", "model.popularity_prior=0"], seconds: [11.5, 13.5]),
        ].filter { !left.contains($0.rung.name) }.map { rung in
            var rung = rung
            rung.scores = Array(rung.scores.prefix(seeds))
            rung.trainingSeconds = Array(rung.trainingSeconds.prefix(seeds))
            return rung
        }
        let setting = LadderReport.Setting(
            config: "configs/a<b>.yaml", overrides: ["training.epochs=1"], graphFingerprint: "00000000000000ab",
            pins: 100, boards: 40, edges: 600, pairs: 50, seeds: Array(3..<3 + UInt64(seeds)), batches: 240,
            pairsPerBatch: 2048, instructionSet: "avx2", version: "0.1.0")
        return LadderReport(
            setting, rungs: rungs,
            baselines: [
                baseline("item-kNN", [0.039, 0.113, 0.218, 0.0133]), baseline("SVD", [0.022, 0.156, 0.323, 0.01]),
            ])
    }

    private func expected(_ name: String) throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: tests.appendingPathComponent("Expected/\(name)"), encoding: .utf8)
    }

    @Test("the page, the chart and the JSON are as they were looked at")
    func rendering() throws {
        let report = try report()
        for (name, text) in [
            ("ladder.md", report.markdown), ("ladder.svg", report.svg), ("ladder.json", try report.json()),
        ] {
            let isSame = try text == expected(name)
            #expect(
                isSame,
                "\(name) has changed: look at it; if it shall be so, keep it in Tests/Expected. It is now:\n\(text)")
        }
        #expect(report.svg.contains("Ladder of configs/a&lt;b&gt;.yaml"))
    }

    @Test("figures are means over seeds, ratios go to the rung below and to the best simple method")
    func figures() throws {
        let report = try report()
        #expect(report.rows.map(\.name) == ["content", "uniform", "hard"])
        #expect(report.best.map(\.key) == ["item-kNN", "SVD", "SVD", "item-kNN"])
        let hard = report.rows[2]
        #expect(hard.figures[0] == Estimate([0.033, 0.036]))
        #expect(hard.toBestBaseline[1] == Estimate.ratio([0.153, 0.151], to: [0.156]))
        #expect(hard.trainingSeconds == Estimate([11.5, 13.5]))
        #expect(report.rows[0].figures[0].interval == nil)
        let paper = report.climbs[0]
        #expect(paper.steps.map(\.rung) == ["uniform", "hard", "hard"])
        #expect(paper.steps.map(\.below) == ["content", "uniform", "content"])
        #expect(paper.steps[1].ratios[0] == Estimate.ratio([0.033, 0.036], to: [0.03, 0.032]))
        #expect(paper.steps[0].ratios[3] == Estimate.ratio([0.012, 0.0125], to: [0.0083]))
        #expect(try #require(paper.steps[0].paper) == 41.0 / 27)
    }

    @Test("a rung that is left out is stepped over, and the paper's figure is not given to other rungs")
    func steppedOver() throws {
        let paper = try report(without: ["uniform"]).climbs[0]
        #expect(paper.steps.map(\.rung) == ["hard"])
        #expect(paper.steps.map(\.below) == ["content"])
        #expect(paper.steps[0].paper == nil)
        #expect(try report(without: ["uniform", "hard"]).climbs.isEmpty)
    }

    @Test("one seed has no intervals, in no file")
    func oneSeed() throws {
        let report = try report(seeds: 1)
        #expect(report.markdown.contains("One seed: no intervals."))
        #expect(!report.markdown.contains("±"))
        #expect(!report.markdown.contains("…"))
        #expect(report.svg.contains("one seed"))
        #expect(try !report.json().contains("\"low\""))
    }

    @Test("rungs have names of their own, and every ladder stands on rungs that there are")
    func table() throws {
        #expect(Set(Rung.all.map(\.name)).count == Rung.all.count)
        for ladder in Ladder.all {
            var below: Set<String> = []
            for step in ladder.steps {
                #expect(Rung.named(step.rung) != nil, "\(ladder.name): \(step.rung)")
                #expect(step.below.map(below.contains) ?? below.isEmpty, "\(ladder.name): \(step.rung)")
                #expect(below.insert(step.rung).inserted, "\(ladder.name): \(step.rung)")
            }
        }
    }

    @Test("every rung asks for settings that can be loaded, each for others, and full for those of the configuration")
    func changes() throws {
        var config = PipelineSettings()
        config.training.loss = .softmax
        config.batch.hardNegativesMax = 3
        config.features.learnedWidth = 8
        config.batch.supervision = .disjoint
        var asked: [String: String] = [:]
        for rung in Rung.all {
            guard let change = rung.change else { continue }
            var settings = config
            change(&settings)
            #expect(try PipelineSettings.load(text: settings.resolvedYAML(), path: rung.name) == settings)
            // The listed differences are all there is to it.
            let again = try PipelineSettings.load(
                text: config.resolvedYAML(), path: rung.name, overrides: settings.differences(from: config))
            #expect(again == settings, "\(rung.name)")
            let key = settings.differences(from: config).joined(separator: " ") + " \(rung.isRankedWithPrior)"
            #expect(asked.updateValue(rung.name, forKey: key) == nil, "\(rung.name) is \(asked[key] ?? "")")
        }
        #expect(asked[" true"] == "full")
        #expect(asked[" false"] == "full_no_prior")
    }

    @Test("a score is what the evaluation says of the same vectors, and its baselines are those of the evaluation")
    func scores() throws {
        let folder = try TemporaryDirectory()
        try GraphOnDisk.write(
            to: folder.file("graph"), boardsOfPins: [[0, 1], [0], [1], []], boardCount: 2,
            features: [1, 0, 1, 1, 0, 1, -1, 0], featureWidth: 2)
        let graph = try BipartiteGraph(directory: folder.file("graph"))
        let pairs = try PairsFile(path: try folder.write("0\t1\n2\t3\n", to: "pairs.tsv")) { UInt32($0) }
        let kernels = Kernels()
        let content = try LadderScore.measureContent(pairs: pairs, graph: graph, kernels: kernels)
        // By hand: ranks 1 and 2.5 of 3 candidates.
        #expect(content.figures == [1, 1, 1, 0.7])
        #expect(content.coverage == 1)
        let features = try #require(graph.features)
        let report = try EvaluationReport.measure(
            model: ExactSearch(table: features, metric: .cosine, kernels: kernels), pairs: pairs, graph: .found(graph),
            top: LadderScore.top, kernels: kernels)
        let rows = try #require(report.pairs?.rows)
        let baselines = try LadderScore.measureBaselines(pairs: pairs, graph: graph, kernels: kernels) { _ in }
        #expect(baselines.map(\.key) == rows.dropFirst().map(\.key))
        for (baseline, row) in zip(baselines, rows.dropFirst()) {
            #expect(baseline.score.figures == row.metrics.hitRates.map(\.rate) + [row.metrics.meanReciprocalRank])
            #expect(baseline.score.cold?.last == row.cold?.meanReciprocalRank)
        }
        try GraphOnDisk.write(to: folder.file("bare"), boardsOfPins: [[0, 1], [0], [1], []], boardCount: 2)
        let bare = try BipartiteGraph(directory: folder.file("bare"))
        #expect(throws: LadderError.noContent(path: folder.file("bare"))) {
            try LadderScore.measureContent(pairs: pairs, graph: bare, kernels: kernels)
        }
    }
}
