import Artifacts
import Basics
import Configuration
import Evaluation
import Foundation
import GraphStore
import Inference
import Kernels
import PinSageModel
import Sampling
import Search
import TestSupport
import Testing

/// What a validation sees against a graph that was built without the held-out boards.
///
/// The boards lie in groups of six pins. Walks visit everything that they can reach, neighbours weigh alike: so the
/// neighbourhoods of the two graphs are the same sets, though their walks take other steps.
@Suite("Embedding with held-out boards hidden") struct ValidationEmbedTests {
    private let folder: TemporaryDirectory
    private let settings: PipelineSettings
    private let graph: BipartiteGraph
    private let reduced: BipartiteGraph
    private let pairs: ValidationPairs
    private static let pins = 360

    init() throws {
        let folder = try TemporaryDirectory()
        self.folder = folder
        var settings = PipelineSettings()
        settings.seed = 5
        (settings.walks.count, settings.walks.steps, settings.walks.pooling) = (40, 60, .uniform)
        settings.validation.share = 0.3
        settings.model.hiddenWidth = 24
        settings.model.outputWidth = 16
        self.settings = settings
        var random = CounterBasedGenerator(seed: 7, purpose: 8, 0, 0)
        var boards = [[UInt32]](repeating: [], count: Self.pins)
        for board in 0..<Self.pins {
            let group = board / 6 * 6
            for pin in (group..<group + 6).shuffled(using: &random).prefix(3) { boards[pin].append(UInt32(board)) }
        }
        let features = (0..<Self.pins * 5).map { _ in Float.random(in: -1...1, using: &random) }
        func write(_ name: String, _ boards: [[UInt32]]) throws -> BipartiteGraph {
            try GraphOnDisk.write(
                to: folder.file(name), boardsOfPins: boards, boardCount: Self.pins, features: features, featureWidth: 5)
            return try BipartiteGraph(directory: folder.file(name))
        }
        let graph = try write("graph", boards)
        self.graph = graph
        pairs = try ValidationPairs(graph: graph, settings: settings)
        let heldOut = HiddenBoards.validation(settings)
        let reduced = try write("reduced", boards.map { $0.filter { !heldOut.hides($0) } })
        self.reduced = reduced
        let parameters = Parameters.initialised(
            shape: ModelShape(featureWidth: 5, settings.features, settings.model), seed: 3)
        for (name, graph) in [("full", graph), ("reduced", reduced)] {
            try Checkpoint.write(
                path: folder.file(name + ".safetensors"), parameters: parameters, adam: Adam(shape: parameters.shape),
                metadata: CheckpointMetadata(
                    step: 0, epoch: 0, batch: 0, seed: settings.seed, config: settings.decisiveJSON,
                    graphFingerprint: graph.fingerprint, revision: "test"))
        }
    }

    private func embed(_ name: String, _ graph: BipartiteGraph, hides: Bool) throws -> EmbeddingDirectory {
        let output = folder.file("\(name)-\(hides)")
        try EmbedAllPins.run(
            EmbedJob(
                graph: graph, checkpointPath: folder.file(name + ".safetensors"), output: output, hidesValidation: hides
            ))
        return try EmbeddingDirectory(path: output)
    }

