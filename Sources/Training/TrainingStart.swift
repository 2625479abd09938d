import Artifacts
import Configuration
import Foundation
import Kernels
import Minibatches
import PinSageModel

/// What a training begins from. Making one reads and checks; nothing is written.
public struct TrainingStart {
    /// The newest whole checkpoint of the run; nil at the run's beginning.
    let checkpoint: Checkpoint?
    /// The graph in the graph directory; nil where features travel in the batches and there is none here.
    let graph: GraphIdentity?
    /// The pins' features (P × F); nil where they travel in the batches.
    let features: VectorTable?
    /// Why newer checkpoints were passed over.
    let passedOver: [String]

    /// - Parameter resume: whether to continue from the newest readable checkpoint; otherwise the run must have none.
    /// - Throws: `TrainingError`, `ArtifactError` or the model's error, when this training cannot begin.
    public init(settings: PipelineSettings, run: RunDirectory, resume: Bool) throws {
        if settings.trainer.precision == .bfloat16, !Precision.hasBFloat16 { throw TrainingError.noBFloat16 }
        let checkpoints = CheckpointFolder(path: run.checkpointFolder)
        let existing = checkpoints.steps()
        if !resume, !existing.isEmpty { throw TrainingError.runExists(path: run.path, checkpoints: existing.count) }
        let newest = resume ? try Self.newest(checkpoints, of: run) : nil
        checkpoint = newest?.checkpoint
        passedOver = newest?.passedOver ?? []
        graph = try Self.graph(settings)
        if let checkpoint {
            try Self.check(checkpoint, settings)
            try Self.requireTable(checkpoint, settings, run)
        }
        features =
            settings.trainer.features == .mapped ? try VectorTable(npyPath: settings.graph + "/features.npy") : nil
        if let graph { try check(graph, settings) }
    }

    /// Refuses a graph that the checkpoint was not trained on.
    func check(_ graph: GraphIdentity, _ settings: PipelineSettings) throws {
        let shape = ModelShape(featureWidth: graph.featureWidth, settings.features, settings.model)
        try checkpoint?.require(shape: shape, graphFingerprint: graph.fingerprint, pinCount: graph.pinCount)
        _ = try settings.hardNegativePlan(pinCount: graph.pinCount)
    }

    /// Refuses a checkpoint within an epoch whose hard negatives are gone and can never be made again.
    private static func requireTable(
        _ checkpoint: Checkpoint, _ settings: PipelineSettings, _ run: RunDirectory
    ) throws {
        let epoch = settings.epoch(ofBatch: checkpoint.metadata.batch)
        let first = CheckpointFolder(path: run.checkpointFolder).file(step: settings.firstBatch(ofEpoch: epoch))
        guard settings.needsHardNegativeTable(inEpoch: epoch), !FileManager.default.fileExists(atPath: first),
            let recorded = checkpoint.metadata.hardNegativeTable,
            HardNegativeFolder(run: run.path).description(epoch: epoch)?.name.fingerprint != recorded
        else { return }
        throw TrainingError.tableGone(path: run.path, epoch: epoch, checkpoint: first)
    }

    /// Refuses a checkpoint of settings that would make other batches or another network.
    private static func check(_ checkpoint: Checkpoint, _ settings: PipelineSettings) throws {
        let before = try PipelineSettings.load(
            text: checkpoint.metadata.config, path: checkpoint.path, environment: [:])
        let changes = settings.forbiddenChanges(since: before)
        if !changes.isEmpty { throw TrainingError.checkpointDiffers(path: checkpoint.path, changes: changes) }
    }

    /// What to resume from; nil where the run was cut short before its first checkpoint.
    private static func newest(
        _ checkpoints: CheckpointFolder, of run: RunDirectory
    ) throws -> (checkpoint: Checkpoint, passedOver: [String])? {
        do {
            return try checkpoints.readNewest()
        } catch TrainingError.nothingToResume where FileManager.default.fileExists(atPath: run.configPath) {
            return nil
        }
    }

    private static func graph(_ settings: PipelineSettings) throws -> GraphIdentity? {
        guard FileManager.default.fileExists(atPath: settings.graph + "/manifest.json") else {
            if settings.trainer.features == .inline { return nil }
            throw TrainingError.graphMissing(path: settings.graph)
        }
        let manifest = try Manifest.read(directory: settings.graph, kind: "graph")
        guard ModelShape.widths.contains(manifest.featureWidth) else {
            throw TrainingError.unusableFeatures(path: settings.graph, width: manifest.featureWidth)
        }
        return GraphIdentity(
            fingerprint: manifest.fingerprint, pinCount: manifest.counts["pins"] ?? 0,
            featureWidth: manifest.featureWidth)
    }
}
