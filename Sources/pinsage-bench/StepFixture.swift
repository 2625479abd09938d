import Artifacts
import Configuration
import Foundation
import GraphStore
import Kernels
import Minibatches
import PinSageModel
import Sampling

/// Real minibatches with their features: what the trainer's step takes.
struct StepFixture {
    let source: String
    let settings: PipelineSettings
    let batches: [Minibatch]
    let table: Matrix

    /// Batches of citeulike-t where `data` is the folder that holds it, else of a generated graph.
    init(data: String?, hiddenWidth: Int, outputWidth: Int, batchCount: Int) throws {
        let scratch = ScratchFolder()
        defer { scratch.remove() }
        source = try Self.makeGraph(data: data, in: scratch.path)
        var settings = PipelineSettings()
        settings.model.hiddenWidth = hiddenWidth
        settings.model.outputWidth = outputWidth
        (settings.batch.pairs, settings.batch.sharedNegatives) = (512, 500)
        self.settings = settings
        let graph = try BipartiteGraph(directory: scratch.path)
        let assembler = try MinibatchAssembler(
            graph: graph, settings: settings, recipe: settings.recipe(graphFingerprint: graph.fingerprintValue))
        batches = (0..<batchCount).map { assembler.assemble(batchIndex: UInt64($0)) }
        guard let features = graph.features else { throw BenchError.noFeatures(source) }
        table = Matrix(
            FloatBuffer(count: features.rows * features.width), rows: features.rows, columns: features.width)
        unsafe features.copyRange(start: 0, count: features.rows, into: table.base, rowStride: features.width)
    }

    var shape: ModelShape { ModelShape(featureWidth: table.columns, settings.features, settings.model) }

    /// What layer 1 reads of a batch's pins, row by row.
    func inputs(_ batch: Minibatch, with kernels: Kernels, into buffer: FloatBuffer) -> Matrix {
        let inputs = shape.inputs(rows: batch.pinCount, in: buffer)
        guard let pins = unsafe UnsafeRawPointer(batch.pins.elements.baseAddress) else { return inputs }
        unsafe kernels.gatherRows(
            pins.assumingMemoryBound(to: Int32.self), count: batch.pinCount, from: table,
            into: inputs.columns(0..<table.columns))
        unsafe shape.writeLogDegree(boardCounts: UnsafeBufferPointer(batch.boardCounts.elements), into: inputs)
        return inputs
    }

    func learner(_ kernels: Kernels) -> Learner {
        Learner(
            parameters: .initialised(shape: shape, seed: settings.seed), training: settings.training, kernels: kernels)
    }

    private static func makeGraph(data: String?, in folder: String) throws -> String {
        if let data {
            let set = data + "/citeulike-t"
            var options = GraphImportOptions(edges: set + "/edges.tsv", output: folder)
            options.pins = set + "/pins.txt"
            options.features = set + "/features.npy"
            let result = try GraphImport.run(options)
            return "citeulike-t, \(result.pins) pins, \(result.edges) edges"
        }
        var options = GraphGeneratorOptions(output: folder)
        options.featureWidth = 128
        let result = try GraphGenerator.run(options)
        return "a generated graph, \(result.pins) pins, \(result.edges) edges"
    }
}
