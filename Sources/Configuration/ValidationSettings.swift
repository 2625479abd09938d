/// Boards that a run holds out of its own training, to see how it is getting on (`validation.*`).
public struct ValidationSettings: Equatable, Sendable {
    /// Share of the boards that neither walks nor pairs nor counts know of. 0: no validation. 0 … 0.5.
    public var share = 0.0
    /// Pairs drawn from them, at most. 1 … 1,000,000.
    public var pairs = 2_000
    /// Epochs from one validation to the next; the last epoch always has one. 1 … 1,000,000.
    public var everyEpochs = 1

    public init() {}
}

extension PipelineSettings {
    public var validates: Bool { validation.share > 0 }

    /// Whether the state after `step` batches is validated: at the end of every `validation.every_epochs`-th epoch, and
    /// at the end of the run.
    public func isValidated(step: UInt64) -> Bool {
        guard validates, isEpochEnd(step: step) else { return false }
        return step == UInt64(totalBatches) || epoch(ofBatch: step) % UInt64(validation.everyEpochs) == 0
    }
}
