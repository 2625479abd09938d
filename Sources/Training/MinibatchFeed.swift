import Artifacts
import Basics
import CPlatform
import Configuration
import Foundation
import Logging
import Minibatches
import Transport

/// Brings minibatches to the trainer in index order, from any number of workers.
///
/// A thread of its own owns the sockets: it leases, receives, decodes and checks while the trainer computes.
final class MinibatchFeed: @unchecked Sendable {
    private let settings: PipelineSettings
    private let run: RunDirectory
    private let log: Logger
    private let stop: StopToken
    private let context: TransportContext
    private let pull: PullLink
    private let control: ControlServer
    private let gatekeeper: Gatekeeper?
    private let tables: HardNegativeFolder
    /// Wakes the thread when a batch has been consumed.
    private let wake: WakeEvent

    // Shared between the two threads, under `lock`.
    private let lock = SteadyCondition()
    private var waiting: [UInt64: Minibatch] = [:]
    private var next: UInt64
    private var consumed = 0
    private var graph: GraphIdentity?
    private var failure: (any Error)?
    private var farewell: String?
    private var isThreadDone = false
    private var waitSeconds = 0.0
    /// Since when the trainer has been waiting, or since the last log line; nil while it computes.
    private var waitStart: Double?
    private var depth = 0
    private var awaited: AwaitedTable?
    private var admitted: TableName?

    /// Opens both sockets.
    /// - Throws: `TransportError`, for example when the port is in use.
    init(settings: PipelineSettings, run: RunDirectory, graph: GraphIdentity?, stop: StopToken, log: Logger) throws {
        self.settings = settings
        self.run = run
        self.graph = graph
        self.stop = stop
        self.log = log
        next = 0
        tables = HardNegativeFolder(run: run.path)
        platform_keep_large_blocks()
        context = TransportContext()
        var security = LinkSecurity.none
        if settings.security.mechanism == .curve { security = try KeyFolder(path: settings.security.keys).server() }
        if case .server(_, let allowed) = security {
            gatekeeper = try Gatekeeper(context, allowed: allowed) { line in log.error("\(line)") }
        } else {
            gatekeeper = nil
        }
        pull = try PullLink(context, bind: settings.endpoints.batches, highWaterMark: 2, security: security)
        control = try ControlServer(context, bind: settings.endpoints.control, security: security)
        if let warning = settings.openNetworkWarning {
            log.warning("\(warning)")
            writeToStandardError(warning)
        }
        wake = try WakeEvent()
    }

    /// Begins to lease batches.
    func start(at batch: UInt64) throws {
        next = batch
        let end = UInt64(settings.totalBatches)
        let dispatcher = Dispatcher(graph: graph, batches: batch..<max(batch, end), settings: settings, log: log)
        let queueLog = try QueueDepthLog(run)
        let thread = Thread { [self] in
            var loop = Loop(dispatcher: dispatcher, queueLog: queueLog)
            do {
                try serve(&loop)
            } catch {
                lock.withLock { failure = error }
            }
            close(&loop)
        }
        thread.name = "minibatch feed"
        thread.start()
    }

    /// Waits until it is known which graph the batches come from; nil when stopped before that.
    func waitForGraph() throws -> GraphIdentity? {
        try wait { self.graph }
    }

    /// Waits for the next minibatch in order; nil when stopped before it came.
    func nextMinibatch() throws -> Minibatch? {
        lock.withLock { waitStart = steadySeconds() }
        defer {
            lock.withLock {
                waitSeconds += waitStart.map { steadySeconds() - $0 } ?? 0
                waitStart = nil
            }
        }
        return try wait { self.waiting.removeValue(forKey: self.next) }
    }

    /// Gives the current minibatch's credit back.
    func consume() {
        lock.withLock {
            next += 1
            consumed += 1
        }
        wake.ring()
    }

    /// Makes batches wait for a table of hard negatives; nil: they need none.
    func wait(for table: AwaitedTable?) {
        lock.withLock { awaited = table }
        wake.ring()
    }

    /// The table that a batch is made with; nil where it needs none, or waits for it.
    func table(ofBatch batch: UInt64) -> TableName? {
        lock.withLock { admitted.flatMap { $0.epoch == settings.epoch(ofBatch: batch) ? $0 : nil } }
    }

    /// Batches leased and not consumed.
    var queueDepth: Int { lock.withLock { depth } }

    /// Tells every worker to stop, and closes the sockets.
    func finish(_ reason: String) {
        lock.withLock { farewell = reason }
        wake.ring()
        lock.lock()
        while !isThreadDone { lock.wait() }
        lock.unlock()
    }

    private func wait<Value>(for value: () -> Value?) throws -> Value? {
        lock.lock()
        defer { lock.unlock() }
        while true {
            if let failure { throw failure }
            if stop.isStopped { return nil }
            if let found = value() { return found }
            _ = lock.wait(until: steadySeconds() + 0.1)
        }
    }
}

// The feed's own thread.
extension MinibatchFeed {
    private struct Loop {
        var dispatcher: Dispatcher
        var queueLog: QueueDepthLog
        var lastLog = steadySeconds()
        var received = 0
        var consumed: UInt64 = 0
        var nextLook = 0.0
    }

    private func serve(_ loop: inout Loop) throws {
        let items: [PollItem] = [.link(pull), .link(control), .descriptor(wake.descriptor)]
        while true {
            _ = poll(items, timeoutMilliseconds: 100)
            wake.drain()
            receiveControl(&loop)
            receiveBatches(&loop)
            let isDone = settle(&loop)
            lookForTable(&loop)
            send(loop.dispatcher.tick(now: steadySeconds()), &loop)
            try logDepth(&loop)
            if isDone { return }
        }
    }

