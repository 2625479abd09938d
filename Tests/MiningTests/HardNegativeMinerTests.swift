import Artifacts
import Basics
import Configuration
import Foundation
import GraphStore
import Kernels
import Minibatches
import Mining
import Sampling
import Search
import TestSupport
import Testing

@Suite struct HardNegativeMinerTests {
    private static let pins = 300
    private let folder: TemporaryDirectory
    private let graph: BipartiteGraph
    private let embeddings: EmbeddingDirectory

    init() throws {
        folder = try TemporaryDirectory()
        var random = CounterBasedGenerator(seed: 8, purpose: 100, 0, 0)
        let boards = (0..<Self.pins).map { _ in
            (0..<40 as Range<UInt32>).filter { _ in Int.random(in: 0..<12, using: &random) == 0 }
        }
        try GraphOnDisk.write(to: folder.file("graph"), boardsOfPins: boards, boardCount: 40)
        graph = try BipartiteGraph(directory: folder.file("graph"))
        let values = (0..<Self.pins * 6).map { _ in Float.random(in: -1...1, using: &random) }
        let path = folder.file("embeddings")
        try AtomicReplace.writeFolder(at: path) { made in
            try writeNumpy(path: made + "/embeddings.npy", shape: [Self.pins, 6], values)
            // A prior that would turn the order round, if it counted.
            try writeNumpy(path: made + "/bias.npy", shape: [Self.pins], (0..<Self.pins).map { Float($0) })
            try Manifest(
                describing: ["embeddings.npy", "bias.npy"], in: made, kind: EmbeddingDirectory.kind,
                counts: ["pins": Self.pins], featureWidth: 6, extra: ["metric": "cosine"]
            ).write(directory: made)
        }
        embeddings = try EmbeddingDirectory(path: path)
    }

    private func settings(excludes: Bool) -> PipelineSettings {
        var settings = PipelineSettings()
        settings.seed = 5
        settings.batch.pairs = 20
        settings.batch.hardNegativesMax = 2
        settings.training.batchesPerEpoch = 3
        settings.hardNegatives.ranks = .absolute(20...140)
        settings.hardNegatives.excludeCoSaved = excludes
        return settings
    }

    private func mined(_ settings: PipelineSettings, epoch: UInt64 = 2, threads: Int = 1) throws
        -> HardNegativeMiner.Mined
    {
        let miner = try HardNegativeMiner(
            graph: graph, settings: settings, kernels: Kernels(team: ThreadTeam(threads: threads)))
        return try #require(try miner.mine(epoch: epoch, embeddings: embeddings))
    }

    /// All other pins by cosine in double precision, best first.
    private func ranked(_ query: UInt32) throws -> [UInt32] {
        let table = try #require(embeddings.table.float32Elements)
        func cosine(_ pin: Int) -> Double {
            var (dot, a, b) = (0.0, 0.0, 0.0)
            for column in 0..<6 {
                let (x, y) = (Double(table[Int(query) * 6 + column]), Double(table[pin * 6 + column]))
                (dot, a, b) = (dot + x * y, a + x * x, b + y * y)
            }
            return dot / (a * b).squareRoot()
        }
        let scores = (0..<Self.pins).map(cosine)
        return scores.indices.filter { $0 != Int(query) }.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
            .map { UInt32($0) }
    }

    @Test(
        "a table is what sorting every pin in double precision and drawing from the slice gives",
        arguments: [true, false])
    func twin(excludes: Bool) throws {
        let settings = settings(excludes: excludes)
        let mined = try mined(settings)
        let pairs = try PairSampler(graph: graph, boards: settings.batch.boards, seed: 5)
        // Epoch 2 is batches 6, 7 and 8.
        let drawn = Set((6..<9).flatMap { batch in (0..<20).map { pairs.pair($0, batchIndex: batch).query } })
        #expect(mined.queries == drawn.sorted())
        let draw = HardNegativeDraw(graph: graph, settings: settings)
        var coSaved = 0
        for (query, candidates) in zip(mined.queries, mined.candidates) {
            let band = try ranked(query)[19..<140].sorted()
            #expect(candidates == draw.candidates(of: query, epoch: 2, from: band), "query \(query)")
            coSaved += candidates.count { graph.shareBoard(query, $0) }
        }
        #expect((coSaved == 0) == excludes)
    }

