import Configuration
import PinSageModel

/// What can go wrong around training; each is one line that says what, where, expected, found and what to do.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
    case cannotWrite(path: String, reason: String)
    case runExists(path: String, checkpoints: Int)
    case runInUse(path: String)
    case nothingToResume(path: String)
    case noReadableCheckpoint(path: String, reason: String)
    case checkpointDiffers(path: String, changes: [PipelineSettings.Difference])
    case graphMissing(path: String)
    case tableGone(path: String, epoch: UInt64, checkpoint: String)
    case unusableFeatures(path: String, width: Int)
    case noBFloat16

    public var description: String {
        switch self {
        case .cannotWrite(let path, let reason):
            "run directory: \(path): cannot write: expected a file to write to, found: \(reason). "
                + "Check the folder's permissions and free space."
        case .runExists(let path, let checkpoints):
            "run directory: \(path): run exists: expected no checkpoint, found \(checkpoints). "
                + "Continue it with --resume, or choose another with --run."
        case .runInUse(let path):
            "run directory: \(path): run in use: expected no trainer at work in it, found one. "
                + "Stop that one, or choose another with --run."
        case .nothingToResume(let path):
            "run directory: \(path): nothing to resume: expected a checkpoint, found none. Start without --resume."
        case .noReadableCheckpoint(let path, let reason):
            "run directory: \(path): nothing to resume: expected a whole checkpoint, found damaged ones only; "
                + "the newest: \(reason) Or start a new run with --run."
        case .checkpointDiffers(let path, let changes):
            "checkpoint: \(path): "
                + changes.map { "\($0.key): expected \($0.before) as when the run was started, found \($0.now)" }
                .joined(separator: "; ") + ". Set it back, or start a new run."
        case .graphMissing(let path):
            "graph: \(path): no graph: expected a graph folder with manifest.json, found none. "
                + "Make one with `pinsage import` or `pinsage generate`, or set trainer.features: inline."
        case .tableGone(let path, let epoch, let checkpoint):
            "run directory: \(path): hard negatives are gone: expected the table of epoch \(epoch), or \(checkpoint) to "
                + "make it from, found neither. Restore one from a copy, or start a new run with --run."
        case .unusableFeatures(let path, let width):
            "graph: \(path): unusable features: expected a width of \(ModelShape.widths.lowerBound) to "
                + "\(ModelShape.widths.upperBound), found \(width). Import it again."
        case .noBFloat16:
            "config: trainer.precision: no bfloat16: expected a CPU with AVX512_BF16, found none. Set it to float32."
        }
    }
}
