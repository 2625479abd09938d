import Artifacts
import Basics
import Configuration
import Foundation
import GraphStore
import Inference
import Kernels
import PinSageModel
import TestSupport

/// A small random graph with pins that have no board, a model with random parameters, and its checkpoint on disk.
struct EmbedFixture {
    let folder: TemporaryDirectory
    let graph: BipartiteGraph
    let features: [Float]
    /// Row-major; empty where the graph has none.
    let structure: [Float]
    /// Boards of each pin.
    let boardCounts: [Int]
    let parameters: Parameters
    let learned: LearnedVectors?
    let settings: PipelineSettings
    var checkpointPath: String { folder.file("step-00000003.safetensors") }

    /// - Parameter clusters: parts of the graph that no walk leaves.
    init(
        pins: Int = 137, boards boardCount: Int = 20, clusters: Int = 1, featureWidth: Int = 9, logDegree: Double = 0.3,
        learnedWidth: Int = 0, hiddenWidth: Int = 24, outputWidth: Int = 24, head: ModelSettings.Head = .paper,
        output: ModelSettings.Output = .unit, pooling: WalkSettings.Pooling = .importance, top: Int = 7,
        structureWidth: Int = 0, seed: UInt64 = 11
    ) throws {
        folder = try TemporaryDirectory()
        var random = CounterBasedGenerator(seed: seed, purpose: 8, 0, 0)
        let boards = (0..<pins).map { pin in
            pin % 10 == 3
                ? []
                : (0..<UInt32(boardCount)).filter {
                    Int($0) * clusters / boardCount == pin * clusters / pins
                        && Int.random(in: 0..<6, using: &random) == 0
                }
        }
        boardCounts = boards.map(\.count)
        features = (0..<pins * featureWidth).map { _ in Float.random(in: -1...1, using: &random) }
        structure = (0..<pins * structureWidth).map { _ in Float.random(in: -1...1, using: &random) }
        try GraphOnDisk.write(
            to: folder.file("graph"), boardsOfPins: boards, boardCount: boardCount, features: features,
            featureWidth: featureWidth, structure: structureWidth > 0 ? structure : nil)
        graph = try BipartiteGraph(directory: folder.file("graph"))
        let shape = ModelShape(
            featureWidth: featureWidth, logDegree: logDegree, learnedWidth: learnedWidth, hiddenWidth: hiddenWidth,
            outputWidth: outputWidth, head: head, output: output)
        parameters = Parameters.initialised(shape: shape, seed: seed)
        // Biases start at 0; here they must matter.
        for spec in parameters.tensors where spec.shape.count == 1 {
            let bias = parameters.matrix(spec)
            for column in 0..<bias.columns { bias[0, column] = Float.random(in: -0.2...0.2, using: &random) }
        }
        learned = learnedWidth == 0 ? nil : .initialised(pinCount: pins, width: learnedWidth, seed: seed)
        // Small at first; here they must matter.
        if let learned { for i in 0..<pins * learnedWidth { learned.values.base[i] *= 20 } }
        var settings = PipelineSettings()
        settings.seed = seed
        settings.walks.count = 6
        settings.walks.steps = 12
        settings.walks.top = top
        settings.walks.pooling = pooling
        self.settings = settings
        try writeCheckpoint(to: checkpointPath)
    }

    func writeCheckpoint(to path: String, fingerprint: String? = nil, config: String? = nil) throws {
        let walks = settings.walks
        let text =
            #"{"seed":\#(settings.seed),"walks":{"count":\#(walks.count),"steps":\#(walks.steps),"top":\#(walks.top),"#
            + #""restart":\#(walks.restart),"pooling":"\#(walks.pooling.rawValue)"}}"#
        try Checkpoint.write(
            path: path, parameters: parameters, adam: Adam(shape: parameters.shape), learned: learned,
            metadata: CheckpointMetadata(
                step: 0, epoch: 0, batch: 0, seed: settings.seed, config: config ?? text,
                graphFingerprint: fingerprint ?? graph.fingerprint, revision: "test"))
    }

    func job(_ name: String = "out", threads: Int = 1, keepNeighbors: Bool = true) -> EmbedJob {
        EmbedJob(
            graph: graph, checkpointPath: checkpointPath, output: folder.file(name), threads: threads,
            keepNeighbors: keepNeighbors)
    }

    func embeddings(_ name: String = "out") throws -> [Float] {
        let file = try NumpyFile(path: folder.file(name) + "/embeddings.npy", elements: [.float32], rank: 2)
        return withExtendedLifetime(file) { Array(file.elements(as: Float.self)) }
    }

    func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }
}
