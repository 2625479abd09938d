import Artifacts
import Basics
import Foundation
import PinSageModel

/// The checkpoints of a run: their names, which is the newest, which the best, and how many stay.
///
/// `step-00001200.safetensors` holds the state after 1,200 batches; `latest` names the newest complete file, `best`
/// the one with the lowest smoothed loss or, in a run that validates, the one that was found best. A file is written
/// beside, made durable and renamed; then `latest`, then `best`, then older ones go. So a process that is killed at any
/// point leaves a folder to resume from.
package struct CheckpointFolder {
    package let path: String

    package init(path: String) { self.path = path }

    /// Steps of the checkpoints that are there, ascending.
    package func steps() -> [UInt64] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.compactMap(Self.step(of:)).sorted()
    }

    func has(step: UInt64) -> Bool { FileManager.default.fileExists(atPath: file(step: step)) }

    package func file(step: UInt64) -> String { "\(path)/\(Self.name(step: step))" }

    static func name(step: UInt64) -> String { "step-\(zeroPadded(step, 8)).safetensors" }

    /// Writes a checkpoint, points `latest` and perhaps `best` at it, and removes all but the newest `keep`, the best,
    /// those to be validated and the one that the epoch began with. Files of later steps, which a resumed run has passed
    /// over as damaged, stay until they are overwritten.
    ///
    /// - Parameters:
    ///   - epochStart: steps of the checkpoint that the epoch's hard negatives come from.
    ///   - unvalidated: steps whose checkpoints are to be validated, which chooses the best; nil: the smoothed loss
    ///     chooses it.
    /// - Returns: steps of the oldest of the newest `keep`.
    @discardableResult
    func write(
        _ learner: Learner, metadata: CheckpointMetadata, keep: Int, epochStart: UInt64? = nil,
        unvalidated: [UInt64]? = nil
    ) throws -> UInt64 {
        let step = UInt64(metadata.step)
        try Checkpoint.write(
            path: file(step: step), parameters: learner.parameters, adam: learner.adam,
            learned: learner.learned, metadata: metadata)
        try point("latest", at: step)
        let best =
            unvalidated == nil ? try updateBest(step: step, smoothedLoss: metadata.smoothedLoss) : pointed("best")
        let spared = (unvalidated ?? []) + [best, epochStart].compactMap(\.self)
        let written = steps().filter { $0 <= step }
        for old in written.dropLast(keep) where !spared.contains(old) {
            try? FileManager.default.removeItem(atPath: file(step: old))
        }
        return written.suffix(keep).first ?? step
    }

    /// Points `best` at the checkpoint of `step` if it is better than the one that `best` names, or if that is gone.
    /// - Returns: the step of the best.
    @discardableResult
    func updateBest(step: UInt64, smoothedLoss: Double?) throws -> UInt64? {
        if let best = pointed("best"), best != step, let lowest = Self.smoothedLoss(path: file(step: best)) {
            guard let smoothedLoss, smoothedLoss < lowest else { return best }
        }
        guard smoothedLoss != nil else { return nil }
        try point("best", at: step)
        return step
    }

    /// Points `best` at a step's checkpoint.
    func setBest(_ step: UInt64) throws {
        if pointed("best") != step { try point("best", at: step) }
    }

    /// Checksum of a checkpoint's tensors; nil where there is no whole file.
    func tensorsChecksum(step: UInt64) -> String? { (try? SafetensorsFile(path: file(step: step)))?.tensorsChecksum }

    /// Reads the newest checkpoint that is whole; damaged ones are passed over.
    ///
    /// - Throws: `TrainingError` when there is none; `CheckpointError` when the newest cannot be opened: it may be whole.
    func readNewest() throws -> (checkpoint: Checkpoint, passedOver: [String]) {
        var faults: [String] = []
        for step in steps().reversed() {
            do throws(CheckpointError) {
                return (try Checkpoint.read(path: file(step: step)), faults)
            } catch {
                if case .file(.system) = error { throw error }
                faults.append("\(error)")
            }
        }
        if let newest = faults.first { throw TrainingError.noReadableCheckpoint(path: path, reason: newest) }
        throw TrainingError.nothingToResume(path: path)
    }

    private func point(_ pointer: String, at step: UInt64) throws {
        try AtomicReplace.write(to: "\(path)/\(pointer)") { file in try file.write(Self.name(step: step) + "\n") }
    }

    private func pointed(_ pointer: String) -> UInt64? {
        let text = try? String(contentsOfFile: "\(path)/\(pointer)", encoding: .utf8)
        return text.flatMap { Self.step(of: $0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private static func step(of name: String) -> UInt64? {
        guard name.hasPrefix("step-"), name.hasSuffix(".safetensors") else { return nil }
        return UInt64(name.dropFirst(5).dropLast(12))
    }

    private static func smoothedLoss(path: String) -> Double? {
        (try? SafetensorsFile(path: path))?.metadata["smoothed_loss"].flatMap(Double.init)
    }
}