    @Test("with boards hidden the queries are those of the epoch's batches", arguments: [false, true])
    func hiddenBoards(disjoint: Bool) throws {
        var settings = settings(excludes: true)
        settings.validation.share = 0.3
        settings.batch.supervision = disjoint ? .disjoint : .shared
        settings.trainer.features = .mapped
        let mined = try mined(settings)
        var plain = settings
        plain.batch.hardNegativesMax = 0
        let assembler = try MinibatchAssembler(graph: graph, settings: plain, recipe: 1)
        let drawn = Set(
            (UInt64(6)..<9).flatMap { index in
                let batch = assembler.assemble(batchIndex: index)
                return batch.queries.array.map { batch.pins[Int($0)] }
            })
        #expect(mined.queries == drawn.sorted())
        #expect(try mined.queries != self.mined(self.settings(excludes: true)).queries)
    }

    @Test("threads change no byte of a table, the epoch does, and a second writing replaces the first")
    func pure() throws {
        let settings = settings(excludes: true)
        let tables = HardNegativeFolder(run: folder.path)
        func fingerprint(epoch: UInt64, threads: Int) throws -> String {
            let mined = try mined(settings, epoch: epoch, threads: threads)
            try tables.write(
                epoch: 1, queries: mined.queries, candidates: mined.candidates, checkpointChecksum: "c", recipe: "r",
                extra: [:])
            return try #require(tables.description(epoch: 1)).name.fingerprint
        }
        let first = try fingerprint(epoch: 1, threads: 1)
        #expect(try fingerprint(epoch: 1, threads: 3) == first)
        #expect(try fingerprint(epoch: 2, threads: 1) != first)
    }

    @Test("a table comes back as it was written, NumPy reads it, and one bit flipped is found")
    func file() throws {
        let mined = try mined(settings(excludes: true))
        let tables = HardNegativeFolder(run: folder.path)
        try tables.write(
            epoch: 3, queries: mined.queries, candidates: mined.candidates, checkpointChecksum: "c", recipe: "r",
            extra: [:])
        let description = try #require(tables.description(epoch: 3))
        #expect(description.checkpointChecksum == "c" && description.recipe == "r")
        let table = try tables.open(description.name, pinCount: Self.pins)
        for (query, candidates) in zip(mined.queries, mined.candidates) {
            #expect(table.candidates(of: query) == candidates)
        }
        let absent = (0..<UInt32(Self.pins)).first { !mined.queries.contains($0) }
        #expect(absent.map(table.candidates) == [])
        #expect(throws: ArtifactError.self) { try tables.open(description.name, pinCount: 100) }

        let path = folder.file("hard_negatives/epoch-00003/table.npy")
        if Python.hasNumPy {
            let sum = mined.candidates.joined().reduce(0) { $0 + Int($1) }
            try Python.run(
                "import numpy as np; t = np.load('\(path)'); assert t.shape == (\(mined.queries.count), 65); "
                    + "assert (np.diff(t[:, 0]) > 0).all() and t[:, 1:][t[:, 1:] >= 0].sum() == \(sum)",
                in: folder.path)
        }
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count - 9] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(throws: ArtifactError.self) { try tables.open(description.name, pinCount: Self.pins) }
        tables.removeAll(before: 3)
        #expect(tables.epochs == [3])
        tables.removeAll(before: 4)
        #expect(tables.epochs == [] && tables.description(epoch: 3) == nil)
    }
}
