import Configuration
import Evaluation
import GraphStore
import Kernels
import Search
import Training

/// Validates an epoch's end: ranks the pairs of the boards that the run holds out, and writes down what it found.
struct ValidationDuty: EpochDuty {
    let name = "validation"
    private let settings: PipelineSettings
    private let pairs: ValidationPairs
    private let validations: ValidationLog
    private let kernels: Kernels

    /// - Throws: `EvaluationError.noValidationPairs` when the boards held out have none.
    init(settings: PipelineSettings, graph: BipartiteGraph, threads: Int) throws {
        self.settings = settings
        pairs = try ValidationPairs(graph: graph, settings: settings)
        validations = ValidationLog(RunDirectory(path: settings.run))
        validations.removeLeftovers()
        kernels = Kernels(team: ThreadTeam(threads: threads))
    }

    func isDue(_ end: EpochEnd) -> Bool {
        settings.isValidated(step: end.step) && validations.record(of: end.step, end.checkpointChecksum) == nil
    }

    func isRunOver(at newest: EpochEnd) -> Bool {
        validations.record(of: newest.step, newest.checkpointChecksum) != nil
            && validations.records().isOver(patience: settings.training.patience)
    }

    func perform(_ end: EpochEnd, embeddings: EmbeddingDirectory, isStopped: () -> Bool) throws {
        let ranks = embeddings.search(kernels: kernels).ranks(of: pairs.pairs)
        let metrics = Metrics(ranks: ranks, top: [10, 100, 500])
        try validations.add(
            ValidationRecord(
                step: end.step, epoch: settings.epoch(ofBatch: end.step - 1),
                checkpointChecksum: end.checkpointChecksum, pairs: metrics.pairCount,
                hitRates: metrics.hitRates.map(\.rate), meanReciprocalRank: metrics.meanReciprocalRank))
    }
}
