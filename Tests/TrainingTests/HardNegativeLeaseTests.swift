import Basics
import Configuration
import Logging
import Minibatches
import TestSupport
import Testing
import Training

/// Batches that wait for their epoch's table of hard negatives.
@Suite struct HardNegativeLeaseTests {
    private let folder: TemporaryDirectory
    private let settings: PipelineSettings
    private let peer: Dispatcher.Peer = [1]
    private let identity = GraphIdentity(
        fingerprint: "0123456789abcdef", pinCount: ScriptedWorker.pinCount, featureWidth: ScriptedWorker.featureWidth)

    init() throws {
        folder = try TemporaryDirectory()
        var settings = PipelineSettings()
        settings.trainer.features = .inline
        settings.samplers.credit = 4
        settings.training.batchesPerEpoch = 2
        settings.batch.hardNegativesMax = 1
        self.settings = settings
    }

    private func table(epoch: UInt64, queries: [UInt32] = [1, 2, 3]) throws -> HardNegativeTable {
        let tables = HardNegativeFolder(run: folder.path)
        try tables.write(
            epoch: epoch, queries: queries, candidates: queries.map { [$0 + 1] }, checkpointChecksum: "c", recipe: "r",
            extra: [:])
        return try tables.open(
            try #require(tables.description(epoch: epoch)).name, pinCount: ScriptedWorker.pinCount)
    }

    private func welcomed(from batch: UInt64 = 0) -> Dispatcher {
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var dispatcher = Dispatcher(graph: identity, batches: batch..<6, settings: settings, log: log)
        let hello = WorkerDescription(
            graphFingerprint: ScriptedWorker.fingerprint,
            recipe: settings.recipe(graphFingerprint: ScriptedWorker.fingerprint), name: "alice", pid: 1, host: "h",
            pinCount: ScriptedWorker.pinCount, featureWidth: ScriptedWorker.featureWidth)
        _ = dispatcher.take(.hello(worker: hello), from: peer, now: 0)
        return dispatcher
    }

    private func frames(_ index: UInt64, table: UInt64) -> [Frame] {
        var batch = ScriptedWorker.minibatch(
            index, recipe: settings.recipe(graphFingerprint: ScriptedWorker.fingerprint))
        batch.table = table
        return MinibatchCodec.encode(batch, sampler: "alice")
    }

    @Test("no batch of an epoch is leased before its table is there, then all are, with its name")
    func barrier() throws {
        var dispatcher = welcomed()
        #expect(dispatcher.tick(now: 0) == [.init(peer: peer, message: .ticket(batches: [0, 1]))])
        for index in UInt64(0)..<2 {
            #expect(dispatcher.take(frames(index, table: 0))?.batchIndex == index)
            dispatcher.consume()
        }
        #expect(dispatcher.tick(now: 0).isEmpty)
        let first = try table(epoch: 1)
        dispatcher.admit(first)
        #expect(dispatcher.tick(now: 0) == [.init(peer: peer, message: .ticket(batches: [2, 3], table: first.name))])
        for index in UInt64(2)..<4 {
            #expect(dispatcher.take(frames(index, table: first.name.fingerprintValue)) != nil)
            dispatcher.consume()
        }
        #expect(dispatcher.tick(now: 0).isEmpty)
        let second = try table(epoch: 2, queries: [4])
        dispatcher.admit(second)
        #expect(dispatcher.tick(now: 0) == [.init(peer: peer, message: .ticket(batches: [4, 5], table: second.name))])
    }

    @Test("a run that is taken up within an epoch waits for its table at once")
    func resumed() throws {
        var dispatcher = welcomed(from: 3)
        #expect(dispatcher.tick(now: 0).isEmpty)
        dispatcher.admit(try table(epoch: 1))
        #expect(dispatcher.tick(now: 0).count == 1)
    }

    @Test("a batch made with another table, or with none, is dropped and leased again")
    func foreignTable() throws {
        var dispatcher = welcomed(from: 2)
        let right = try table(epoch: 1)
        dispatcher.admit(right)
        _ = dispatcher.tick(now: 0)
        for wrong in [UInt64(0), 7] {
            #expect(dispatcher.take(frames(2, table: wrong)) == nil)
            #expect(dispatcher.tick(now: 0) == [.init(peer: peer, message: .ticket(batches: [2], table: right.name))])
        }
        #expect(dispatcher.counts.bad == 2)
        #expect(dispatcher.take(frames(2, table: right.name.fingerprintValue))?.batchIndex == 2)
        #expect(
            "\(MinibatchError.foreignTable(expected: 1, found: 2))"
                == "minibatch: hard negatives: made with another table: expected 0000000000000001, "
                + "found 0000000000000002. The batch is made again.")
    }

    @Test("a table travels in pieces to workers that were welcomed, and pieces are checked")
    func pieces() throws {
        var dispatcher = welcomed(from: 2)
        // More than one piece.
        let table = try table(epoch: 1, queries: (0..<39).map { UInt32($0) })
        dispatcher.admit(table)
        let name = table.name.fingerprint
        #expect(dispatcher.chunk(name, from: 0, for: [9]) == nil)
        #expect(dispatcher.chunk("0000000000000000", from: 0, for: peer) == nil)
        #expect(dispatcher.chunk(name, from: UInt64(table.bytes.count), for: peer) == nil)
        var whole: [UInt8] = []
        while let chunk = dispatcher.chunk(name, from: UInt64(whole.count), for: peer) {
            let frame = chunk.encode()
            #expect(TableChunk.isChunk(frame))
            let read = try TableChunk(decoding: frame)
            #expect(read.offset == UInt64(whole.count) && read.totalBytes == UInt64(table.bytes.count))
            whole += Array(read.payload)
        }
        #expect(whole == Array(table.bytes))
        let frame = try #require(dispatcher.chunk(name, from: 5, for: peer)).encode()
        let bytes = withExtendedLifetime(frame) { Array(frame.bytes) }
        for bit in stride(from: 0, to: bytes.count * 8, by: 101) {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: MinibatchError.self) { try TableChunk(decoding: Frame(copying: changed)) }
        }
        let messages = dispatcher.take(.tableRequest(fingerprint: name, offset: 0), from: [9], now: 0)
        #expect(messages == [.init(peer: [9], message: .unknown)])
    }
}
