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
}

/// Something that is done with every pin's embedding at an epoch's end.
protocol EpochDuty {
    /// As it stands in the log.
    var name: String { get }
    /// Whether it has something to do at this point. Asked several times a second.
    func isDue(_ end: EpochEnd) -> Bool
    /// Does it.
    ///
    /// - Parameters:
    ///   - embeddings: of every pin, from the checkpoint.
    ///   - isStopped: asked now and then; when true, the work is given up.
    func perform(_ end: EpochEnd, embeddings: EmbeddingDirectory, isStopped: () -> Bool) throws
}

/// Follows a run: at each epoch's end it embeds every pin from the checkpoint and does its duties.
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
        var seen: Seen?
        while !stop.isStopped {
            if let newest = newestFile(), newest != seen?.file { seen = Seen(file: newest, end: readNewest()) }
            if let end = seen?.end {
                try perform(end)
                if end.isLast, !duties.contains(where: { $0.isDue(end) }) { return }
            }
            wait()
        }
    }

    private func perform(_ end: EpochEnd) throws {
        let due = duties.filter { $0.isDue(end) }
        if due.isEmpty || stop.isStopped { return }
        let start = steadySeconds()
        do {
            var job = EmbedJob(
                graph: graph, checkpointPath: end.checkpointPath, output: folder + "/snapshot", threads: threads)
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

    private struct Seen {
        var file: CheckpointFile
        var end: EpochEnd?
    }

    /// A checkpoint as the folder knows it: one that is written anew under its name is another.
    private struct CheckpointFile: Equatable {
        var step: UInt64
        var inode: UInt64
        var modified: Int
        var modifiedNanoseconds: Int
    }

    private var epochEndSteps: [UInt64] {
        let (perEpoch, total) = (UInt64(settings.training.batchesPerEpoch), UInt64(settings.totalBatches))
        return checkpoints.steps().filter { $0 > 0 && ($0 % perEpoch == 0 || $0 == total) }
    }

    private func newestFile() -> CheckpointFile? {
        guard let step = epochEndSteps.last else { return nil }
        var status = stat()
        guard unsafe stat(checkpoints.file(step: step), &status) == 0 else { return nil }
        return CheckpointFile(
            step: step, inode: UInt64(status.st_ino), modified: status.st_mtim.tv_sec,
            modifiedNanoseconds: status.st_mtim.tv_nsec)
    }

    /// The newest checkpoint of an epoch's end that is whole; nil when there is none.
    private func readNewest() -> EpochEnd? {
        for step in epochEndSteps.reversed() {
            let path = checkpoints.file(step: step)
            guard let file = try? SafetensorsFile(path: path) else {
                log.warning("checkpoint passed over", metadata: ["checkpoint": "\(path)"])
                continue
            }
            return EpochEnd(
                epoch: settings.epoch(ofBatch: step), step: step, checkpointPath: path,
                checkpointChecksum: file.tensorsChecksum, isLast: step >= UInt64(settings.totalBatches))
        }
        return nil
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
            if path != kept, name.contains(".tmp-") || name.hasSuffix(".work") { try? AtomicReplace.removeTree(path) }
        }
    }

    private func wait() {
        var item = pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0)
        unsafe poll(&item, 1, Self.pollMilliseconds)
        stop.drainSignals()
    }

    private func seconds(since start: Double) -> String { String(format: "%.2f", steadySeconds() - start) }
}
