import Artifacts
import Basics
import Configuration
import Foundation
import GraphStore
import Inference
import Logging
import PinSageModel
import Search
import Training

/// The state of a run at an epoch's end, with the checkpoint that holds it.
struct EpochEnd {
    /// Epochs that are over; the number, from 0, of the one that comes next.
    var epoch: UInt64
    var step: UInt64
    var checkpointPath: String
    /// Of its tensors.
    var checkpointChecksum: String
    /// Whether training is over.
    var isLast: Bool
    /// Whether no other checkpoint of an epoch's end that is there is newer.
    var isNewest = true
}

/// Something that is done with every pin's embedding at an epoch's end.
protocol EpochDuty {
    /// As it stands in the log.
    var name: String { get }
    /// Whether it has something to do at this point. Asked several times a second.
    func isDue(_ end: EpochEnd) -> Bool
    /// Whether training has ended early here, as far as this duty knows.
    func isRunOver(at newest: EpochEnd) -> Bool
    /// Does it.
    ///
    /// - Parameters:
    ///   - embeddings: of every pin, from the checkpoint.
    ///   - isStopped: asked now and then; when true, the work is given up.
    func perform(_ end: EpochEnd, embeddings: EmbeddingDirectory, isStopped: () -> Bool) throws
}

extension EpochDuty {
    func isRunOver(at newest: EpochEnd) -> Bool { false }
}

/// Follows a run: at each epoch's end it embeds every pin from the checkpoint and does its duties. Of the checkpoints
/// that are there, the oldest comes first. Pins are embedded as training sees the graph: without the boards that it
/// holds out for validation.
///
/// It may be killed and started at any time: what it owes follows from the files of the run. One works at a time, others
/// wait. It ends by itself when nothing is left to do after the last epoch.
struct EpochCompanion {
    private static let pollMilliseconds: Int32 = 100

    let settings: PipelineSettings
    let graph: BipartiteGraph
    let threads: Int
    let duties: [any EpochDuty]
    let stop: StopToken
    let log: Logger

    private var folder: String { settings.run + "/companion" }
    private var checkpoints: CheckpointFolder { CheckpointFolder(path: settings.run + "/checkpoints") }

    /// Works until the run is over, or `stop` is set.
    func run() throws {
        guard let lock = try waitForLock() else { return }
        defer { close(lock) }
        log.info("the companion is at work", metadata: ["pid": "\(getpid())"])
        var known: [CheckpointFile: EpochEnd?] = [:]
        while !stop.isStopped {
            let files = epochEndFiles()
            known = Dictionary(uniqueKeysWithValues: files.map { ($0, known[$0] ?? read($0)) })
            var ends = files.compactMap { known[$0] ?? nil }
            for index in ends.indices.dropLast() { ends[index].isNewest = false }
            if let end = ends.first(where: isAnythingDue) {
                try perform(end)
            } else if let newest = ends.last, isRunOver(at: newest) {
                return
            }
            wait()
        }
    }

    private func isAnythingDue(_ end: EpochEnd) -> Bool { duties.contains { $0.isDue(end) } }

    private func isRunOver(at newest: EpochEnd) -> Bool {
        newest.isLast || duties.contains { $0.isRunOver(at: newest) }
    }

    private func perform(_ end: EpochEnd) throws {
        let due = duties.filter { $0.isDue(end) }
        if due.isEmpty || stop.isStopped { return }
        let start = steadySeconds()
        do {
            var job = EmbedJob(
                graph: graph, checkpointPath: end.checkpointPath, output: folder + "/snapshot", threads: threads,
                hidesValidation: true)
            // What a companion that was killed has finished of this step is used again.
            job.work = "\(folder)/step-\(end.step).work"
            removeLeftovers(butFor: job.workFolder)
            try EmbedAllPins.run(job, note: { log.warning("\($0)") }, isStopped: { stop.isStopped })
            let embeddings = try EmbeddingDirectory(path: folder + "/snapshot")
            log.info(
                "embedded every pin",
                metadata: ["epoch": "\(end.epoch)", "seconds": "\(seconds(since: start))"])
            for duty in due where !stop.isStopped {
                let start = steadySeconds()
                try duty.perform(end, embeddings: embeddings, isStopped: { stop.isStopped })
                log.info(
                    "duty done",
                    metadata: ["duty": "\(duty.name)", "epoch": "\(end.epoch)", "seconds": "\(seconds(since: start))"])
            }
        } catch InferenceError.stopped {
            return
        } catch {
            // The trainer goes on where no duty holds it up, and may have removed the checkpoint meanwhile.
            if FileManager.default.fileExists(atPath: end.checkpointPath) { throw error }
        }
    }

    // MARK: what there is to do

    /// A checkpoint as the folder knows it: one that is written anew under its name is another.
    private struct CheckpointFile: Hashable {
        var step: UInt64
        var inode: UInt64
        var modified: Int
        var modifiedNanoseconds: Int
    }

    /// Checkpoints of epochs' ends, by step.
    private func epochEndFiles() -> [CheckpointFile] {
        checkpoints.steps().filter(settings.isEpochEnd).compactMap { step in
            var status = stat()
            guard unsafe stat(checkpoints.file(step: step), &status) == 0 else { return nil }
            return CheckpointFile(
                step: step, inode: UInt64(status.st_ino), modified: status.st_mtim.tv_sec,
                modifiedNanoseconds: status.st_mtim.tv_nsec)
        }
    }

    /// What a checkpoint holds; nil when it is not whole.
    private func read(_ checkpoint: CheckpointFile) -> EpochEnd? {
        let (step, path) = (checkpoint.step, checkpoints.file(step: checkpoint.step))
        guard let file = try? SafetensorsFile(path: path) else {
            log.warning("checkpoint passed over", metadata: ["checkpoint": "\(path)"])
            return nil
        }
        return EpochEnd(
            epoch: settings.epoch(ofBatch: step), step: step, checkpointPath: path,
            checkpointChecksum: file.tensorsChecksum, isLast: step >= UInt64(settings.totalBatches))
    }

    // MARK: alone at work

    /// - Returns: the lock's descriptor; nil when stopped before it was free.
    private func waitForLock() throws -> Int32? {
        _ = try MadeFolders(upTo: folder)
        let path = folder + "/lock"
        let descriptor = unsafe open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw ArtifactError.system(path: path, operation: "open", code: errno) }
        var hasSaid = false
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if !hasSaid { log.notice("another companion is at work; this one waits") }
            hasSaid = true
            if stop.isStopped {
                close(descriptor)
                return nil
            }
            wait()
        }
        return descriptor
    }

    /// Removes what companions that were killed have left behind.
    private func removeLeftovers(butFor kept: String) {
        for name in (try? AtomicReplace.entries(ofFolder: folder)) ?? [] {
            let path = "\(folder)/\(name)"
            if path != kept, AtomicReplace.isTemporary(name) || name.hasSuffix(".work") {
                try? AtomicReplace.removeTree(path)
            }
        }
    }

    private func wait() {
        var item = pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0)
        unsafe poll(&item, 1, Self.pollMilliseconds)
        stop.drainSignals()
    }

    private func seconds(since start: Double) -> String { String(format: "%.2f", steadySeconds() - start) }
}
