import Artifacts
import Configuration
import GraphStore
import PinSageModel

/// A checkpoint that fits a graph: parameters, and the settings they were trained with.
public struct TrainedModel {
    let parameters: Parameters
    /// The pins' own vectors, where the model has them.
    let learned: LearnedVectors?
    let settings: PipelineSettings
    /// The checkpoint's file name.
    let name: String
    /// Of the checkpoint's bytes.
    let checksum: String
    let step: Int
    /// Key of the walks' random numbers.
    let seed: UInt64
    private let hidesValidation: Bool

    /// How its embeddings are compared.
    var metric: String { parameters.shape.output == .unit ? "cosine" : "dot" }

    /// The pins' structure where it is part of their embeddings.
    ///
    /// Not of those that a run is validated and mined with: it knows the boards that are held out.
    func structure(of graph: BipartiteGraph) -> VectorTable? {
        let isPart = parameters.shape.output == .unit && settings.model.structureShare > 0 && !hidesValidation
        return isPart ? graph.structure : nil
    }

    /// Columns of an embedding: d, and those of the structure where it is part of it.
    func embeddingWidth(on graph: BipartiteGraph) -> Int {
        parameters.shape.outputWidth + (structure(of: graph)?.width ?? 0)
    }

    /// The walk settings and the seed of a checkpoint that fits a graph.
    public static func walks(path: String, for graph: BipartiteGraph) throws -> (WalkSettings, UInt64) {
        let model = try TrainedModel(path: path, for: graph)
        return (model.settings.walks, model.seed)
    }

    /// Reads a checkpoint and holds it against the graph: that it was trained on, or an update of it.
    ///
    /// - Parameter hidesValidation: whether the boards that the run validates on stay hidden.
    /// - Throws: `InferenceError` when it was trained on another graph or on other features, or when its settings
    ///   cannot be read; the errors of `Checkpoint.read`.
    init(path: String, for graph: BipartiteGraph, hidingValidation hidesValidation: Bool = false) throws {
        self.hidesValidation = hidesValidation
        let checkpoint = try Checkpoint.read(path: path)
        let metadata = checkpoint.metadata
        guard metadata.graphFingerprint == graph.fingerprint || graph.ancestors.contains(metadata.graphFingerprint)
        else {
            throw InferenceError.foreignGraph(
                checkpoint: path, expected: metadata.graphFingerprint, graph: graph.directory, found: graph.fingerprint)
        }
        guard let features = graph.features else { throw InferenceError.noFeatures(graph: graph.directory) }
        guard checkpoint.parameters.shape.featureWidth == features.width else {
            throw InferenceError.featureWidth(
                checkpoint: path, expected: checkpoint.parameters.shape.featureWidth, graph: graph.directory,
                found: features.width)
        }
        if checkpoint.learned != nil, graph.hasMovedPins, metadata.graphFingerprint != graph.fingerprint {
            throw InferenceError.movedPins(checkpoint: path, graph: graph.directory)
        }
        do {
            settings = try PipelineSettings.load(text: metadata.config, path: path, environment: [:])
        } catch {
            throw InferenceError.badConfiguration(checkpoint: path, problem: "\(error)")
        }
        parameters = checkpoint.parameters
        learned = checkpoint.learned
        name = path.split(separator: "/").last.map(String.init) ?? path
        checksum = try Checksum.xxh64Hex(ofFile: path)
        step = metadata.step
        seed = metadata.seed
    }
}
