import Artifacts
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
    /// As in `StepResult`.
    public var activeShare: Double
    /// Spread of the cosines between random pairs of the batch's embeddings, at the end of an epoch: mean, standard
    /// deviation and excess kurtosis.
    public var cosineMean: Double?
    public var cosineDeviation: Double?
    public var cosineKurtosis: Double?

    /// What the epoch's negatives were like, at its end.
    var audit: EpochAudit?

    enum CodingKeys: String, CodingKey {
        case step, epoch, loss, audit
        case hardNegatives = "hard_negatives"
        case learningRate = "learning_rate"
        case pairsPerSecond = "pairs_per_s"
        case waitShare = "wait_share"
        case gradientNorm = "gradient_norm"
        case activeShare = "active_share"
        case cosineMean = "cosine_mean"
        case cosineDeviation = "cosine_deviation"
        case cosineKurtosis = "cosine_kurtosis"
    }

    mutating func add(_ spread: CosineSpread) {
        (cosineMean, cosineDeviation, cosineKurtosis) = (spread.mean, spread.deviation, spread.kurtosis)
    }

    var scalars: [(tag: String, value: Double)] {
        [
            ("loss", loss), ("learning_rate", learningRate), ("pairs_per_s", pairsPerSecond),
            ("wait_share", waitShare), ("gradient_norm", gradientNorm), ("active_share", activeShare),
            ("hard_negatives", Double(hardNegatives)),
        ]
            + [
                ("cosine_mean", cosineMean), ("cosine_deviation", cosineDeviation), ("cosine_kurtosis", cosineKurtosis),
            ].compactMap { tag, value in value.map { (tag, $0) } }
            + (audit?.figures ?? []).map { ("audit/\($0.name)", $0.value) }
    }
}

/// Writes `metrics.jsonl` and the TensorBoard file.
final class MetricsLog {
    private let lines: AppendedFile
    private let events: TensorBoardEvents
    private let encoder = JSONEncoder()

    /// - Parameter start: steps the run has taken. What an earlier process logged beyond them was lost with it and
    ///   will be done again: it is taken out, so that no step stands twice.
    init(_ run: RunDirectory, start: UInt64) throws {
        try Self.dropLines(after: start, path: run.metricsPath)
        lines = try AppendedFile(path: run.metricsPath)
        events = try TensorBoardEvents(folder: run.path, time: wallClockSeconds(), start: start)
        encoder.outputFormatting = [.sortedKeys]
    }

    func append(_ metrics: StepMetrics) throws {
        try lines.write(try encoder.encode(metrics) + Data("\n".utf8))
        try events.append(step: metrics.step, time: wallClockSeconds(), scalars: metrics.scalars)
    }

    /// The scalars of a validation, for TensorBoard alone: `validation.jsonl` has them already.
    func append(_ validation: ValidationRecord) throws {
        try events.append(step: validation.step, time: wallClockSeconds(), scalars: validation.scalars)
    }

    private static func dropLines(after start: UInt64, path: String) throws {
        struct Line: Decodable { var step: UInt64 }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return }
        let kept = text.split(separator: "\n").filter { line in
            (try? JSONDecoder().decode(Line.self, from: Data(line.utf8))).map { $0.step <= start } == true
        }
        let whole = kept.map { $0 + "\n" }.joined()
        if whole != text { try AtomicReplace.write(to: path) { file in try file.write(whole) } }
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
    private let file: AppendedFile

    init(_ run: RunDirectory) throws {
        file = try AppendedFile(path: run.queueDepthPath)
        if file.isNew { try file.write(Data(Self.header.utf8)) }
    }

    func append(_ depth: QueueDepth, time: Double) throws {
        let workers = depth.receivedByWorker.map { " \($0.name)=\($0.count)" }.joined()
        let stamp = ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: time))
        let line =
            "\(stamp) \(depth.step) \(depth.depth) \(depth.inFlight) \(depth.ready) \(depth.capacity) "
            + String(format: "%.0f %.2f", depth.trainerWaitMilliseconds, depth.batchesPerSecond) + workers + "\n"
        try file.write(Data(line.utf8))
    }
}
