import Basics
import Configuration
import Foundation
import GraphStore
import Logging
import Minibatches
import Sampling
import Transport

/// The worker's two threads: this one talks to the trainer, the other makes batches and sends them.
///
/// A worker keeps nothing that another could not make: a minibatch is a pure function of the graph, the settings and its index, so a worker may
/// be stopped and started at any time.
final class SamplerWorker: @unchecked Sendable {
    private static let heartbeatSeconds = 0.5
    private static let helloSeconds = 1.0
    /// After so long without an answer the worker says that it waits.
    private static let patienceSeconds = 3.0

    private let name: String
    private let settings: PipelineSettings
    private let graph: BipartiteGraph
    private let stop: StopToken
    private let log: Logger
    private let recipe: UInt64
    private let security: LinkSecurity
    private let queue = TicketQueue()
    private let context = TransportContext(receivesBatches: false)
    private let tables: TableFetcher
    /// Batches that may be on their way while another is made.
    private let heldMax: Int
    // Of the other thread, once it has begun.
    private let assembler: MinibatchAssembler
    private let push: PushLink

    /// - Throws: what makes this worker useless: a graph without pairs, an endpoint that is none.
    init(name: String, settings: PipelineSettings, graph: BipartiteGraph, stop: StopToken, log: Logger) throws {
        self.name = name
        self.settings = settings
        self.graph = graph
        self.stop = stop
        self.log = log
        tables = TableFetcher(run: settings.run, pinCount: graph.pinCount)
        recipe = settings.recipe(graphFingerprint: graph.fingerprintValue)
        heldMax = settings.endpoints.toConnect.isBeyondThisHost ? 1 : 0
        assembler = try MinibatchAssembler(graph: graph, settings: settings, recipe: recipe)
        security =
            settings.security.mechanism == .none
            ? .none : try KeyFolder(path: settings.security.keys).client(settings.security.name)
        push = try PushLink(
            context, connect: settings.endpoints.toConnect.batches, highWaterMark: 1, security: security)
        if let warning = settings.openNetworkWarning { log.warning("\(warning)") }
    }

    /// Works until the trainer says stop or a signal comes.
    /// - Throws: `SamplerError` when the trainer refuses this worker.
    func run() throws {
        let control = try ControlClient(
            context, connect: settings.endpoints.toConnect.control, identity: Array(name.utf8), security: security)
        let thread = Thread { [self] in makeBatches() }
        thread.name = "minibatches"
        thread.stackSize = 8 << 20
        thread.start()
        defer {
            queue.close()
            // A batch that is half made when the end comes is not waited for.
            if queue.waitUntilDone(seconds: 1.5) {
                // Nobody waits for a batch that has not left by now.
                control.close(lingerMilliseconds: 200)
                push.close(lingerMilliseconds: 200)
                context.close()
            }
        }
        try converse(control)
        if let failure = queue.failure { throw failure }
    }

    private func converse(_ control: ControlClient) throws {
        var isWelcome = false
        var lastSent = -Double.infinity
        var impatientAt = steadySeconds() + Self.patienceSeconds
        // Of the trainer; before its first word it may take its time.
        var lastHeard = Double.infinity
        while !stop.isStopped, queue.failure == nil {
            let now = steadySeconds()
            if now - lastSent >= (isWelcome ? Self.heartbeatSeconds : Self.helloSeconds) {
                let message =
                    isWelcome ? ControlMessage.heartbeat(counters: queue.counters) : .hello(worker: description())
                _ = try control.send(message.encode(), timeoutMilliseconds: 0)
                lastSent = now
            }
            if isWelcome, let request = tables.request(now: now) {
                _ = try control.send(request.encode(), timeoutMilliseconds: 0)
            }
            if !isWelcome, now >= impatientAt {
                impatientAt = .infinity
                log.notice("no trainer answers yet", metadata: ["endpoint": "\(settings.endpoints.toConnect.control)"])
            }
            if now - lastHeard > settings.samplers.giveUpSeconds {
                throw SamplerError.trainerGone(
                    endpoint: settings.endpoints.toConnect.control, seconds: settings.samplers.giveUpSeconds)
            }
            _ = poll([.link(control), .descriptor(stop.descriptor)], timeoutMilliseconds: 100)
            while let frame = try control.receive(timeoutMilliseconds: 0) {
                lastHeard = steadySeconds()
                if TableChunk.isChunk(frame) {
                    try take(frame)
                    continue
                }
                switch try ControlMessage.decode(frame) {
                case .welcome(let credit):
                    isWelcome = true
                    impatientAt = .infinity
                    log.info("the trainer leases batches", metadata: ["credit": "\(credit)"])
                case .ticket(let batches, let table):
                    queue.add(batches, table: table)
                    if let table = queue.missingTable.flatMap(tables.find) { queue.bring(table) }
                case .unknown:
                    // The trainer was started anew and has never heard of this worker.
                    isWelcome = false
                    queue.clear()
                    tables.forget()
                case .refused(let reason):
                    throw SamplerError.refused(reason: reason)
                case .stop(let reason):
                    log.info("the trainer says stop", metadata: ["reason": "\(reason)"])
                    return
                case .hello, .heartbeat, .tableRequest:
                    log.warning("the trainer sent a message that only workers send; dropped")
                }
            }
        }
    }

