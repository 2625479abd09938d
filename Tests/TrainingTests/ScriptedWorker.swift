import Basics
import Configuration
import Foundation
import Minibatches
import Transport

/// A worker without a graph: makes small batches that are a pure function of their index, and misbehaves on demand.
final class ScriptedWorker: @unchecked Sendable {
    static let pinCount = 40
    static let featureWidth = 6
    static let fingerprint: UInt64 = 0x0123_4567_89AB_CDEF

    enum Misdeed: Sendable {
        /// Sends every batch twice.
        case sendsTwice
        /// Flips a byte of every third batch.
        case corruptsSome
        /// Flips a byte of every batch.
        case corruptsAll
        /// Never sends its first batch.
        case losesFirst
        /// Is gone after two batches.
        case diesEarly
    }

    private let name: String
    private let settings: PipelineSettings
    private let misdeeds: [Misdeed]
    private let done = NSCondition()
    private var isDone = false
    private(set) var refusal: String?

    init(_ name: String, settings: PipelineSettings, misdeeds: [Misdeed] = []) {
        self.name = name
        self.settings = settings
        self.misdeeds = misdeeds
    }

    func start(fingerprint: UInt64 = ScriptedWorker.fingerprint, protocolVersion: Int = ControlMessage.protocolVersion)
    {
        let description = WorkerDescription(
            graphFingerprint: fingerprint, recipe: settings.recipe(graphFingerprint: fingerprint), name: name,
            pid: 1, host: "test", pinCount: Self.pinCount, featureWidth: Self.featureWidth,
            protocolVersion: protocolVersion)
        Thread { [self] in
            do { try work(description) } catch { refusal = "\(error)" }
            done.withLock {
                isDone = true
                done.broadcast()
            }
        }.start()
    }

    /// Waits for the worker's end.
    /// - Returns: whether it came within the time.
    func join(seconds: Double = 20) -> Bool {
        done.lock()
        defer { done.unlock() }
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !isDone { if !done.wait(until: deadline) { return isDone } }
        return true
    }

    private func work(_ description: WorkerDescription) throws {
        let context = TransportContext()
        let security =
            settings.security.mechanism == .none
            ? .none : try KeyFolder(path: settings.security.keys).client(settings.security.name)
        let push = try PushLink(context, connect: settings.endpoints.toConnect.batches, security: security)
        let control = try ControlClient(
            context, connect: settings.endpoints.toConnect.control, identity: Array(name.utf8), security: security)
        defer {
            push.close()
            control.close()
            context.close()
        }
        _ = try control.send(ControlMessage.hello(worker: description).encode(), timeoutMilliseconds: 5000)
        var sent = 0
        // As a real worker it gives up when it hears nothing, though the trainer answers every heartbeat.
        var lastHeard = steadySeconds()
        while steadySeconds() < lastHeard + 10 {
            guard let frame = try control.receive(timeoutMilliseconds: 200) else {
                let heartbeat = ControlMessage.heartbeat(counters: SamplerCounters())
                _ = try control.send(heartbeat.encode(), timeoutMilliseconds: 0)
                continue
            }
            lastHeard = steadySeconds()
            switch try ControlMessage.decode(frame) {
            case .ticket(let batches, _):
                for batch in batches {
                    if misdeeds.contains(.diesEarly), sent >= 2 { return }
                    try send(batch, count: sent, over: push)
                    sent += 1
                }
            case .refused(let reason):
                refusal = reason
                return
            case .stop: return
            default: continue
            }
        }
    }

    private func send(_ batch: UInt64, count: Int, over push: PushLink) throws {
        if misdeeds.contains(.losesFirst), count == 0 { return }
        let minibatch = Self.minibatch(batch, recipe: settings.recipe(graphFingerprint: Self.fingerprint))
        for _ in 0..<(misdeeds.contains(.sendsTwice) ? 2 : 1) {
            let frames = MinibatchCodec.encode(minibatch, sampler: name).map { frame in
                unsafe Frame(copying: Array(UnsafeRawBufferPointer(frame.bytes)))
            }
            if misdeeds.contains(.corruptsAll) || misdeeds.contains(.corruptsSome) && count % 3 == 0 {
                unsafe frames[2].bytes[0] ^= 0x40
            }
            // A trainer that has gone takes no more.
            let deadline = steadySeconds() + 5
            while try !push.send(frames, timeoutMilliseconds: 100), steadySeconds() < deadline {}
        }
    }

    /// Eight pairs of pins that share a group of ten; neighbours are pins of the same group.
    static func minibatch(_ index: UInt64, recipe: UInt64) -> Minibatch {
        var random = CounterBasedGenerator(seed: 99, purpose: 2, index, 0)
        func pick(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
        let pairs = (0..<8).map { _ -> (Int, Int) in
            let group = pick(4) * 10
            let first = pick(10)
            return (group + first, group + (first + 1 + pick(9)) % 10)
        }
        // Every pin is a target, in a row of its own number: simple, and valid.
        func neighbors(_ pin: Int) -> [Int32] { (1...3).map { Int32(pin / 10 * 10 + (pin + $0) % 10) } }
        let offsets = FrameArray((0...pinCount).map { Int32($0 * 3) })
        let entries = FrameArray((0..<pinCount).flatMap(neighbors))
        let weights = FrameArray((0..<pinCount).flatMap { _ in [0.5, 0.25, 0.25] as [Float] })
        let rows = NeighborhoodRows(offsets: offsets, neighbors: entries, weights: weights)
        var feature = CounterBasedGenerator(seed: 3, purpose: 7, 0, 0)
        let features = (0..<pinCount * featureWidth).map { _ in Float(feature.next() >> 40) / 0x1p24 - 0.5 }
        return Minibatch(
            batchIndex: index, recipe: recipe, targetCount: pinCount, hiddenCount: pinCount,
            pins: FrameArray((0..<pinCount).map { UInt32($0) }),
            boardCounts: FrameArray(repeatElement(1, count: pinCount)), neighborhoods: [rows, rows],
            queries: FrameArray(pairs.map { Int32($0.0) }), positives: FrameArray(pairs.map { Int32($0.1) }),
            sharedNegatives: FrameArray((0..<12).map { _ in Int32(pick(pinCount)) }),
            hardNegatives: FrameArray([]),
            features: InlineFeatures(width: featureWidth, values: FrameArray(features)))
    }
}
