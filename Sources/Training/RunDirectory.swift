import Artifacts
import Foundation

/// A run's folder and the names in it.
///
///     config.yaml            the resolved configuration
///     checkpoints/           step-00001200.safetensors …, latest
///     queue_depth.log        one line a second
///     metrics.jsonl          one object per logged step
///     events.out.tfevents.*  the same scalars for TensorBoard
///     logs/                  one file per process
///     lock                   held by the trainer at work
public struct RunDirectory: Sendable {
    public let path: String

    public var configPath: String { path + "/config.yaml" }
    public var checkpointFolder: String { path + "/checkpoints" }
    public var queueDepthPath: String { path + "/queue_depth.log" }
    public var metricsPath: String { path + "/metrics.jsonl" }
    public func logPath(_ process: String) -> String { "\(path)/logs/\(process).log" }

    public init(path: String) {
        self.path = path
    }

    /// Makes the folders that are missing.
    public func create() throws(TrainingError) {
        for folder in [path, checkpointFolder, path + "/logs"] {
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            } catch {
                throw .cannotWrite(path: folder, reason: reason(error))
            }
        }
    }

    /// Takes the run for this process; the lock goes with the process, however it ends.
    public func lock() throws(TrainingError) -> RunLock {
        let lockPath = path + "/lock"
        let descriptor = unsafe open(lockPath, O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .cannotWrite(path: lockPath, reason: unsafe String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .runInUse(path: path)
        }
        return RunLock(descriptor: descriptor)
    }

    /// Opens a log for appending, making it where it is missing.
    func append(to file: String) throws(TrainingError) -> FileHandle {
        let descriptor = unsafe open(file, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannotWrite(path: file, reason: unsafe String(cString: strerror(errno))) }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    private func reason(_ error: any Error) -> String {
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        return underlying.map { unsafe String(cString: strerror(Int32($0.code))) } ?? error.localizedDescription
    }
}

/// Holds a run directory until it goes.
public final class RunLock: Sendable {
    private let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }
}
