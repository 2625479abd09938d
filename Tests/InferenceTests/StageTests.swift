import Artifacts
import Configuration
import Foundation
import Inference
import TestSupport
import Testing

@Suite("Map and reduce over shards")
struct StageTests {
    let fixture: EmbedFixture
    /// Bytes of the embeddings in one shard.
    let expected: [UInt8]

    init() throws {
        fixture = try EmbedFixture(pins: 3_100, hiddenWidth: 40, outputWidth: 12)
        try EmbedAllPins.run(fixture.job("whole"))
        expected = try fixture.folder.bytes("whole/embeddings.npy")
    }

    /// Runs every task as one process each would.
    func runStages(
        work: String, shards: Int, slices: Int = 1, blocks: Bool = false, notes: @escaping (String) -> Void = { _ in }
    ) throws {
        let path = fixture.folder.file(work)
        let neighborhoods = NeighborhoodStage(
            graph: fixture.graph, walks: fixture.settings.walks, seed: fixture.settings.seed, work: path,
            shardCount: shards, threads: 1)
        for shard in 0..<shards { try neighborhoods.run(shard: shard, needs: blocks, note: notes) }
        for layer in 1...2 {
            for shard in 0..<shards { try stages(path, shards, slices, blocks, notes).map(layer: layer, shard: shard) }
            for shard in (0..<shards).reversed() {
                try stages(path, shards, slices, blocks, notes).reduce(layer: layer, shard: shard)
            }
        }
    }

    func stages(
        _ path: String, _ shards: Int, _ slices: Int = 1, _ blocks: Bool = false,
        _ notes: @escaping (String) -> Void = { _ in }
    ) throws -> LayerStages {
        var job = StageJob(
            graph: fixture.graph, checkpointPath: fixture.checkpointPath, work: path,
            plan: ShardPlan(pinCount: fixture.graph.pinCount, shardCount: shards, sliceCount: slices))
        job.blocks = blocks
        return try LayerStages(job, note: notes)
    }

    /// The embeddings that the shards of a work folder make.
    func assembled(_ work: String, shards: Int) throws -> [UInt8] {
        var job = fixture.job("out-of-\(work)", keepNeighbors: false)
        job.work = fixture.folder.file(work)
        job.shardCount = shards
        try EmbedAllPins.run(job, note: { Issue.record("\($0)") })
        return try fixture.folder.bytes("out-of-\(work)/embeddings.npy")
    }

    @Test("shards, slices, blocks, memory and threads change no byte", arguments: [1, 3, 4])
    func sameBytes(shards: Int) throws {
        for blocks in [false, true] {
            try runStages(work: "work", shards: shards, blocks: blocks)
            #expect(try assembled("work", shards: shards) == expected, "\(shards) shards, blocks \(blocks)")
        }
        try runStages(work: "sliced", shards: shards, slices: 3)
        let pieces = try (0..<shards).flatMap { shard in
            let name = "sliced/embeddings/0000\(shard)-of-0000\(shards)/embeddings.npy"
            let file = try NumpyFile(path: fixture.folder.file(name), elements: [.float32], rank: 2)
            return withExtendedLifetime(file) { Array(file.dataBytes) }
        }
        #expect(pieces == Array(expected.suffix(pieces.count)) && pieces.count == 3_100 * 12 * 4)
        var job = fixture.job("threads", threads: 3)
        job.shardCount = shards
        job.memoryBytes = ShardPlan.memoryBytesMin
        try EmbedAllPins.run(job)
        #expect(try fixture.folder.bytes("threads/embeddings.npy") == expected)
        #expect(try fixture.folder.bytes("threads/visits.npy") == fixture.folder.bytes("whole/visits.npy"))
        #expect(try fixture.folder.names().allSatisfy { !$0.hasSuffix(".work") && $0 != "work" })
    }

    @Test("a block holds just the rows that its reducer's lists name")
    func blocksHoldNeededRows() throws {
        try runStages(work: "work", shards: 4, blocks: true)
        let neighbors = try NumpyFile(path: fixture.folder.file("work/neighborhoods/00002-of-00004/neighbors.npy"))
        let pins = withExtendedLifetime(neighbors) { Set(neighbors.elements(as: Int32.self)) }
        let wanted = pins.filter { $0 >= 0 && $0 < 2048 && $0 >= 1024 }.count
        let block = try NumpyFile(path: fixture.folder.file("work/blocks-1/00001-of-00004/to-00002.npy"))
        #expect(wanted > 0 && block.header.shape == [wanted, 40])
    }

    @Test("float16 is the same vectors, rounded")
    func float16() throws {
        var job = fixture.job("half", keepNeighbors: false)
        job.precision = .float16
        try EmbedAllPins.run(job)
        let file = try NumpyFile(path: fixture.folder.file("half/embeddings.npy"), elements: [.float16], rank: 2)
        let halves = withExtendedLifetime(file) { Array(file.elements(as: Float16.self)) }
        #expect(try halves == fixture.embeddings("whole").map { Float16($0) })
    }

