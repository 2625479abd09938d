/// What can go wrong around training; each is one line that says what, where, expected, found and what to do.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
    case cannotWrite(path: String, reason: String)
    case runExists(path: String, checkpoints: Int)
    case runInUse(path: String)
    case nothingToResume(path: String)
    case noReadableCheckpoint(path: String, reason: String)
    case checkpointDiffers(path: String, key: String, before: String, now: String)
    case graphMissing(path: String)
    case tooManyBadBatches(count: Int, limit: Int, last: String)

    public var description: String {
        switch self {
        case .cannotWrite(let path, let reason):
            "run directory: \(path): cannot write: \(reason). Check the folder's permissions and free space."
        case .runExists(let path, let checkpoints):
            "run directory: \(path): expected an unused folder, found \(checkpoints) checkpoints. "
                + "Continue it with --resume, or choose another with --run."
        case .runInUse(let path):
            "run directory: \(path): another trainer is at work in it. Stop that one, or choose another with --run."
        case .nothingToResume(let path):
            "run directory: \(path): expected a checkpoint to resume from, found none. Start without --resume."
        case .noReadableCheckpoint(let path, let reason):
            "run directory: \(path): no checkpoint can be read; the newest one says: \(reason)"
        case .checkpointDiffers(let path, let key, let before, let now):
            "checkpoint: \(path): \(key): expected \(before) as when the run was started, found \(now). "
                + "Set it back, or start a new run."
        case .graphMissing(let path):
            "graph: \(path): expected a graph directory with manifest.json, found none. "
                + "Make one with `pinsage import` or `pinsage generate`, or set trainer.features: inline."
        case .tooManyBadBatches(let count, let limit, let last):
            "batches: \(count) came in damaged, the limit is \(limit); the last: \(last). "
                + "Check that all samplers run the same version, and the network between the hosts."
        }
    }
}
