import Artifacts
import Foundation
import PinSageModel

/// The checkpoints of a run: their names, which is the newest, and how many stay.
///
/// `step-00001200.safetensors` holds the state after 1,200 batches; `latest` names the newest complete file.
struct CheckpointFolder {
    let path: String

    /// Steps of the checkpoints that are there, ascending.
    func steps() -> [UInt64] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.compactMap { name in
            guard name.hasPrefix("step-"), name.hasSuffix(".safetensors") else { return nil }
            return UInt64(name.dropFirst(5).dropLast(12))
        }.sorted()
    }

    func file(step: UInt64) -> String { "\(path)/\(Self.name(step: step))" }

    static func name(step: UInt64) -> String {
        let digits = String(step)
        return "step-" + String(repeating: "0", count: max(8 - digits.count, 0)) + digits + ".safetensors"
    }

    /// Writes a checkpoint, points `latest` at it, and removes all but the newest `keep`.
    func write(_ learner: Learner, metadata: CheckpointMetadata, keep: Int) throws {
        let step = UInt64(metadata.step)
        try Checkpoint.write(
            path: file(step: step), parameters: learner.parameters, adam: learner.adam, metadata: metadata)
        try AtomicReplace.write(to: path + "/latest") { file in
            try file.write(Self.name(step: step) + "\n")
        }
        for old in steps().dropLast(keep) where old != step {
            try? FileManager.default.removeItem(atPath: file(step: old))
        }
    }

    /// Reads the newest checkpoint that is whole; damaged ones are passed over.
    func readNewest() throws(TrainingError) -> (checkpoint: Checkpoint, passedOver: [String]) {
        var faults: [String] = []
        for step in steps().reversed() {
            do {
                return (try Checkpoint.read(path: file(step: step)), faults)
            } catch {
                faults.append("\(error)")
            }
        }
        if let newest = faults.first { throw .noReadableCheckpoint(path: path, reason: newest) }
        throw .nothingToResume(path: path)
    }
}
