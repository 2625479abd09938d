import Artifacts
import Foundation
import GraphStore
import Sampling

/// What the output needs from the file system, with this project's errors.
enum OutputFolder {
    /// Refuses a target folder that holds anything but embeddings: it would be lost.
    static func requireReplaceable(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw InferenceError.occupied(path: path, found: "something that is not a folder")
        }
        if names.isEmpty { return }
        guard let manifest = try? Manifest.read(directory: path, kind: "embeddings") else {
            throw InferenceError.occupied(path: path, found: "\(names.count) files that are not embeddings")
        }
        let known = manifest.files.keys + [Manifest.fileName]
        if let stranger = names.sorted().first(where: { !known.contains($0) }) {
            throw InferenceError.occupied(path: path, found: "embeddings and '\(stranger)', which would be lost")
        }
    }

    /// Writes `bias.npy`, the popularity prior of a range of pins; nothing where the model has none.
    ///
    /// - Returns: the names of the files written.
    static func writeBias(
        _ folder: String, _ model: TrainedModel, _ graph: BipartiteGraph, hiding unseen: HiddenBoards = .none,
        _ pins: Range<Int>
    ) throws -> [String] {
        let prior = model.settings.model.popularityPrior
        guard prior > 0 else { return [] }
        let writer = try NumpyWriter(path: folder + "/bias.npy", elementType: .float32, shape: [pins.count])
        let blockRows = LayerPass.blockRows
        for start in stride(from: pins.lowerBound, to: pins.upperBound, by: blockRows) {
            let bias = (start..<min(start + blockRows, pins.upperBound)).map { pin in
                Float(prior * log1p(Double(graph.boardCount(of: UInt32(pin), hiding: unseen))))
            }
            try writer.append(bias)
        }
        try writer.close()
        return ["bias.npy"]
    }

    static func writeManifest(
        _ folder: String, _ names: [String], pinCount: Int, _ model: TrainedModel, _ graph: BipartiteGraph,
        _ extra: [String: String] = [:]
    ) throws {
        let facts = [
            "metric": model.metric, "graph": absolutePath(graph.directory), "graph_fingerprint": graph.fingerprint,
            "checkpoint": model.name, "step": "\(model.step)",
        ]
        try Manifest(
            describing: names, in: folder, kind: "embeddings", counts: ["pins": pinCount],
            featureWidth: model.embeddingWidth(on: graph), extra: facts.merging(extra) { $1 }
        ).write(directory: folder)
    }

    static func copy(_ source: String, to path: String) throws {
        let file = try MappedFile(path: source, advice: .sequential)
        try withExtendedLifetime(file) {
            try AtomicReplace.write(to: path) { try unsafe $0.write(file.bytes) }
        }
    }

    /// The folder above.
    static func parent(of path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
    }

    static func absolutePath(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
