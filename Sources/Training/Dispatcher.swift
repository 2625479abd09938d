import Artifacts
import Basics
import Configuration
import Logging
import Minibatches

/// The trainer's side of the conversation with the workers: who they are, what they are told, what is believed.
///
/// A state machine without sockets and without a clock: messages and times come in, answers go out. `MinibatchFeed`
/// moves the bytes.
package struct Dispatcher {
    /// A worker's address on the control socket.
    package typealias Peer = [UInt8]

    package struct Answer: Equatable {
        package var peer: Peer
        package var message: ControlMessage

        package init(peer: Peer, message: ControlMessage) {
            self.peer = peer
            self.message = message
        }
    }

    private struct Worker {
        var peer: Peer
        var name: String
        var lastHeard: Double
        var isActive = true
        var receivedInInterval = 0
        var badMessages = 0
        /// Batches that it may still bring because an earlier trainer asked for them.
        var earlierBatchesMax: Int
    }

    /// What came in over the whole run.
    package struct Counts: Equatable {
        /// First copies of sound batches.
        package var received = 0
        /// Further copies, and what an earlier trainer asked for; dropped.
        package var duplicates = 0
        /// Damaged or unasked-for messages, dropped.
        package var bad = 0
        /// Bytes of the largest batch.
        package var batchBytesMax = 0
    }

    /// Seconds without a word after which a worker counts as gone.
    package static let silenceSeconds = 5.0
    /// Damaged or unasked-for messages of one worker that are dropped before the worker is cut off.
    package static let badMessagesMax = 20

    /// The graph that batches are made from: the trainer's own, or what the first worker says.
    package private(set) var graph: GraphIdentity?
    package private(set) var leases: LeaseBook
    /// The hard negatives of the epoch under way; nil where it has none, or waits for them.
    package private(set) var hardTable: HardNegativeTable?
    private let settings: PipelineSettings
    private let log: Logger
    private var workers: [Worker] = []
    package private(set) var counts = Counts()
    /// Names of workers that sent too much that was bad: for the rest of this process's life.
    private var cutOff: Set<String> = []
    /// Messages that wait for the next `tick`.
    private var outbox: [Answer] = []

    package init(graph: GraphIdentity?, batches: Range<UInt64>, settings: PipelineSettings, log: Logger) {
        self.graph = graph
        self.settings = settings
        self.log = log
        leases = LeaseBook(
            batches: batches, credit: settings.samplers.credit, leaseSeconds: settings.samplers.leaseSeconds)
        leases.barrier = barrier(from: settings.epoch(ofBatch: batches.lowerBound))
    }

    /// Takes the hard negatives of an epoch: its batches may be leased now.
    package mutating func admit(_ table: HardNegativeTable) {
        hardTable = table
        leases.barrier = barrier(from: table.name.epoch)
    }

    /// The first batch, from an epoch on, whose table is not there.
    private func barrier(from epoch: UInt64) -> UInt64 {
        for next in [epoch, epoch + 1] where settings.needsHardNegativeTable(inEpoch: next) {
            if hardTable?.name.epoch != next { return settings.firstBatch(ofEpoch: next) }
        }
        return .max
    }

    /// The table that a batch must be made with; nil: none.
    private func tableName(ofBatch batch: UInt64) -> TableName? {
        hardTable.flatMap { $0.name.epoch == settings.epoch(ofBatch: batch) ? $0.name : nil }
    }

    /// The piece of the table that a worker asks for; nil where it asks for another table, or is none of ours.
    package func chunk(_ fingerprint: String, from offset: UInt64, for peer: Peer) -> TableChunk? {
        guard workers.contains(where: { $0.peer == peer && $0.isActive }), let hardTable,
            hardTable.name.fingerprint == fingerprint
        else { return nil }
        return TableChunk(of: hardTable, from: offset)
    }

    /// Takes a worker's message.
    package mutating func take(_ message: ControlMessage, from peer: Peer, now: Double) -> [Answer] {
        switch message {
        case .hello(let hello):
            return welcome(hello, from: peer, now: now)
        case .heartbeat(let counters):
            guard let number = workers.lastIndex(where: { $0.peer == peer }) else {
                return [Answer(peer: peer, message: .unknown)]
            }
            if cutOff.contains(workers[number].name) { return [] }
            workers[number].lastHeard = now
            if let held = counters.held {
                let lost = leases.compare(number, holds: held, now: now)
                if !lost.isEmpty {
                    log.warning(
                        "batches were lost on the way and are leased again",
                        metadata: ["worker": "\(workers[number].name)", "batches": "\(lost)"])
                }
            }
            if !workers[number].isActive {
                log.notice("worker is back", metadata: ["worker": "\(workers[number].name)"])
                workers[number].isActive = true
                leases.join(number)
            }
            // So that a worker knows that the trainer lives, however long there is nothing to do.
            return [Answer(peer: peer, message: .ticket(batches: []))]
        case .tableRequest:
            // Answered by `chunk`.
            return workers.contains { $0.peer == peer } ? [] : [Answer(peer: peer, message: .unknown)]
        case .welcome, .unknown, .ticket, .refused, .stop:
            log.warning("a worker sent a message that only the trainer sends; dropped")
            return []
        }
    }

    /// Takes back what is late or lost, and leases what credit allows.
    package mutating func tick(now: Double) -> [Answer] {
        for number in workers.indices where workers[number].isActive {
            if now - workers[number].lastHeard > Self.silenceSeconds { dismiss(number, because: "it fell silent") }
        }
        for batch in leases.expire(now: now) {
            log.warning("batch is late and leased again", metadata: ["batch": "\(batch)"])
        }
        defer { outbox = [] }
        return outbox
            + leases.grant(now: now).sorted { $0.key < $1.key }.map { number, batches in
                // Batches of the next epoch are leased once all before them are consumed: one ticket, one table.
                Answer(
                    peer: workers[number].peer,
                    message: .ticket(batches: batches, table: batches.first.flatMap(tableName)))
            }
    }

    /// Notes that a message could not be sent: its worker counts as gone until it speaks again.
    package mutating func couldNotSend(_ answer: Answer) {
        guard case .ticket = answer.message, let number = workers.lastIndex(where: { $0.peer == answer.peer }),
            workers[number].isActive
        else { return }
        dismiss(number, because: "its connection is gone")
    }

    /// Takes a minibatch's frames.
    ///
    /// What is damaged, or was never asked for, is counted against the worker that its header names. Too much of it
    /// cuts the worker off: its leases go to others, and it is told so and not heard again.
    /// - Returns: the minibatch, if it is sound and the first copy.
    package mutating func take(_ frames: [Frame]) -> Minibatch? {
        guard let graph else { return nil }
        let header = try? MinibatchCodec.header(of: frames)
        let sender = header.flatMap { header in workers.lastIndex { $0.name == header.sampler } }
        if let header, cutOff.contains(header.sampler) { return nil }
        let minibatch: Minibatch
        do {
            minibatch = try MinibatchCodec.decode(
                frames,
                limits: MinibatchLimits(
                    pinCount: graph.pinCount, recipe: settings.recipe(graphFingerprint: graph.fingerprintValue),
                    featureWidth: settings.trainer.features == .inline ? graph.featureWidth : 0,
                    featurePrecision: settings.trainer.wire == .float16 ? .float16 : .float32))
        } catch {
            if let header, let sender { leases.reject(header.batchIndex, of: sender) }
            countBad(from: sender, "\(error)")
            return nil
        }
        let table = tableName(ofBatch: minibatch.batchIndex)?.fingerprintValue ?? 0
        if minibatch.table != table, leases.isLeased(minibatch.batchIndex) {
            if let sender { leases.reject(minibatch.batchIndex, of: sender) }
            countBad(from: sender, "\(MinibatchError.foreignTable(expected: table, found: minibatch.table))")
            return nil
        }
        switch leases.receive(minibatch.batchIndex, from: sender) {
        case .accepted:
            counts.received += 1
            counts.batchBytesMax = max(counts.batchBytesMax, frames.reduce(0) { $0 + $1.byteCount })
            if let sender { workers[sender].receivedInInterval += 1 }
            return minibatch
        case .duplicate:
            counts.duplicates += 1
            return nil
        case .neverLeased where sender.map({ workers[$0].earlierBatchesMax > 0 }) ?? true:
            if let sender { workers[sender].earlierBatchesMax -= 1 }
            log.info(
                "a batch that an earlier trainer asked for is dropped", metadata: ["batch": "\(minibatch.batchIndex)"])
            counts.duplicates += 1
            return nil
        case .neverLeased:
            countBad(from: sender, "batch \(minibatch.batchIndex) was never asked for")
            return nil
        }
    }

    /// Counts a message that could not be read at all.
    /// - Parameter peer: who sent it, where that is known.
    package mutating func takeUnreadable(_ error: any Error, from peer: Peer? = nil) {
        countBad(from: peer.flatMap { peer in workers.lastIndex { $0.peer == peer } }, "\(error)")
    }

    /// Notes that the next batch has been used up.
    package mutating func consume() {
        leases.consume()
    }

    /// What every worker is told at the end that was ever welcomed: one that fell silent may listen yet.
    package func farewell(_ reason: String) -> [Answer] {
        var peers: Set<Peer> = []
        return workers.filter { !cutOff.contains($0.name) && peers.insert($0.peer).inserted }
            .map { Answer(peer: $0.peer, message: .stop(reason: reason)) }
    }

    /// Batches received from each worker since the last call.
    package mutating func drainReceived() -> [(name: String, count: Int)] {
        defer { for number in workers.indices { workers[number].receivedInInterval = 0 } }
        return workers.filter { $0.isActive || $0.receivedInInterval > 0 }.map { ($0.name, $0.receivedInInterval) }
    }

    private mutating func welcome(_ hello: WorkerDescription, from peer: Peer, now: Double) -> [Answer] {
        if let reason = objection(to: hello) {
            log.error("worker refused", metadata: ["worker": "\(hello.name)", "reason": "\(reason)"])
            return [Answer(peer: peer, message: .refused(reason: reason))]
        }
        for number in workers.indices where workers[number].isActive && workers[number].name == hello.name {
            dismiss(number, because: "a new process took its name")
        }
        workers.append(
            Worker(
                peer: peer, name: hello.name, lastHeard: now, earlierBatchesMax: settings.samplers.credit))
        leases.join(workers.count - 1)
        log.info(
            "worker joined",
            metadata: ["worker": "\(hello.name)", "host": "\(hello.host)", "pid": "\(hello.pid)"])
        return [Answer(peer: peer, message: .welcome(credit: settings.samplers.credit))]
    }

    /// Why a worker must not take part: what differs between its side and ours.
    private mutating func objection(to hello: WorkerDescription) -> String? {
        func differs(_ what: String, _ theirs: some CustomStringConvertible, _ ours: some CustomStringConvertible)
            -> String
        {
            "\(what): expected \(ours) as the trainer has, found \(theirs)"
        }
        if hello.protocolVersion != ControlMessage.protocolVersion {
            return differs("protocol version", hello.protocolVersion, ControlMessage.protocolVersion)
        }
        let theirs = GraphIdentity(hello)
        if theirs.featureWidth == 0 { return "graph: expected features, found none" }
        let ours = graph ?? theirs
        if theirs != ours { return differs("graph", theirs, ours) }
        let recipe = Checksum.hex(settings.recipe(graphFingerprint: ours.fingerprintValue))
        if hello.recipe != recipe {
            for (key, value) in settings.recipeSettings where hello.settings?[key].map({ $0 != value }) == true {
                return differs(key, hello.settings?[key] ?? "", value)
            }
            return differs(
                "recipe of the batches (seed, walks, batch, trainer.features and trainer.wire)", hello.recipe, recipe)
        }
        if cutOff.contains(hello.name) { return cutOffReason }
        graph = ours
        return nil
    }

    private mutating func dismiss(_ number: Int, because reason: String) {
        workers[number].isActive = false
        let batches = leases.leave(number)
        log.warning(
            "worker is gone; its batches are leased again",
            metadata: ["worker": "\(workers[number].name)", "reason": "\(reason)", "batches": "\(batches)"])
    }

    private mutating func countBad(from sender: Int?, _ what: String) {
        counts.bad += 1
        let name = sender.map { workers[$0].name } ?? "unknown"
        if let sender { workers[sender].badMessages += 1 }
        // Of those that cannot be counted against anyone, not every one is worth a line.
        if sender != nil || counts.bad <= 100 || counts.bad % 100 == 0 {
            log.error(
                "a bad message is dropped",
                metadata: ["worker": "\(name)", "reason": "\(what)", "so_far": "\(counts.bad)"])
        }
        guard let sender, workers[sender].badMessages > Self.badMessagesMax else { return }
        cutOff.insert(name)
        log.error("worker is cut off", metadata: ["worker": "\(name)", "bad": "\(workers[sender].badMessages)"])
        if workers[sender].isActive { dismiss(sender, because: "it is cut off") }
        outbox.append(Answer(peer: workers[sender].peer, message: .refused(reason: cutOffReason)))
    }

    private var cutOffReason: String {
        "more than \(Self.badMessagesMax) of its messages were damaged or unasked for; the last is in the trainer's log"
    }
}

/// Which graph, as far as the trainer needs to know.
public struct GraphIdentity: Equatable, Sendable, CustomStringConvertible {
    /// 16 hexadecimal digits.
    public var fingerprint: String
    public var pinCount: Int
    public var featureWidth: Int

    public init(fingerprint: String, pinCount: Int, featureWidth: Int) {
        self.fingerprint = fingerprint
        self.pinCount = pinCount
        self.featureWidth = featureWidth
    }

    init(_ hello: WorkerDescription) {
        self.init(fingerprint: hello.graphFingerprint, pinCount: hello.pinCount, featureWidth: hello.featureWidth)
    }

    public var fingerprintValue: UInt64 { UInt64(fingerprint, radix: 16) ?? 0 }

    public var description: String { "\(fingerprint) (\(pinCount) pins, features \(featureWidth) wide)" }
}
