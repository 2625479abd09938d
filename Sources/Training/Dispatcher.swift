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
        var badBatches = 0
    }

    /// Seconds without a word after which a worker counts as gone.
    package static let silenceSeconds = 5.0
    /// Damaged or unasked-for batches in a run that are dropped before training gives up.
    package static let badBatchesMax = 100

    /// The graph that batches are made from: the trainer's own, or what the first worker says.
    package private(set) var graph: GraphIdentity?
    package private(set) var leases: LeaseBook
    private let settings: PipelineSettings
    private let log: Logger
    private var workers: [Worker] = []
    private var badBatches = 0

    package init(graph: GraphIdentity?, batches: Range<UInt64>, settings: PipelineSettings, log: Logger) {
        self.graph = graph
        self.settings = settings
        self.log = log
        leases = LeaseBook(
            batches: batches, credit: settings.samplers.credit, leaseSeconds: settings.samplers.leaseSeconds)
    }

    /// Takes a worker's message.
    package mutating func take(_ message: ControlMessage, from peer: Peer, now: Double) -> [Answer] {
        switch message {
        case .hello(let hello):
            return welcome(hello, from: peer, now: now)
        case .heartbeat:
            guard let number = workers.lastIndex(where: { $0.peer == peer }) else {
                return [Answer(peer: peer, message: .unknown)]
            }
            workers[number].lastHeard = now
            if !workers[number].isActive {
                log.notice("worker is back", metadata: ["worker": "\(workers[number].name)"])
                workers[number].isActive = true
                leases.join(number)
            }
            return []
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
        return leases.grant(now: now).sorted { $0.key < $1.key }.map { number, batches in
            Answer(peer: workers[number].peer, message: .ticket(batches: batches))
        }
    }

    /// Takes a minibatch's frames.
    /// - Returns: the minibatch, if it is sound and the first copy.
    /// - Throws: `TrainingError.tooManyBadBatches`.
    package mutating func take(_ frames: [Frame]) throws(TrainingError) -> Minibatch? {
        guard let graph else { return nil }
        let minibatch: Minibatch
        do {
            minibatch = try MinibatchCodec.decode(
                frames,
                limits: MinibatchLimits(
                    pinCount: graph.pinCount, recipe: settings.recipe(graphFingerprint: graph.fingerprintValue),
                    featureWidth: settings.trainer.features == .inline ? graph.featureWidth : 0))
        } catch {
            let header = try? MinibatchCodec.header(of: frames)
            if let header { leases.reject(header.batchIndex) }
            try countBadBatch("from \(header?.sampler ?? "an unknown worker"): \(error)")
            return nil
        }
        switch leases.receive(minibatch.batchIndex) {
        case .accepted:
            countReceived(from: (try? MinibatchCodec.header(of: frames))?.sampler)
            return minibatch
        case .duplicate:
            return nil
        case .neverLeased:
            try countBadBatch("batch \(minibatch.batchIndex) was never asked for")
            return nil
        }
    }

    /// Counts a message that could not even be received.
    package mutating func takeUnreadable(_ error: any Error) throws(TrainingError) {
        try countBadBatch("\(error)")
    }

    /// Notes that the next batch has been used up.
    package mutating func consume() {
        leases.consume()
    }

    /// What every worker is told at the end.
    package func farewell(_ reason: String) -> [Answer] {
        workers.filter(\.isActive).map { Answer(peer: $0.peer, message: .stop(reason: reason)) }
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
        workers.append(Worker(peer: peer, name: hello.name, lastHeard: now))
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
        let ours = graph ?? theirs
        if theirs != ours { return differs("graph", theirs, ours) }
        let recipe = Checksum.hex(settings.recipe(graphFingerprint: ours.fingerprintValue))
        if hello.recipe != recipe {
            return differs("recipe of the batches (seed, walks, batch and trainer.features)", hello.recipe, recipe)
        }
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

    private mutating func countReceived(from name: String?) {
        guard let number = workers.lastIndex(where: { $0.name == name }) else { return }
        workers[number].receivedInInterval += 1
    }

    private mutating func countBadBatch(_ what: String) throws(TrainingError) {
        badBatches += 1
        log.error("batch dropped", metadata: ["reason": "\(what)", "so_far": "\(badBatches)"])
        if badBatches > Self.badBatchesMax {
            throw .tooManyBadBatches(count: badBatches, limit: Self.badBatchesMax, last: what)
        }
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
