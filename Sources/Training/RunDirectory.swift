import Artifacts
import Foundation
import Glibc

/// A run's folder and the names in it.
///
///     config.yaml            the resolved configuration
///     checkpoints/           step-00001200.safetensors …, latest, best
///     queue_depth.log        one line a second
///     metrics.jsonl          one object per logged step
///     validation.jsonl       one object per validated epoch
///     events.out.tfevents.*  the same scalars for TensorBoard
///     logs/                  one file per process
///     lock                   held by the trainer at work
public struct RunDirectory: Sendable {
    public let path: String

    public var configPath: String { path + "/config.yaml" }
    public var checkpointFolder: String { path + "/checkpoints" }
    public var queueDepthPath: String { path + "/queue_depth.log" }
    public var metricsPath: String { path + "/metrics.jsonl" }
    private static let validationName = "validation.jsonl"
    public var validationPath: String { "\(path)/\(Self.validationName)" }
    public func logPath(_ process: String) -> String { "\(path)/logs/\(process).log" }

    public init(path: String) {
        self.path = path
    }

    /// Removes what a process that was killed while it wrote has left behind. Only for the holder of the lock. The
    /// companion, which may be writing down a validation just now, sees to that file itself.
    func removeLeftovers() {
        AtomicReplace.removeLeftovers(in: path, exceptOf: [Self.validationName])
        AtomicReplace.removeLeftovers(in: checkpointFolder)
    }

    /// Takes a run that a trainer has been at work in before; nil when there is none.
    public func lockExisting() throws(TrainingError) -> RunLock? {
        FileManager.default.fileExists(atPath: lockPath) ? try lock(made: []) : nil
    }

    /// Takes the run for this process, and makes the folders that are missing.
    ///
    /// - Parameter held: what `lockExisting` gave.
    /// - Throws: `TrainingError.runInUse`; `ArtifactError` or `.cannotWrite` naming what cannot be made.
    public func open(holding held: RunLock?) throws -> RunLock {
        let made = [try MadeFolders(upTo: checkpointFolder), try MadeFolders(upTo: path + "/logs")]
        return try held ?? lock(made: made)
    }

    private var lockPath: String { path + "/lock" }

    private func lock(made: [MadeFolders]) throws(TrainingError) -> RunLock {
        let descriptor = unsafe Glibc.open(lockPath, O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .cannotWrite(path: lockPath, reason: unsafe String(cString: strerror(errno)))
        }
        var (ours, named) = (stat(), stat())
        // A trainer that gave up may have removed the file between the two calls: then it locks nobody out.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, unsafe fstat(descriptor, &ours) == 0,
            unsafe stat(lockPath, &named) == 0, ours.st_ino == named.st_ino
        else {
            close(descriptor)
            throw .runInUse(path: path)
        }
        return RunLock(descriptor: descriptor, run: self, made: made)
    }
}

/// Holds a run directory until it goes, which it does with the process, however that ends.
public final class RunLock: Sendable {
    private let descriptor: Int32
    private let run: RunDirectory
    private let made: [MadeFolders]

    init(descriptor: Int32, run: RunDirectory, made: [MadeFolders]) {
        self.descriptor = descriptor
        self.run = run
        self.made = made
    }

    /// Takes away what opening a new run has made, when no training came of it; an older run stays as it is.
    public func abandon() {
        if made.isEmpty { return }
        for file in ["lock", "logs/trainer.log", "batches.ipc", "batches.ipc.control"] {
            unsafe unlink("\(run.path)/\(file)")
        }
        for folders in made.reversed() { folders.remove() }
    }

    deinit {
        close(descriptor)
    }
}