    /// Takes many messages, and no more, so that a chatterer cannot keep batches out.
    private func receiveControl(_ loop: inout Loop) {
        do throws(TransportError) {
            for _ in 0..<1000 {
                guard let (peer, frame) = try control.receive(timeoutMilliseconds: 0) else { return }
                take(frame, from: peer, &loop)
            }
        } catch {
            loop.dispatcher.takeUnreadable(error)
        }
    }

    private func take(_ frame: Frame, from peer: Dispatcher.Peer, _ loop: inout Loop) {
        do throws(MinibatchError) {
            let message = try ControlMessage.decode(frame)
            if case .tableRequest(let fingerprint, let offset) = message,
                let chunk = loop.dispatcher.chunk(fingerprint, from: offset, for: peer)
            {
                // One that does not get through is asked for again.
                _ = try? control.send(chunk.encode(), to: peer)
            }
            send(loop.dispatcher.take(message, from: peer, now: steadySeconds()), &loop)
        } catch {
            loop.dispatcher.takeUnreadable(error, from: peer)
        }
    }

    /// Takes a few batches, so that tickets go out between large ones.
    private func receiveBatches(_ loop: inout Loop) {
        do throws(TransportError) {
            for _ in 0..<4 {
                guard let frames = try pull.receive(timeoutMilliseconds: 0) else { break }
                if let minibatch = loop.dispatcher.take(frames) { deliver(minibatch, &loop) }
            }
        } catch {
            loop.dispatcher.takeUnreadable(error)
        }
    }

    private func deliver(_ minibatch: Minibatch, _ loop: inout Loop) {
        loop.received += 1
        lock.withLock {
            waiting[minibatch.batchIndex] = minibatch
            lock.broadcast()
        }
    }

    /// Exchanges news with the trainer's thread.
    /// - Returns: whether the trainer has said farewell.
    private func settle(_ loop: inout Loop) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        for _ in 0..<consumed { loop.dispatcher.consume() }
        loop.consumed += UInt64(consumed)
        consumed = 0
        depth = loop.dispatcher.leases.inFlight + loop.dispatcher.leases.ready
        if graph == nil, let known = loop.dispatcher.graph {
            graph = known
            lock.broadcast()
        }
        return farewell != nil
    }

    /// Takes up the awaited table once it is there.
    private func lookForTable(_ loop: inout Loop) {
        let now = steadySeconds()
        guard now >= loop.nextLook, let awaited = lock.withLock({ self.awaited }), let graph = loop.dispatcher.graph
        else { return }
        loop.nextLook = now + 0.1
        let recipe = Checksum.hex(settings.recipe(graphFingerprint: graph.fingerprintValue))
        guard let found = tables.description(epoch: awaited.epoch), awaited.accepts(found, recipe: recipe) else {
            return
        }
        do throws(ArtifactError) {
            loop.dispatcher.admit(try tables.open(found.name, pinCount: graph.pinCount))
        } catch {
            log.error(
                "a table of hard negatives is damaged; it has to be mined again", metadata: ["reason": "\(error)"])
            return tables.remove(epoch: awaited.epoch)
        }
        lock.withLock { (self.awaited, admitted) = (nil, found.name) }
        log.info(
            "hard negatives are there",
            metadata: ["epoch": "\(found.name.epoch)", "table": "\(found.name.fingerprint)"])
        if let before = awaited.fingerprint, before != found.name.fingerprint {
            log.warning(
                "this epoch began with another table of hard negatives; the result will differ",
                metadata: ["before": "\(before)"])
        }
    }

    private func logDepth(_ loop: inout Loop) throws {
        let now = steadySeconds()
        let elapsed = now - loop.lastLog
        guard elapsed >= 1 else { return }
        let waited = lock.withLock {
            defer {
                waitSeconds = 0
                if waitStart != nil { waitStart = now }
            }
            return waitSeconds + (waitStart.map { now - $0 } ?? 0)
        }
        let leases = loop.dispatcher.leases
        try loop.queueLog.append(
            QueueDepth(
                step: leases.nextToConsume, inFlight: leases.inFlight, ready: leases.ready, capacity: leases.capacity,
                trainerWaitMilliseconds: waited * 1000, batchesPerSecond: Double(loop.received) / elapsed,
                receivedByWorker: loop.dispatcher.drainReceived()),
            time: wallClockSeconds())
        loop.lastLog = now
        loop.received = 0
    }

    private func close(_ loop: inout Loop) {
        let reason = lock.withLock { farewell } ?? "the trainer failed"
        send(loop.dispatcher.farewell(reason), &loop)
        // Those whose first word came too late to be welcomed.
        for _ in 0..<1000 {
            guard let (peer, _) = try? control.receive(timeoutMilliseconds: 0) else { break }
            _ = try? control.send(ControlMessage.stop(reason: reason).encode(), to: peer)
        }
        let counts = loop.dispatcher.counts
        log.info(
            "batches of this process",
            metadata: [
                "received": "\(counts.received)", "duplicates": "\(counts.duplicates)", "bad": "\(counts.bad)",
                "leased_again": "\(loop.dispatcher.leases.takenBackCount)", "largest_bytes": "\(counts.batchBytesMax)",
            ])
        control.close(lingerMilliseconds: 1000)
        pull.close()
        gatekeeper?.close()
        context.close()
        lock.withLock {
            isThreadDone = true
            lock.broadcast()
        }
    }

    private func send(_ answers: [Dispatcher.Answer], _ loop: inout Loop) {
        for answer in answers {
            let delivery = try? control.send(answer.message.encode(), to: answer.peer)
            if delivery != .sent { loop.dispatcher.couldNotSend(answer) }
        }
    }
}
