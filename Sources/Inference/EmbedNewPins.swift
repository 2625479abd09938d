import Artifacts
import GraphStore
import Kernels

/// Pins that were never in training, and what is known of them.
public struct NewPinsJob: Sendable {
    /// The graph that the checkpoint was trained on, or an update of it; not changed.
    public var graph: BipartiteGraph
    public var checkpointPath: String
    /// Lines of pin TAB board, boards of the graph. Pins that are not in the graph are new.
    public var edges: String
    /// `.npy` (new pins × F), in order of first appearance in `edges`; nil only where features are made of the graph.
    public var features: String?
    /// Embeddings directory to write, of the new pins alone.
    public var output: String
    public var threads = 1
    public var precision = EmbeddingPrecision.float32

    public init(graph: BipartiteGraph, checkpointPath: String, edges: String, features: String?, output: String) {
        self.graph = graph
        self.checkpointPath = checkpointPath
        self.edges = edges
        self.features = features
        self.output = output
    }
}

/// Vectors of pins that arrive later: the model is inductive, so their boards and content are enough.
///
/// They are those that embedding all pins of the updated graph would give, bit for bit: new pins are numbered after the
/// old ones, so every pin's walks are keyed alike. Only the pins within two steps of the new ones are computed.
///
/// - Source: Ying et al. 2018, arXiv 1806.01973, §3.4: nodes that are not in the training set.
public enum EmbedNewPins {
    /// Writes `embeddings.npy`, `pins.txt`, `manifest.json` and, with a popularity prior, `bias.npy`.
    ///
    /// - Throws: `GraphError`, `InferenceError` or `ArtifactError`; then the output is as it was.
    /// - Complexity: that of an update of the graph, which lies beside the output meanwhile.
    @discardableResult
    public static func run(
        _ job: NewPinsJob, isStopped: @escaping () -> Bool = { false },
        progress: @escaping (String) -> Void = { _ in }
    ) throws -> EmbedSummary {
        let model = try TrainedModel(path: job.checkpointPath, for: job.graph)
        try OutputFolder.requireReplaceable(job.output)
        return try AtomicReplace.writeFolder(at: job.output, replacing: true) { folder in
            var options = GraphUpdateOptions(graph: job.graph.directory)
            options.edges = job.edges
            options.features = job.features
            options.newBoards = false
            options.foldsPending = false
            options.output = folder + "/graph"
            try GraphUpdate.run(options) { progress("updating the graph: \($0)") }
            let grown = try BipartiteGraph(directory: folder + "/graph")
            let pins = job.graph.pinCount..<grown.pinCount
            guard !pins.isEmpty else {
                throw InferenceError.noNewPins(edges: job.edges, graph: job.graph.directory)
            }
            let kernels = Kernels(team: ThreadTeam(threads: job.threads))
            let chosen = try ChosenPins(graph: grown, model: model, kernels: kernels)
            let steps = Steps(total: pins.count, isStopped: isStopped, progress: progress)
            let width = model.embeddingWidth(on: grown)
            let writer = try NumpyWriter(
                path: folder + "/embeddings.npy", elementType: job.precision.elementType, shape: [pins.count, width])
            for start in stride(from: pins.lowerBound, to: pins.upperBound, by: 1024) {
                let batch = start..<min(start + 1024, pins.upperBound)
                try writer.append(chosen.embed(batch.map { UInt32($0) }), as: job.precision, firstPin: start)
                try steps.finished(batch.count, of: "new pins")
            }
            try writer.close()
            let ids = try grown.pinIDs()
            try AtomicReplace.write(to: folder + "/pins.txt") { file in
                for pin in pins { try file.write(ids.id(pin) + "\n") }
            }
            let bias = try OutputFolder.writeBias(folder, model, grown, pins)
            try OutputFolder.writeManifest(
                folder, ["embeddings.npy", "pins.txt"] + bias, pinCount: pins.count, model, job.graph)
            try AtomicReplace.removeTree(folder + "/graph")
            return EmbedSummary(pinCount: pins.count, width: width, metric: model.metric)
        }
    }
}
