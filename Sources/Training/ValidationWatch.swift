import Configuration

/// The trainer's view of its validation: what is known, and which checkpoints still wait for their figures.
final class ValidationWatch {
    private let settings: PipelineSettings
    private let log: ValidationLog
    private let checkpoints: CheckpointFolder
    /// By step.
    private(set) var records: [ValidationRecord]
    /// Steps whose checkpoints are there and have no record yet, ascending.
    private(set) var pending: [UInt64]
    private let start: UInt64
    private var checksums: [UInt64: String] = [:]

    /// - Parameter start: steps the run has taken; what is known of later ones does not count.
    init(_ settings: PipelineSettings, _ run: RunDirectory, _ checkpoints: CheckpointFolder, start: UInt64) {
        self.settings = settings
        self.checkpoints = checkpoints
        self.start = start
        log = ValidationLog(run)
        let known = log.records().filter { $0.step <= start }
        records = known
        pending = checkpoints.steps().filter { step in
            step <= start && settings.isValidated(step: step) && !known.contains { $0.step == step }
        }
    }

    var isOver: Bool { pending.isEmpty && records.isOver(patience: settings.training.patience) }

    /// Makes the folder agree with what is known: the best is the best of those that are there.
    func settle() throws {
        try log.drop(after: start)
        if let best = records.filter({ checkpoints.has(step: $0.step) }).best { try checkpoints.setBest(best.step) }
    }

    /// A checkpoint of `step` is about to be written.
    func expect(_ step: UInt64) {
        checksums[step] = nil
        if !pending.contains(step) { pending.append(step) }
    }

    /// Takes in what has been found since, and points `best` at the best.
    ///
    /// - Returns: the new records, by step.
    func poll() throws -> [ValidationRecord] {
        let found = log.records().filter { pending.contains($0.step) && $0.checkpointChecksum == checksum($0.step) }
        if found.isEmpty { return [] }
        records = (records + found).sorted { $0.step < $1.step }
        pending.removeAll { step in found.contains { $0.step == step } }
        if let best = records.best { try checkpoints.setBest(best.step) }
        return found
    }

    private func checksum(_ step: UInt64) -> String? {
        if checksums[step] == nil { checksums[step] = checkpoints.tensorsChecksum(step: step) }
        return checksums[step]
    }
}
