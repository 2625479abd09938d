import Artifacts
import GraphStore
import Kernels
import PinSageModel
import Sampling

/// The model on blocks of pins: inputs, messages, pool, update, head. A row's result does not depend on its block.
///
/// Holds the storage of one block. Not for sharing between threads; the kernels share a block's work.
final class LayerPass {
    /// Rows of a block: their pooled messages stay in the second-level cache.
    static let blockRows = 1024

    let shape: ModelShape
    /// Columns of an embedding: d, and those of the structure where it is part of it.
    let embeddingWidth: Int
    private let graph: BipartiteGraph
    private let unseen: HiddenBoards
    private let features: VectorTable
    /// The pins' structure, where it is part of their embeddings, and its share.
    private let structure: VectorTable?
    private let structureShare: Double
    private let checkpointName: String
    private let learned: LearnedVectors?
    private let layers: [Convolve]
    private let head: OutputHead
    private let featureBlock = FloatBuffer()
    private let pooledBlock: FloatBuffer
    private let hiddenBlock: FloatBuffer
    private let embeddingBlock: FloatBuffer
    private let norms: FloatBuffer
    private let headScratch = HeadActivations()

    /// - Parameter unseen: boards that do not count for a pin's log-degree.
    init(model: TrainedModel, graph: BipartiteGraph, hiding unseen: HiddenBoards, kernels: Kernels) throws {
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
        self.unseen = unseen
        pooledBlock = FloatBuffer(count: Self.blockRows * shape.hiddenWidth)
        hiddenBlock = FloatBuffer(count: Self.blockRows * shape.hiddenWidth)
        structure = model.structure(of: graph)
        structureShare = model.settings.model.structureShare
        embeddingWidth = model.embeddingWidth(on: graph)
        embeddingBlock = FloatBuffer(count: Self.blockRows * embeddingWidth)
        norms = FloatBuffer(count: Self.blockRows)
    }

    /// What layer 1 reads of consecutive pins: rows × inputWidth, valid until the next call.
    func features(of pins: Range<Int>) -> Matrix {
        let block = shape.inputs(rows: pins.count, in: featureBlock)
        unsafe features.copyRange(start: pins.lowerBound, count: pins.count, into: block.base, rowStride: block.stride)
        writeOtherColumns(of: pins.map { UInt32($0) }[...], into: block)
        return block
    }

    /// XXH64 of what layer 1 reads of consecutive pins.
    func inputHashes(of pins: Range<Int>) -> [Int64] {
        let block = features(of: pins)
        return (0..<block.rows).map { row in
            let bytes = unsafe UnsafeRawBufferPointer(
                start: block.base + row * block.stride, count: 4 * block.columns)
            return Int64(bitPattern: unsafe Checksum.xxh64(bytes))
        }
    }

    /// What layer 1 reads of any pins, in the order given.
    func features(of pins: ArraySlice<UInt32>) -> Matrix {
        let block = shape.inputs(rows: pins.count, in: featureBlock)
        unsafe pins.withUnsafeBufferPointer {
            unsafe features.copyRows($0, into: block.base, rowStride: block.stride)
        }
        writeOtherColumns(of: pins, into: block)
        return block
    }

    /// What stands beside the content: the log-degree, and learned vectors.
    private func writeOtherColumns(of pins: ArraySlice<UInt32>, into block: Matrix) {
        let boardCounts = pins.map { UInt32(graph.boardCount(of: $0, hiding: unseen)) }
        unsafe boardCounts.withUnsafeBufferPointer { unsafe shape.writeLogDegree(boardCounts: $0, into: block) }
        if let learned {
            unsafe pins.withUnsafeBufferPointer { unsafe learned.write(pins: $0, into: block) }
        }
    }

    /// The rows' messages in `layer`: rows × m, valid until the next call of this or `pool`.
    func messages(layer: Int, of inputs: Matrix) -> Matrix {
        let messages = Matrix(pooledBlock, rows: inputs.rows, columns: shape.hiddenWidth)
        self.messages(layer: layer, of: inputs, into: messages)
        return messages
    }

    /// The same, into rows of a table.
    func messages(layer: Int, of inputs: Matrix, into messages: Matrix) {
        layers[layer - 1].messages(of: inputs, into: messages)
    }

    /// Bytes of a block's storage.
    static func byteCount(_ shape: ModelShape, embeddingWidth: Int) -> Int {
        // Inputs; pooled messages, rows after the layer and the head's; norms; and 1 MB of a product's panels.
        let columns = shape.inputWidth + 16 + 3 * shape.hiddenWidth + embeddingWidth + 2
        return blockRows * columns * MemoryLayout<Float>.size + 1 << 20
    }

    /// Pools the lists' rows of `table`: lists × m, valid until the next call of this or `messages`.
    func pool(_ lists: PoolLists, from table: Matrix) -> Matrix {
        let pooled = Matrix(pooledBlock, rows: lists.count, columns: shape.hiddenWidth)
        pool(lists, from: table, into: pooled)
        return pooled
    }

    /// Pools some columns; both layers pool alike.
    func pool(_ lists: PoolLists, from table: Matrix, into pooled: Matrix) {
        unsafe layers[0].pool(lists, from: table, into: pooled)
    }

    /// The rows after `layer`: rows × m, valid until the next call.
    func update(layer: Int, own: Matrix, pooled: Matrix) -> Matrix {
        let hidden = Matrix(hiddenBlock, rows: own.rows, columns: shape.hiddenWidth)
        layers[layer - 1].update(own: own, pooled: pooled, into: hidden, norms: norms)
        return hidden
    }

    /// The embeddings of rows after layer 2: rows × `embeddingWidth`, valid until the next call.
    ///
    /// - Parameter pins: the pin of each row.
    func embeddings(of hidden: Matrix, pins: ArraySlice<UInt32>) throws -> Matrix {
        let embeddings = Matrix(embeddingBlock, rows: hidden.rows, columns: embeddingWidth)
        let z = embeddings.columns(0..<shape.outputWidth)
        head.embed(hidden, into: z, scratch: headScratch)
        if let structure {
            unsafe pins.withUnsafeBufferPointer {
                unsafe structure.copyRows($0, into: embeddings.base + shape.outputWidth, rowStride: embeddings.stride)
            }
            weigh(z, by: 1 - structureShare)
            weigh(embeddings.columns(shape.outputWidth..<embeddingWidth), by: structureShare)
        }
        for row in 0..<embeddings.rows {
            for column in 0..<embeddings.columns
            where !(unsafe embeddings.base[row * embeddings.stride + column]).isFinite {
                throw InferenceError.notFinite(pin: pins[pins.startIndex + row], checkpoint: checkpointName)
            }
        }
        return embeddings
    }

    /// So that dot products count `share` of what they did.
    private func weigh(_ rows: Matrix, by share: Double) {
        let factor = Float(share.squareRoot())
        for row in 0..<rows.rows {
            for column in 0..<rows.columns { unsafe rows.base[row * rows.stride + column] *= factor }
        }
    }
}
