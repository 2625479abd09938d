import Basics
import Configuration
import Kernels
import Minibatches

/// Two convolve layers and the head over the rows of a minibatch, forward and backward.
///
/// Every distinct pin is a row, so its message is computed once per layer however many lists hold it.
final class Network {
    let shape: ModelShape
    private let layers: [Convolve]
    private let backwards: [ConvolveBackward]
    private let head: OutputHead
    private let headGradients: HeadTensors?
    private let activations = [ConvolveActivations(), ConvolveActivations()]
    private let headActivations = HeadActivations()
    private let embeddingBuffer = FloatBuffer()
    private let dOutputBuffers = [FloatBuffer(), FloatBuffer()]
    private(set) var embeddings: Matrix

    init(_ parameters: Parameters, gradients: Parameters, pooling: WalkSettings.Pooling, kernels: Kernels) {
        shape = parameters.shape
        let layers = [1, 2].map { Convolve(parameters, layer: $0, pooling: pooling, kernels: kernels) }
        self.layers = layers
        backwards = [1, 2].map { ConvolveBackward(layers[$0 - 1], gradients: gradients, layerNumber: $0) }
        head = OutputHead(parameters, kernels: kernels)
        headGradients = shape.head == .paper ? HeadTensors(gradients) : nil
        embeddings = embeddingBuffer.matrix(rows: 0, columns: 0)
    }

    /// The embeddings of the batch's targets: targetCount × d, valid until the next call.
    ///
    /// - Parameter features: pinCount × `shape.inputWidth`.
    func forward(_ batch: Minibatch, features: Matrix) -> Matrix {
        requireShapes(batch, features)
        let hidden = convolve(features, rows: batch.hiddenCount, lists: batch.neighborhoods[0], layer: 0)
        let top = convolve(hidden, rows: batch.targetCount, lists: batch.neighborhoods[1], layer: 1)
        embeddings = embeddingBuffer.matrix(rows: batch.targetCount, columns: shape.outputWidth)
        head.embed(top, into: embeddings, scratch: headActivations)
        return embeddings
    }

    /// One layer: messages of all `inputs`, pooled and joined with the first `rows` of them.
    private func convolve(_ inputs: Matrix, rows: Int, lists: NeighborhoodRows, layer: Int) -> Matrix {
        let state = activations[layer]
        state.reserve(
            inputRows: inputs.rows, rows: rows, width: shape.hiddenWidth, withWinners: layers[layer].pooling == .max)
        layers[layer].messages(of: inputs, into: state.messages)
        unsafe layers[layer].pool(
            PoolLists(lists), from: state.messages, into: state.pooled, winners: state.winners.elements.baseAddress)
        layers[layer].update(
            own: inputs.rows(0..<rows), pooled: state.pooled, into: state.outputs, norms: state.norms)
        return state.outputs
    }

    /// Overwrites the gradients of all parameters; follows `forward` on the same batch and features.
    ///
    /// - Parameters:
    ///   - dEmbeddings: targetCount × d, the loss's derivative by the embeddings; used up.
    ///   - dFeatures: pinCount rows, overwritten with the gradient of as many of the features' last columns; nil leaves it
    ///     uncomputed.
    func backward(dEmbeddings: Matrix, batch: Minibatch, features: Matrix, dFeatures: Matrix?) {
        let hidden = activations[0].outputs
        let dHidden = dOutputBuffers[0].matrix(rows: batch.hiddenCount, columns: shape.hiddenWidth)
        let dTop = dOutputBuffers[1].matrix(rows: batch.targetCount, columns: shape.hiddenWidth)
        head.backward(
            dEmbeddings: dEmbeddings, h: activations[1].outputs, embeddings: embeddings, activations: headActivations,
            gradients: headGradients, dH: dTop)
        backwards[1].run(
            dOutputs: dTop, inputs: hidden, lists: PoolLists(batch.neighborhoods[1]), activations: activations[1],
            dInputs: dHidden)
        backwards[0].run(
            dOutputs: dHidden, inputs: features, lists: PoolLists(batch.neighborhoods[0]), activations: activations[0],
            dInputs: dFeatures)
    }

    private func requireShapes(_ batch: Minibatch, _ features: Matrix) {
        precondition(
            features.rows == batch.pinCount && features.columns == shape.inputWidth,
            "Network: features \(features.shape), expected \(batch.pinCount)×\(shape.inputWidth)")
        precondition(
            batch.targetCount <= batch.hiddenCount && batch.hiddenCount <= batch.pinCount,
            "Network: \(batch.targetCount) targets, \(batch.hiddenCount) hidden rows, \(batch.pinCount) pins")
        precondition(
            batch.neighborhoods.count == 2 && batch.neighborhoods[0].count == batch.hiddenCount
                && batch.neighborhoods[1].count == batch.targetCount,
            "Network: \(batch.neighborhoods.map(\.count)) lists, expected \([batch.hiddenCount, batch.targetCount])")
    }

    /// The index arrays, to see that they stay.
    var frames: [Frame] { activations.map(\.winners.frame) }

    var buffers: [FloatBuffer] {
        activations.flatMap(\.buffers) + backwards.flatMap(\.buffers) + headActivations.buffers + dOutputBuffers
            + [embeddingBuffer]
    }
}