    @Test("a finished shard is kept; a damaged one is named and made again; one of another run too")
    func idempotent() throws {
        try runStages(work: "work", shards: 3)
        let files = ["neighborhoods/00001-of-00003/weights.npy", "messages-1/00000-of-00003/columns-00000.npy"]
        var before = try files.map { try inode("work/" + $0) }
        try runStages(work: "work", shards: 3, notes: { Issue.record("\($0)") })
        #expect(try files.map { try inode("work/" + $0) } == before)

        var bytes = try fixture.folder.bytes("work/" + files[1])
        bytes[bytes.count - 5] ^= 1
        try fixture.folder.write(bytes, to: "work/" + files[1])
        before = try files.map { try inode("work/" + $0) }
        var notes: [String] = []
        let path = fixture.folder.file("work")
        try stages(path, 3, 1, false) { notes.append($0) }.map(layer: 1, shard: 0)
        #expect(notes.count == 1 && notes[0].contains("\(path)/\(files[1]): checksum mismatch"), "\(notes)")
        #expect(try inode("work/" + files[0]) == before[0] && inode("work/" + files[1]) != before[1])

        fixture.parameters.matrix("conv.1.message.weight")[2, 3] += 0.5
        try fixture.writeCheckpoint(to: fixture.checkpointPath)
        notes = []
        try stages(path, 3, 1, false) { notes.append($0) }.map(layer: 1, shard: 0)
        #expect(notes.count == 1 && notes[0].contains("another run: expected"), "\(notes)")
        #expect(try inode("work/" + files[0]) == before[0], "walks do not depend on the checkpoint's numbers")
    }

    private func inode(_ name: String) throws -> UInt64 {
        try FileManager.default.attributesOfItem(atPath: fixture.folder.file(name))[.systemFileNumber] as? UInt64 ?? 0
    }

    @Test("an input that is missing, of another run or damaged is refused with the command that makes it")
    func inputs() throws {
        func problem(_ shards: Int, _ task: (LayerStages) throws -> Void) -> String {
            do {
                try task(stages(fixture.folder.file("work"), shards))
                return "none"
            } catch {
                return "\(error)"
            }
        }
        try runStages(work: "work", shards: 3)
        let path = fixture.folder.file("work")
        #expect(
            problem(2) { try $0.reduce(layer: 1, shard: 1) }
                == "inference: \(path)/neighborhoods/00001-of-00002: unfinished shard: expected a finished shard, "
                + "found none. Run `pinsage neighbors --all --shard 1/2` first.")
        try FileManager.default.removeItem(atPath: path + "/messages-1/00002-of-00003")
        try FileManager.default.removeItem(atPath: path + "/hidden-1/00000-of-00003")
        #expect(
            problem(3) { try $0.reduce(layer: 1, shard: 0) }.contains("Run `pinsage map --layer 1 --shard 2/3` first."))
        #expect(
            problem(3) { try $0.map(layer: 2, shard: 0) } == "none", "its messages are finished: nothing is read")
        try FileManager.default.removeItem(atPath: path + "/messages-2/00000-of-00003")
        #expect(
            problem(3) { try $0.map(layer: 2, shard: 0) }.contains("Run `pinsage reduce --layer 1 --shard 0/3` first."))
        let lists = "work/neighborhoods/00000-of-00003/neighbors.npy"
        var bytes = try fixture.folder.bytes(lists)
        bytes[bytes.count - 3] ^= 1
        try fixture.folder.write(bytes, to: lists)
        #expect(problem(3) { try $0.reduce(layer: 1, shard: 0) }.contains("neighbors.npy: checksum mismatch"))
    }

    @Test(
        "messages on the heap or in mapped shards, stopped at any point and gone on with: the same bytes",
        arguments: [1, 2, 3], [nil, 1 << 20])
    func messagesOnTheHeap(shards: Int, memoryBytes: Int?) throws {
        let path = fixture.folder.file("work")
        var job = StageJob(
            graph: fixture.graph, checkpointPath: fixture.checkpointPath, work: path,
            plan: ShardPlan(pinCount: fixture.graph.pinCount, shardCount: shards))
        (job.memoryBytes, job.threads) = (memoryBytes, 3)
        var (allowed, stops) = (1, 0)
        var shardsOfMessages: Set<Bool> = []
        while true {
            do {
                var looks = 0
                let stages = try LayerStages(
                    job, note: { Issue.record("\($0)") },
                    isStopped: {
                        looks += 1
                        return looks > allowed
                    })
                try stages.finishNeighborhoods()
                try stages.finishLayers()
                break
            } catch InferenceError.stopped {
                (stops, allowed) = (stops + 1, allowed + 1)
                shardsOfMessages.insert(fixture.names(in: path).contains { $0.hasPrefix("messages-") })
            }
        }
        #expect(stops > 4)
        #expect(shardsOfMessages.contains(true) == (memoryBytes != nil))
        #expect(fixture.names(in: path) == ["embeddings", "hidden-1", "neighborhoods"])
        #expect(try assembled("work", shards: shards) == expected)
    }

    @Test("stopped at any point and started again: the same bytes, and no work folder")
    func resumes() throws {
        var job = fixture.job("out", keepNeighbors: false)
        job.shardCount = 3
        var looks = 0
        var allowed = 1
        var stops = 0
        while true {
            do {
                looks = 0
                try EmbedAllPins.run(
                    job, note: { Issue.record("\($0)") },
                    isStopped: {
                        looks += 1
                        return looks > allowed
                    })
                break
            } catch InferenceError.stopped(let work) {
                stops += 1
                #expect(work == nil || work == fixture.folder.file("out.work"))
                #expect((work != nil) == FileManager.default.fileExists(atPath: fixture.folder.file("out.work")))
                allowed += 2
            }
        }
        #expect(stops > 4)
        #expect(try fixture.folder.bytes("out/embeddings.npy") == expected)
        #expect(!FileManager.default.fileExists(atPath: fixture.folder.file("out.work")))
    }
}
