import Basics
import Foundation

/// One logged step: a line of `metrics.jsonl`, and the scalars of the TensorBoard file.
public struct StepMetrics: Codable, Equatable, Sendable {
    /// Batches consumed so far.
    public var step: UInt64
    /// Epoch of the last batch, from 0.
    public var epoch: UInt64
    public var loss: Double
    /// Hard negatives that each pair had.
    public var hardNegatives: Int
    public var learningRate: Double
    public var pairsPerSecond: Double
    /// Share of the time since the line before in which the trainer waited for batches.
    public var waitShare: Double
    public var gradientNorm: Double
    /// Share of the (pair, negative) hinges that were active.
    public var activeShare: Double

    enum CodingKeys: String, CodingKey {
        case step, epoch, loss
        case hardNegatives = "hard_negatives"
        case learningRate = "learning_rate"
        case pairsPerSecond = "pairs_per_s"
        case waitShare = "wait_share"
        case gradientNorm = "gradient_norm"
        case activeShare = "active_share"
    }

    var scalars: [(tag: String, value: Double)] {
        [
            ("loss", loss), ("learning_rate", learningRate), ("pairs_per_s", pairsPerSecond),
            ("wait_share", waitShare), ("gradient_norm", gradientNorm), ("active_share", activeShare),
            ("hard_negatives", Double(hardNegatives)),
        ]
    }
}

/// Writes `metrics.jsonl` and the TensorBoard file.
final class MetricsLog {
    private let lines: FileHandle
    private let events: TensorBoardEvents
    private let encoder = JSONEncoder()

    init(_ run: RunDirectory) throws {
        lines = try run.append(to: run.metricsPath)
        events = try TensorBoardEvents(folder: run.path, time: wallClockSeconds())
        encoder.outputFormatting = [.sortedKeys]
    }

    func append(_ metrics: StepMetrics) throws {
        try lines.write(contentsOf: try encoder.encode(metrics) + Data("\n".utf8))
        try events.append(step: metrics.step, time: wallClockSeconds(), scalars: metrics.scalars)
    }
}

/// State of the queue between samplers and trainer over the last interval.
struct QueueDepth: Sendable {
    var step: UInt64
    var inFlight: Int
    var ready: Int
    var capacity: Int
    /// Milliseconds that the trainer waited for a batch.
    var trainerWaitMilliseconds: Double
    var batchesPerSecond: Double
    /// Batches received from each worker, in the workers' order of arrival.
    var receivedByWorker: [(name: String, count: Int)]

    /// Batches leased and not consumed.
    var depth: Int { inFlight + ready }
}

/// Writes `queue_depth.log`: one line a second.
final class QueueDepthLog: Sendable {
    static let header =
        "# time step depth in_flight ready capacity trainer_wait_ms batches_per_s WORKER=batches_received…\n"
    private let file: FileHandle

    init(_ run: RunDirectory) throws {
        let isNew = (try? FileManager.default.attributesOfItem(atPath: run.queueDepthPath)[.size] as? Int) ?? 0 == 0
        file = try run.append(to: run.queueDepthPath)
        if isNew { try file.write(contentsOf: Data(Self.header.utf8)) }
    }

    func append(_ depth: QueueDepth, time: Double) throws {
        let workers = depth.receivedByWorker.map { " \($0.name)=\($0.count)" }.joined()
        let stamp = ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: time))
        let line =
            "\(stamp) \(depth.step) \(depth.depth) \(depth.inFlight) \(depth.ready) \(depth.capacity) "
            + String(format: "%.0f %.2f", depth.trainerWaitMilliseconds, depth.batchesPerSecond) + workers + "\n"
        try file.write(contentsOf: Data(line.utf8))
    }
}
