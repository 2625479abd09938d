import Artifacts
import Configuration
import Foundation
import PinSageModel

/// Which checkpoint and which graph to embed with.
public struct EmbedSource: Equatable, Sendable {
    public let checkpoint: String
    public let graph: String

    /// - Parameters:
    ///   - run: a run directory: its newest readable checkpoint, and the graph of its `config.yaml`.
    ///   - checkpoint: a checkpoint file, instead of `run`.
    ///   - graph: a graph directory; overrides the run's.
    ///   - note: told in one line when the newest checkpoint is damaged and an older one is taken.
    /// - Precondition: `run`, or `checkpoint` and `graph`.
    public static func find(
        run: String?, checkpoint: String?, graph: String?, note: (String) -> Void = { _ in }
    ) throws -> EmbedSource {
        guard let run else {
            guard let checkpoint, let graph else {
                preconditionFailure("EmbedSource: neither a run nor a checkpoint and a graph")
            }
            return EmbedSource(checkpoint: checkpoint, graph: graph)
        }
        guard FileManager.default.fileExists(atPath: run + "/config.yaml") else {
            throw InferenceError.noRun(path: run)
        }
        let settings = try PipelineSettings.load(path: run + "/config.yaml")
        return EmbedSource(checkpoint: try newestCheckpoint(run: run, note: note), graph: graph ?? settings.graph)
    }

    /// The file that `checkpoints/latest` names; where that is damaged, the newest older one that is whole.
    public static func newestCheckpoint(run: String, note: (String) -> Void) throws -> String {
        let folder = run + "/checkpoints"
        let latest = try? String(contentsOfFile: folder + "/latest", encoding: .utf8)
        let named = latest?.trimmingCharacters(in: .whitespacesAndNewlines)
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let older = files.filter { $0.hasPrefix("step-") && $0.hasSuffix(".safetensors") && $0 != named }.sorted(by: >)
        var first: (any Error)?
        for name in [named].compactMap(\.self) + older {
            do {
                _ = try SafetensorsFile(path: folder + "/" + name)
                if let first { note("\(first) Taking \(name) instead.") }
                return folder + "/" + name
            } catch {
                first = first ?? error
            }
        }
        if let first { throw first }
        throw InferenceError.noCheckpoint(run: run, found: "none")
    }
}
