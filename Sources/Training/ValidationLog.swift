import Artifacts
import Configuration
import Foundation

/// What the validation of one epoch found: a line of `validation.jsonl`.
public struct ValidationRecord: Codable, Equatable, Sendable {
    /// Batches learned from.
    public var step: UInt64
    /// Epoch of the last batch, from 0.
    public var epoch: UInt64
    /// Checksum of the checkpoint's tensors, 16 hexadecimal digits.
    public var checkpointChecksum: String
    public var pairs: Int
    /// Shares of the pairs whose positive ranks within 10, 100 and 500 of all pins. 0 … 1.
    public var hitRate10: Double
    public var hitRate100: Double
    public var hitRate500: Double
    public var meanReciprocalRank: Double

    enum CodingKeys: String, CodingKey {
        case step, epoch, pairs
        case checkpointChecksum = "checkpoint_checksum"
        case hitRate10 = "hit@10"
        case hitRate100 = "hit@100"
        case hitRate500 = "hit@500"
        case meanReciprocalRank = "MRR"
    }

    public init(
        step: UInt64, epoch: UInt64, checkpointChecksum: String, pairs: Int, hitRates: [Double],
        meanReciprocalRank: Double
    ) {
        precondition(hitRates.count == 3, "ValidationRecord: hit-rates at 10, 100 and 500, not \(hitRates.count)")
        self.step = step
        self.epoch = epoch
        self.checkpointChecksum = checkpointChecksum
        self.pairs = pairs
        (hitRate10, hitRate100, hitRate500) = (hitRates[0], hitRates[1], hitRates[2])
        self.meanReciprocalRank = meanReciprocalRank
    }

    var scalars: [(tag: String, value: Double)] {
        [
            ("validation/hit@10", hitRate10), ("validation/hit@100", hitRate100), ("validation/hit@500", hitRate500),
            ("validation/MRR", meanReciprocalRank),
        ]
    }

    /// For people.
    public var line: String {
        String(
            format: "hit@10 %.2f %%  hit@100 %.2f %%  hit@500 %.2f %%  MRR %.4f", 100 * hitRate10, 100 * hitRate100,
            100 * hitRate500, meanReciprocalRank) + "  (\(pairs) pairs)"
    }
}

/// `validation.jsonl`: the companion writes it, the trainer reads it. It is replaced whole at each change.
public struct ValidationLog: Sendable {
    private let path: String

    public init(_ run: RunDirectory) { path = run.validationPath }

    /// Removes what a writer that was killed has left behind.
    public func removeLeftovers() { AtomicReplace.removeLeftovers(of: path) }

    /// The lines that can be read, by step.
    public func records() -> [ValidationRecord] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap {
            try? JSONDecoder().decode(ValidationRecord.self, from: Data($0.utf8))
        }.sorted { $0.step < $1.step }
    }

    /// The record of a step's checkpoint; nil where there is none, or only one of another checkpoint.
    public func record(of step: UInt64, _ checkpointChecksum: String) -> ValidationRecord? {
        records().first { $0.step == step && $0.checkpointChecksum == checkpointChecksum }
    }

    /// Adds a record. Those of its step and of later ones are of a past that was lost, and go.
    public func add(_ record: ValidationRecord) throws {
        try write(records().filter { $0.step < record.step } + [record])
    }

    /// Drops what is known of later steps than `step`.
    func drop(after step: UInt64) throws {
        let all = records()
        if let last = all.last, last.step > step { try write(all.filter { $0.step <= step }) }
    }

    private func write(_ records: [ValidationRecord]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let lines = try records.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
        try AtomicReplace.write(to: path) { file in try file.write(lines.joined()) }
    }
}

extension [ValidationRecord] {
    /// The one with the highest mean reciprocal rank, the first among equals.
    public var best: ValidationRecord? {
        reduce(nil) { best, record in
            best.map { $0.meanReciprocalRank >= record.meanReciprocalRank } == true ? best : record
        }
    }

    /// Whether the best is `patience` epochs or more behind the last; never with a patience of 0.
    public func isOver(patience: Int) -> Bool {
        guard patience > 0, let best, let last else { return false }
        return last.epoch - best.epoch >= UInt64(patience)
    }
}
