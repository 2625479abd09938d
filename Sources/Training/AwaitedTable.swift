import Artifacts
import Configuration
import Minibatches
import PinSageModel

/// The table of hard negatives that an epoch waits for, and how it is known.
struct AwaitedTable: Equatable {
    var epoch: UInt64
    /// As a checkpoint of this epoch has recorded it.
    var fingerprint: String?
    /// Checksum of the tensors of the checkpoint that the epoch begins with; nil where that is gone.
    var checkpointChecksum: String?

    /// What the batches from `step` on wait for; nil where they need no table.
    ///
    /// - Parameter recorded: the table of the checkpoint of this step.
    /// - Throws: `ArtifactError` where the epoch's first checkpoint cannot be read and no table is recorded.
    init?(
        step: UInt64, recorded: String?, settings: PipelineSettings, checkpoints: CheckpointFolder
    ) throws(ArtifactError) {
        epoch = settings.epoch(ofBatch: step)
        guard settings.needsHardNegativeTable(inEpoch: epoch) else { return nil }
        fingerprint = recorded
        do {
            let first = checkpoints.file(step: settings.firstBatch(ofEpoch: epoch))
            checkpointChecksum = try SafetensorsFile(path: first).tensorsChecksum
        } catch {
            if recorded == nil { throw error }
        }
    }

    /// Whether a table is the one: the one that was used before, or made from the right checkpoint.
    func accepts(_ table: HardNegativeFolder.Description, recipe: String) -> Bool {
        let isOfCheckpoint = checkpointChecksum != nil && table.checkpointChecksum == checkpointChecksum
        return table.recipe == recipe && (isOfCheckpoint || table.name.fingerprint == fingerprint)
    }
}
