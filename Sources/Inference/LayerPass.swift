import Artifacts
import GraphStore
import Kernels
import PinSageModel

/// The two layers and the head over all pins, in blocks of rows.
///
/// Stages: messages of layer 1 → pool and update → messages of layer 2 → pool, update and head. Only the messages
/// and the first layer's outputs are kept for all pins, in `ScratchTable`s; everything else is a block.
final class LayerPass {
    /// Rows of a block: their pooled messages stay in the second-level cache.
    static let blockRows = 1024

    private let graph: BipartiteGraph
    private let features: VectorTable
    private let neighborhoods: NeighborhoodLists
    private let checkpointName: String
    private let shape: ModelShape
    private let learned: LearnedVectors?
    private let layers: [Convolve]
    private let head: OutputHead
    private let steps: Steps
    private let messages: ScratchTable
    private let hidden: ScratchTable
    private let featureBlock: FloatBuffer
    private let pooledBlock: FloatBuffer
    private let topBlock: FloatBuffer
    private let embeddingBlock: FloatBuffer
    private let norms: FloatBuffer
    private let lists: ListBuffer

    /// - Parameter folder: where the tables between the stages lie while they live.
    init(
        model: TrainedModel, graph: BipartiteGraph, neighborhoods: NeighborhoodLists, folder: String, kernels: Kernels,
        steps: Steps
    ) throws {
        guard let features = graph.features else { throw InferenceError.noFeatures(graph: graph.directory) }
        shape = model.parameters.shape
        learned = model.learned
        layers = [1, 2].map {
            Convolve(model.parameters, layer: $0, pooling: model.settings.walks.pooling, kernels: kernels)
        }
        head = OutputHead(model.parameters, kernels: kernels)
        checkpointName = model.name
        self.features = features
        self.graph = graph
        self.neighborhoods = neighborhoods
        self.steps = steps
        messages = try ScratchTable(folder: folder, rows: graph.pinCount, columns: shape.hiddenWidth)
        hidden = try ScratchTable(folder: folder, rows: graph.pinCount, columns: shape.hiddenWidth)
        featureBlock = FloatBuffer()
        pooledBlock = FloatBuffer(count: Self.blockRows * shape.hiddenWidth)
        topBlock = FloatBuffer(count: Self.blockRows * shape.hiddenWidth)
        embeddingBlock = FloatBuffer(count: Self.blockRows * shape.outputWidth)
        norms = FloatBuffer(count: Self.blockRows)
        lists = ListBuffer(lists: Self.blockRows, top: neighborhoods.top)
    }

    /// Writes the embeddings of all pins, float32 [P, d].
    func run(writing path: String) throws {
        try forEachBlock("messages of layer 1") { rows in
            layers[0].messages(of: featureRows(rows), into: messages.matrix.rows(rows))
        }
        try forEachBlock("layer 1") { rows in
            update(layer: 0, own: featureRows(rows), rows, into: hidden.matrix.rows(rows))
        }
        try forEachBlock("messages of layer 2") { rows in
            layers[1].messages(of: hidden.matrix.rows(rows), into: messages.matrix.rows(rows))
        }
        let writer = try NumpyWriter(
            path: path, elementType: .float32, shape: [graph.pinCount, shape.outputWidth])
        let headScratch = HeadActivations()
        try forEachBlock("layer 2") { rows in
            let top = Matrix(topBlock, rows: rows.count, columns: shape.hiddenWidth)
            update(layer: 1, own: hidden.matrix.rows(rows), rows, into: top)
            let embeddings = Matrix(embeddingBlock, rows: rows.count, columns: shape.outputWidth)
            head.embed(top, into: embeddings, scratch: headScratch)
            try requireFinite(embeddings, firstRow: rows.lowerBound)
            try unsafe writer.append(
                UnsafeBufferPointer(start: embeddings.base, count: rows.count * shape.outputWidth))
        }
        try writer.close()
    }

    private func update(layer: Int, own: Matrix, _ rows: Range<Int>, into outputs: Matrix) {
        let pooled = Matrix(pooledBlock, rows: rows.count, columns: shape.hiddenWidth)
        unsafe layers[layer].pool(neighborhoods.lists(of: rows, in: lists), from: messages.matrix, into: pooled)
        layers[layer].update(own: own, pooled: pooled, into: outputs, norms: norms)
    }

    private func featureRows(_ rows: Range<Int>) -> Matrix {
        let block = shape.inputs(rows: rows.count, in: featureBlock)
        unsafe features.copyRange(start: rows.lowerBound, count: rows.count, into: block.base, rowStride: block.stride)
        let boardCounts = rows.map { UInt32(unsafe graph.boards(of: UInt32($0)).count) }
        unsafe boardCounts.withUnsafeBufferPointer { unsafe shape.writeLogDegree(boardCounts: $0, into: block) }
        if let learned {
            let pins = rows.map { UInt32($0) }
            unsafe pins.withUnsafeBufferPointer { unsafe learned.write(pins: $0, into: block) }
        }
        return block
    }

    private func forEachBlock(_ stage: String, _ body: (Range<Int>) throws -> Void) throws {
        for start in stride(from: 0, to: graph.pinCount, by: Self.blockRows) {
            let rows = start..<min(start + Self.blockRows, graph.pinCount)
            try body(rows)
            try steps.finished(rows.count, of: stage)
        }
    }

    private func requireFinite(_ block: Matrix, firstRow: Int) throws {
        for row in 0..<block.rows {
            for column in 0..<block.columns where !(unsafe block.base[row * block.stride + column]).isFinite {
                throw InferenceError.notFinite(pin: UInt32(firstRow + row), checkpoint: checkpointName)
            }
        }
    }
}