    private func values(_ embeddings: EmbeddingDirectory) throws -> [Float] {
        try withExtendedLifetime(embeddings) { Array(try #require(embeddings.table.float32Elements)) }
    }

    @Test("embeddings, prior and figures are those of the graph without the boards, as `evaluate` finds them there")
    func sameAsReduced() throws {
        let hidden = try embed("full", graph, hides: true)
        // Its settings hold the same boards out; they are gone already.
        let plain = try embed("reduced", reduced, hides: false)
        let difference = try zip(values(hidden), values(plain)).map { abs($0 - $1) }.max()
        #expect(try #require(difference) < 1e-5)
        #expect(hidden.bias == plain.bias && hidden.bias != nil)
        let kernels = Kernels()
        let lines = pairs.pairs.map { "pin-\($0.query)\tpin-\($0.positive)\n" }.joined()
        let ids = try ExternalIDs(path: plain.pinsPath, expectedCount: Self.pins)
        let file = try PairsFile(path: try folder.write(lines, to: "pairs.tsv")) { ids.row(of: $0) }
        let report = try EvaluationReport.measure(
            model: plain.search(kernels: kernels), pairs: file, graph: .found(reduced), top: [10, 100, 500],
            kernels: kernels)
        let evaluated = try #require(report.pairs?.rows.first?.metrics)
        let validated = Metrics(ranks: hidden.search(kernels: kernels).ranks(of: pairs.pairs), top: [10, 100, 500])
        #expect(validated.hitRates == evaluated.hitRates)
        #expect(abs(validated.meanReciprocalRank - evaluated.meanReciprocalRank) < 1e-6)
    }

    @Test("by default nothing is hidden")
    func wholeGraph() throws {
        let (hidden, whole) = (try embed("full", graph, hides: true), try embed("full", graph, hides: false))
        #expect(hidden.bias != whole.bias)
        #expect(whole.bias == (0..<Self.pins).map { Float(0.05 * log1p(Double(graph.boards(of: UInt32($0)).count))) })
        #expect(try values(hidden) != values(whole))
    }

    @Test(
        "shards of embeddings with and without hidden boards are never mixed in one work folder",
        arguments: ["layer 1", "layer 2"])
    func shardsApart(stage: String) throws {
        var job = EmbedJob(
            graph: graph, checkpointPath: folder.file("full.safetensors"), output: folder.file("apart"),
            hidesValidation: true)
        job.shardCount = 3
        job.work = folder.file("apart.work")
        var isOver = false
        #expect(throws: InferenceError.self) {
            try EmbedAllPins.run(job, isStopped: { isOver }, progress: { isOver = isOver || $0.contains(stage) })
        }
        #expect(FileManager.default.fileExists(atPath: folder.file("apart.work/neighborhoods/00000-of-00003")))
        job.hidesValidation = false
        try EmbedAllPins.run(job)
        let expected = try embed("full", graph, hides: false)
        let embeddings = try EmbeddingDirectory(path: job.output)
        #expect(try values(embeddings) == values(expected))
        #expect(embeddings.bias == expected.bias)
    }

    @Test("an update with hidden boards takes no row that was made without")
    func updates() throws {
        var job = EmbedJob(
            graph: graph, checkpointPath: folder.file("full.safetensors"), output: folder.file("before"),
            keepNeighbors: true)
        try EmbedAllPins.run(job)
        job.update = job.output
        job.output = folder.file("after")
        job.hidesValidation = true
        #expect(throws: InferenceError.self) { try EmbedAllPins.run(job) }
    }

    @Test("validation pairs come from held-out boards alone, of pins that have another board; the same each time")
    func pairsOfHeldOutBoards() throws {
        let heldOut = HiddenBoards.validation(settings)
        #expect(pairs.pairs.count > 100 && Set(pairs.pairs).count == pairs.pairs.count)
        for (pair, board) in zip(pairs.pairs, pairs.boards) {
            #expect(heldOut.hides(board) && pair.query != pair.positive)
            for pin in [pair.query, pair.positive] {
                #expect(graph.pins(of: board).contains(pin))
                #expect(reduced.boards(of: pin).count > 0)
            }
        }
        // As many draws as there are pairs, of boards with at most six ordered ones each: most are found.
        #expect(try ValidationPairs(graph: graph, settings: settings).pairs == pairs.pairs)
        var fewer = settings
        fewer.validation.pairs = 20
        #expect(try pairs.pairs.starts(with: ValidationPairs(graph: graph, settings: fewer).pairs))
        var none = settings
        none.validation.share = 1e-9
        let error = #expect(throws: EvaluationError.self) { try ValidationPairs(graph: graph, settings: none) }
        #expect(
            error?.description.hasSuffix(
                "no validation pairs: expected a held-out board with two pins that have another board, "
                    + "found none among 0 of 360 boards. Raise validation.share.") == true)
    }
}
