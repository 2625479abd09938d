import Artifacts
import Foundation

/// Where training stood when a checkpoint was written, and what it was training.
public struct CheckpointMetadata: Equatable, Sendable {
    /// Steps taken.
    public var step: Int
    /// Epoch of the next batch, from 0.
    public var epoch: Int
    /// Index of the next batch, from 0: as `step`, for each step takes one batch.
    public var batch: UInt64
    /// Key of every random number of the run.
    public var seed: UInt64
    /// The resolved configuration as JSON.
    public var config: String
    /// Fingerprint of the graph trained on, 16 hexadecimal digits.
    public var graphFingerprint: String
    /// Version of the program that wrote it.
    public var revision: String
    /// Instruction set that every step so far was computed with, or `mixed`: another one rounds differently.
    public var instructionSet: String
    /// Running mean of the loss after the last step; nil where the writer kept none.
    public var smoothedLoss: Double?
    /// Fingerprint of the table of hard negatives that the epoch under way is made with; nil where it has none, or has
    /// not begun.
    public var hardNegativeTable: String?

    public init(
        step: Int, epoch: Int, batch: UInt64, seed: UInt64, config: String, graphFingerprint: String, revision: String,
        instructionSet: String = "unknown", smoothedLoss: Double? = nil, hardNegativeTable: String? = nil
    ) {
        self.hardNegativeTable = hardNegativeTable
        self.instructionSet = instructionSet
        self.smoothedLoss = smoothedLoss
        self.step = step
        self.epoch = epoch
        self.batch = batch
        self.seed = seed
        self.config = config
        self.graphFingerprint = graphFingerprint
        self.revision = revision
    }

    init(_ reader: MetadataReader) throws(CheckpointError) {
        step = try reader.number("step", max: Self.stepsMax)
        epoch = try reader.number("epoch", max: Self.stepsMax)
        batch = try reader.number("batch")
        // The batch that comes next and the steps behind it are one number: no two ends to a run.
        guard batch == UInt64(step) else {
            throw reader.mismatch("batch", expected: "\(step) as step", found: "'\(batch)'")
        }
        seed = try reader.number("seed")
        config = try reader.string("config")
        graphFingerprint = try reader.string("graph_fingerprint")
        revision = try reader.string("revision")
        instructionSet = reader.strings["instruction_set"] ?? "unknown"
        smoothedLoss = try reader.finite("smoothed_loss")
        hardNegativeTable = reader.strings["hard_negative_table"]
    }

    /// Most steps that a run can have: `training.epochs` × `training.batches_per_epoch` at their largest.
    static let stepsMax = 1_000_000_000_000_000

    /// As the file holds them, with version and shape.
    func strings(shape: ModelShape) -> [String: String] {
        var strings = [
            "step": "\(step)", "epoch": "\(epoch)", "batch": "\(batch)", "seed": "\(seed)", "config": config,
            "graph_fingerprint": graphFingerprint, "revision": revision, "format_version": Checkpoint.formatVersion,
            "model": Self.json(shape), "instruction_set": instructionSet,
        ]
        if let hardNegativeTable { strings["hard_negative_table"] = hardNegativeTable }
        if let smoothedLoss { strings["smoothed_loss"] = "\(smoothedLoss)" }
        return strings
    }

    private static func json(_ shape: ModelShape) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(shape) else {
            preconditionFailure("CheckpointMetadata: cannot encode \(shape)")
        }
        return String(decoding: data, as: UTF8.self)
    }
}

/// Typed reading of a checkpoint's metadata strings.
struct MetadataReader {
    let path: String
    let strings: [String: String]

    func string(_ key: String) throws(CheckpointError) -> String {
        guard let text = strings[key] else {
            throw mismatch(key, expected: "a string", found: "no such metadata")
        }
        return text
    }

    /// A whole number from 0 on.
    func number<T: FixedWidthInteger>(_ key: String, max: T = .max) throws(CheckpointError) -> T {
        let text = try string(key)
        guard let value = T(text), value >= 0, value <= max else {
            throw mismatch(key, expected: "a whole number up to \(max)", found: "'\(text)'")
        }
        return value
    }

    /// A number, or nil where there is none.
    func finite(_ key: String) throws(CheckpointError) -> Double? {
        guard let text = strings[key] else { return nil }
        guard let value = Double(text), value.isFinite else {
            throw mismatch(key, expected: "a finite number", found: "'\(text)'")
        }
        return value
    }

    func shape() throws(CheckpointError) -> ModelShape {
        let text = try string("model")
        guard let shape = try? BoundedJSON.decode(ModelShape.self, from: Data(text.utf8)), shape.isPossible else {
            throw mismatch("model", expected: "a model's shape", found: "'\(text)'")
        }
        return shape
    }

    func mismatch(_ key: String, expected: String, found: String) -> CheckpointError {
        .mismatch(
            path: path, subject: "metadata \(key)", expected: expected, found: found,
            action: CheckpointError.useAnother)
    }
}
