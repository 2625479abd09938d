import Basics
import Configuration
import Foundation
import Minibatches
import Transport

/// A trainer that welcomes every sampler, keeps it in work, and throws its batches away.
final class IdleTrainer {
    private let context = TransportContext()
    private let pull: PullLink
    private let control: ControlServer
    private let credit: Int
    private var nextBatch: UInt64 = 0
    /// Batches that have come from each sampler, by its name.
    private var received: [String: Int] = [:]
    /// What each said last.
    private var counters: [[UInt8]: SamplerCounters] = [:]

    init(settings: PipelineSettings) throws {
        credit = settings.samplers.credit
        pull = try PullLink(context, bind: settings.endpoints.batches, highWaterMark: 2)
        control = try ControlServer(context, bind: settings.endpoints.control)
    }

    /// Waits for a sampler's first batch; those of others go on.
    func secondsToFirstBatch(of sampler: SamplerProcess) throws -> Double {
        while received[sampler.name] == nil {
            guard sampler.isRunning else { throw BenchError.samplerEnded(sampler.lastWords) }
            _ = try turn()
        }
        return steadySeconds() - sampler.started
    }

    /// Takes batches for a while, and then until one comes, so that the next while begins with a batch; or for a minute
    /// more.
    func takeBatches(seconds: Double) throws -> (batches: Int, bytes: Int, seconds: Double) {
        let start = steadySeconds()
        var taken = (batches: 0, bytes: 0, seconds: 0.0)
        while true {
            let bytes = try turn()
            taken = (taken.batches + (bytes > 0 ? 1 : 0), taken.bytes + bytes, steadySeconds() - start)
            if taken.seconds >= seconds, bytes > 0 || taken.seconds > seconds + 60 { return taken }
        }
    }

    /// Answers and takes what comes for a while.
    func serve(seconds: Double) throws {
        let end = steadySeconds() + seconds
        while steadySeconds() < end { _ = try turn() }
    }

    /// Neighbourhoods that samplers asked for since their start, and how many they had.
    var reuse: (asked: Double, found: Double) {
        counters.values.reduce((0, 0)) { ($0.0 + Double($1.neighborhoods ?? 0), $0.1 + Double($1.reused ?? 0)) }
    }

    /// Answers one message and takes one batch, where there are any.
    ///
    /// - Returns: the batch's bytes.
    private func turn() throws -> Int {
        _ = poll([.link(control), .link(pull)], timeoutMilliseconds: 50)
        if let (peer, frame) = try control.receive(timeoutMilliseconds: 0) {
            switch try ControlMessage.decode(frame) {
            case .hello:
                try send(.welcome(credit: credit), to: peer)
                try lease(credit, to: peer)
            case .heartbeat(let counters):
                self.counters[peer] = counters
                try send(.ticket(batches: []), to: peer)
            default: try send(.ticket(batches: []), to: peer)
            }
        }
        guard let frames = try pull.receive(timeoutMilliseconds: 0) else { return 0 }
        let name = try MinibatchCodec.header(of: frames).sampler
        received[name, default: 0] += 1
        try lease(1, to: Array(name.utf8))
        return frames.reduce(0) { $0 + $1.byteCount }
    }

    private func lease(_ count: Int, to peer: [UInt8]) throws {
        try send(.ticket(batches: Array(nextBatch..<nextBatch + UInt64(count))), to: peer)
        nextBatch += UInt64(count)
    }

    private func send(_ message: ControlMessage, to peer: [UInt8]) throws {
        _ = try control.send(message.encode(), to: peer)
    }

    /// Ends the samplers and closes the sockets.
    func stop(_ samplers: [SamplerProcess]) {
        for name in received.keys { try? send(.stop(reason: "measured"), to: Array(name.utf8)) }
        for sampler in samplers { sampler.end() }
        control.close()
        pull.close()
        context.close()
    }
}

/// A `pinsage-sampler` that this process started.
final class SamplerProcess {
    let name: String
    let started: Double
    private let process = Process()
    private let errors = Pipe()

    init(name: String, config: String) throws {
        self.name = name
        let bench = URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        process.executableURL = bench.deletingLastPathComponent().appendingPathComponent("pinsage-sampler")
        process.arguments = ["--config", config, "--name", name]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors
        started = steadySeconds()
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    /// What a sampler that ended said.
    var lastWords: String {
        String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
            .split(separator: "\n").last.map(String.init) ?? "nothing"
    }

    /// Bytes: each page's share among those that map it; and those of no file.
    var memory: (proportional: Double, anonymous: Double) {
        let path = "/proc/\(process.processIdentifier)/smaps_rollup"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        func bytes(_ key: String) -> Double {
            let line = text.split(separator: "\n").first { $0.hasPrefix(key + ":") }
            return line.flatMap { Double($0.split(separator: " ")[1]) }.map { $0 * 1024 } ?? 0
        }
        return (bytes("Pss"), bytes("Pss_Anon"))
    }

    /// Processor time so far, of all threads.
    var processorSeconds: Double {
        let text = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)) ?? ""
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    func end() {
        let deadline = steadySeconds() + 3
        while process.isRunning, steadySeconds() < deadline { usleep(10_000) }
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
    }
}
