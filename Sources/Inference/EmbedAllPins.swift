import Artifacts
import Configuration
import Foundation
import GraphStore
import Kernels
import PinSageModel
import Sampling

/// What to embed, with what, and where to.
public struct EmbedJob: Sendable {
    public var graph: BipartiteGraph
    public var checkpointPath: String
    /// Embeddings directory to write. Earlier embeddings there are replaced.
    public var output: String
    /// 1 or more; changes no bit of the result.
    public var threads: Int
    /// Also leaves `neighbors.npy`, `weights.npy` and `visits.npy` in the output.
    public var keepNeighbors: Bool

    public init(
        graph: BipartiteGraph, checkpointPath: String, output: String, threads: Int = 1, keepNeighbors: Bool = false
    ) {
        self.graph = graph
        self.checkpointPath = checkpointPath
        self.output = output
        self.threads = threads
        self.keepNeighbors = keepNeighbors
    }
}

/// What was written.
public struct EmbedSummary: Equatable, Sendable {
    public let pinCount: Int
    public let width: Int
    /// `cosine` or `dot`.
    public let metric: String
}

/// Every pin's embedding, layer by layer: each layer of each pin is computed exactly once.
///
/// Neighbourhoods of all pins, then messages of all pins, then pool and update in blocks of rows; the same again for
/// layer 2, and the head. What lies between two stages is in mapped files beside the output, so the heap holds
/// blocks of rows only. Neighbourhoods come from the walk settings and the seed that the checkpoint was trained with.
///
/// - Source: Ying et al. 2018, arXiv 1806.01973, §3.4, with pin–pin neighbourhoods in place of two jobs per layer.
public enum EmbedAllPins {
    /// Writes `embeddings.npy`, `pins.txt`, `manifest.json` and, with a popularity prior, `bias.npy` to the job's
    /// output, all at once at the end.
    ///
    /// - Parameters:
    ///   - isStopped: asked between blocks; when true, the work is given up.
    ///   - progress: told between blocks how far it is.
    /// - Throws: `InferenceError` or `ArtifactError`; then the output is as it was.
    @discardableResult
    public static func run(
        _ job: EmbedJob, isStopped: @escaping () -> Bool = { false },
        progress: @escaping (String) -> Void = { _ in }
    ) throws -> EmbedSummary {
        let model = try TrainedModel(path: job.checkpointPath, for: job.graph)
        try OutputFolder.requireReplaceable(job.output)
        let kernels = Kernels(team: ThreadTeam(threads: job.threads))
        let steps = Steps(total: 5 * job.graph.pinCount, isStopped: isStopped, progress: progress)
        try AtomicReplace.writeFolder(at: job.output, replacing: true) { folder in
            try NeighborhoodLists.write(
                folder: folder, graph: job.graph, walks: model.settings.walks, seed: model.seed, team: kernels.team,
                steps: steps)
            let pass = try LayerPass(
                model: model, graph: job.graph, neighborhoods: NeighborhoodLists(folder: folder), folder: folder,
                kernels: kernels, steps: steps)
            try pass.run(writing: folder + "/embeddings.npy")
            try OutputFolder.copy(job.graph.directory + "/pins.txt", to: folder + "/pins.txt")
            let biasFiles = try writeBias(folder, job.graph, model)
            if !job.keepNeighbors { for name in neighborhoodFiles { try OutputFolder.remove(folder + "/" + name) } }
            try writeManifest(folder, job, model, biasFiles: biasFiles)
        }
        return EmbedSummary(
            pinCount: job.graph.pinCount, width: model.parameters.shape.outputWidth, metric: model.metric)
    }

    private static let neighborhoodFiles = [
        NeighborhoodFiles.neighbors, NeighborhoodFiles.visits, NeighborhoodFiles.weights,
    ]

    /// Writes `bias.npy`, the popularity prior of every pin; nothing where the model has none.
    ///
    /// - Returns: the names of the files written.
    private static func writeBias(
        _ folder: String, _ graph: BipartiteGraph, _ model: TrainedModel
    ) throws -> [String] {
        let prior = model.settings.model.popularityPrior
        guard prior > 0 else { return [] }
        let writer = try NumpyWriter(
            path: folder + "/bias.npy", elementType: .float32, shape: [graph.pinCount])
        let bias = (0..<graph.pinCount).map { pin in
            Float(prior * log1p(Double(unsafe graph.boards(of: UInt32(pin)).count)))
        }
        try writer.append(bias)
        try writer.close()
        return ["bias.npy"]
    }

    private static func writeManifest(
        _ folder: String, _ job: EmbedJob, _ model: TrainedModel, biasFiles: [String]
    ) throws {
        let names = ["embeddings.npy", "pins.txt"] + biasFiles + (job.keepNeighbors ? neighborhoodFiles : [])
        let manifest = try Manifest(
            describing: names, in: folder, kind: "embeddings", counts: ["pins": job.graph.pinCount],
            featureWidth: model.parameters.shape.outputWidth,
            extra: [
                "metric": model.metric, "graph": OutputFolder.absolutePath(job.graph.directory),
                "graph_fingerprint": job.graph.fingerprint, "checkpoint": model.name, "step": "\(model.step)",
            ])
        try manifest.write(directory: folder)
    }
}

/// Counts finished rows, tells how far the work is, and ends it when asked.
final class Steps {
    private let total: Int
    private var done = 0
    private let isStopped: () -> Bool
    private let progress: (String) -> Void

    init(total: Int, isStopped: @escaping () -> Bool, progress: @escaping (String) -> Void) {
        self.total = total
        self.isStopped = isStopped
        self.progress = progress
    }

    /// - Throws: `InferenceError.stopped`.
    func finished(_ rows: Int, of stage: String) throws {
        done += rows
        progress("embedding: \(100 * done / max(1, total)) %, \(stage)")
        if isStopped() { throw InferenceError.stopped }
    }
}