    /// Takes a piece of a table. One that was damaged on the way is asked for again.
    private func take(_ frame: Frame) throws {
        do {
            guard let table = try tables.take(TableChunk(decoding: frame)) else { return }
            log.info("hard negatives have come from the trainer", metadata: ["epoch": "\(table.name.epoch)"])
            queue.bring(table)
        } catch let error as MinibatchError {
            log.warning("a piece of a table is dropped", metadata: ["reason": "\(error)"])
        }
    }

    private func description() -> WorkerDescription {
        WorkerDescription(
            graphFingerprint: graph.fingerprintValue, recipe: recipe, name: name,
            pid: ProcessInfo.processInfo.processIdentifier, host: ProcessInfo.processInfo.hostName,
            pinCount: graph.pinCount, featureWidth: graph.features?.width ?? 0,
            settings: Dictionary(uniqueKeysWithValues: settings.recipeSettings.map { ($0.key, $0.value) }))
    }

    private func makeBatches() {
        do {
            while let (batch, table) = queue.next() {
                try send(batch, table)
                waitForMemory()
            }
        } catch {
            queue.fail(error)
        }
        let reuse = assembler.reuse
        if reuse.asked > 0 {
            log.info(
                "neighbourhoods of this process",
                metadata: [
                    "asked": "\(reuse.asked)", "found": "\(reuse.found)",
                    "hit_rate": "\(String(format: "%.3f", reuse.hitRate))",
                ])
        }
        queue.finish()
    }

    private func send(_ batch: UInt64, _ table: HardNegativeTable?) throws {
        let start = steadySeconds()
        let frames = MinibatchCodec.encode(assembler.assemble(batchIndex: batch, hardTable: table), sampler: name)
        queue.countBatch(
            busySeconds: steadySeconds() - start, walkSteps: assembler.walkStepCount, reuse: assembler.reuse)
        while try !push.send(frames, timeoutMilliseconds: 100) {
            if queue.isClosed { break }
        }
    }

    /// Waits until the batches before have left, and gives their memory back until the next one is written there. On one
    /// host they leave in a hundredth of the time that the next one takes, and a second memory would be most of what a
    /// worker costs; over a network one may be on its way while the next is made.
    private func waitForMemory() {
        while assembler.giveBack(whole: queue.isIdle) > heldMax, !queue.isClosed { usleep(500) }
    }
}

enum SamplerError: Error, CustomStringConvertible {
    case refused(reason: String)
    case trainerGone(endpoint: String, seconds: Double)

    var description: String {
        switch self {
        case .refused(let reason):
            "sampler: worker: refused by the trainer: \(reason). Give both the same graph and the same config."
        case .trainerGone(let endpoint, let seconds):
            "sampler: \(endpoint): trainer is gone: expected a word within \(seconds) s, found none. "
                + "Start the sampler again with the trainer, or raise samplers.give_up_seconds."
        }
    }
}
