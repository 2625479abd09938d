import Artifacts
import Configuration
import Foundation
import PinSageModel

/// Which checkpoint and which graph to embed with.
public struct EmbedSource: Equatable, Sendable {
    public let checkpoint: String
    public let graph: String

    /// - Parameters:
    ///   - run: a run directory: a checkpoint of it, and the graph of its `config.yaml`.
    ///   - best: of the run, the checkpoint that was found best, in place of the newest readable one.
    ///   - checkpoint: a checkpoint file, instead of `run`.
    ///   - graph: a graph directory; overrides the run's.
    ///   - note: told in one line when the newest checkpoint is damaged and an older one is taken.
    /// - Precondition: `run`, or `checkpoint` and `graph`.
    public static func find(
        run: String?, best: Bool = false, checkpoint: String?, graph: String?, note: (String) -> Void = { _ in }
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
        let checkpoint = best ? try bestCheckpoint(run: run) : try newestCheckpoint(run: run, note: note)
        return EmbedSource(checkpoint: checkpoint, graph: graph ?? settings.graph)
    }

    /// The file that `checkpoints/best` names.
    private static func bestCheckpoint(run: String) throws -> String {
        let folder = run + "/checkpoints"
        guard let best = try? String(contentsOfFile: folder + "/best", encoding: .utf8) else {
            throw InferenceError.noBest(run: run)
        }
        return folder + "/" + best.trimmingCharacters(in: .whitespacesAndNewlines)
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
