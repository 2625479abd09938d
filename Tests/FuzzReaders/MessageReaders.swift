import Artifacts
import Basics
import Configuration
import GraphStore
import Minibatches
import Sampling
import TestSupport

/// What comes through sockets.
extension FuzzReaders {
    /// A minibatch's frames, two of the hand-drawn graph and one with features and hard negatives.
    static func minibatch() throws -> FuzzReader {
        let folder = try MemoryFolder()
        try GraphOnDisk.write(
            to: folder.file("graph"), boardsOfPins: HandDrawnGraph.boardsOfPin, boardCount: 4,
            features: (0..<18).map(Float.init), featureWidth: 3)
        let graph = try BipartiteGraph(directory: folder.file("graph"))
        var settings = PipelineSettings()
        settings.batch.pairs = 3
        settings.batch.sharedNegatives = 4
        let recipe: UInt64 = 0x0123_4567_89AB_CDEF
        var samples: [FuzzParts] = []
        for sends in [TrainerSettings.FeatureSource.mapped, .inline] {
            settings.trainer.features = sends
            let assembler = try MinibatchAssembler(graph: graph, settings: settings, recipe: recipe)
            var batch = assembler.assemble(batchIndex: 7)
            if sends == .inline {
                batch.hardNegatives = FrameArray(batch.queries.array + batch.positives.array)
                (batch.table, batch.coSavedCount) = (7, 2)
            }
            samples.append(MinibatchCodec.encode(batch, sampler: "sampler-0").map(bytes))
        }
        // Batches with features and without are of two runs; the header says which limits are meant.
        return FuzzReader(name: "minibatch", samples: samples, reseal: Seal.minibatch, errors: [MinibatchError.self]) {
            parts in
            let frames = parts.map { Frame(copying: $0) }
            let hasFeatures = parts.count == samples[1].count
            let limits = MinibatchLimits(
                pinCount: graph.pinCount, recipe: recipe, featureWidth: hasFeatures ? 3 : 0, byteCountMax: 1 << 20)
            let batch = try MinibatchCodec.decode(frames, limits: limits)
            try batch.validate(limits)
            let sampler = try MinibatchCodec.header(of: frames).sampler
            let again = MinibatchCodec.encode(batch, sampler: sampler).map(bytes)
            try FuzzFinding.require(again == parts, "encoded again it has other bytes")
        }
    }

    /// Control messages of every kind.
    static func control() -> FuzzReader {
        let worker = WorkerDescription(
            graphFingerprint: 0xFEED, recipe: 7, name: "sampler-0", pid: 4711, host: "alpha", pinCount: 25_975,
            featureWidth: 128)
        let messages: [ControlMessage] = [
            .hello(worker: worker), .welcome(credit: 4), .ticket(batches: [0, 7, .max]),
            .ticket(batches: [3], table: TableName(epoch: 1, fingerprint: "0123456789abcdef")),
            .tableRequest(fingerprint: "0123456789abcdef", offset: 9),
            .heartbeat(counters: SamplerCounters(batches: 3, walkSteps: .max, busySeconds: 1.5)), .unknown,
            .refused(reason: "another graph"), .stop(reason: "training is complete"),
        ]
        let traps = ["[", "{\"hello\":", "{\"stop\":{\"reason\":"].map {
            [Array(String(repeating: $0, count: 600).utf8)]
        }
        return FuzzReader(
            name: "control", samples: messages.map { [bytes($0.encode())] }, traps: traps,
            errors: [MinibatchError.self]
        ) { parts in
            let message = try ControlMessage.decode(Frame(copying: parts.first ?? []))
            let again = try ControlMessage.decode(message.encode())
            try FuzzFinding.require(again == message, "sent again it is \(again), not \(message)")
        }
    }

    /// Tables of hard negatives, and pieces of them.
    static func hardNegatives() throws -> FuzzReader {
        let source = try MemoryFolder()
        let folder = HardNegativeFolder(run: source.path)
        try folder.write(
            epoch: 1, queries: [0, 2, 5], candidates: [[1, 3], [], Array(0..<5)], checkpointChecksum: "0", recipe: "0",
            extra: [:])
        guard let name = folder.description(epoch: 1)?.name else { throw FuzzFinding("fuzz: no table was written") }
        let table = try folder.open(name, pinCount: 6)
        guard let chunk = TableChunk(of: table, from: 0) else { throw FuzzFinding("fuzz: no piece of a table") }
        // One part: a table. Two parts: nothing, and a piece.
        let samples: [FuzzParts] = [[Array(table.bytes)], [[], bytes(chunk.encode())]]
        func resealed(_ parts: FuzzParts) -> FuzzParts {
            parts.count == 2 ? [[], Seal.trailing(parts[1])] : parts.map(Seal.numpy)
        }
        let memory = try MemoryFolder()
        return FuzzReader(
            name: "hard-negatives", samples: samples,
            reseal: resealed,
            errors: [ArtifactError.self, MinibatchError.self]
        ) { parts in
            if parts.count == 2 {
                let read = try TableChunk(decoding: Frame(copying: parts[1]))
                try FuzzFinding.require(
                    UInt64(read.payload.count) <= read.totalBytes - read.offset, "a piece beyond its table")
                return
            }
            try memory.hold(["table.npy"], parts)
            let name = TableName(epoch: 1, fingerprint: Checksum.hex(Seal.xxh64(parts.first ?? [])))
            let read = try HardNegativeTable(npyPath: memory.file("table.npy"), name: name, pinCount: 6)
            for row in 0..<read.queryCount {
                let candidates = read.candidates(of: read.query(row))
                try FuzzFinding.require(candidates.allSatisfy { $0 < 6 }, "candidates \(candidates)")
            }
        }
    }

    private static func bytes(_ frame: Frame) -> [UInt8] { withExtendedLifetime(frame) { Array(frame.bytes) } }
}
