import Configuration
import Kernels

/// The derivative of one convolve layer: from the gradient of its outputs to those of its tensors and inputs.
struct ConvolveBackward {
    private let tensors: ConvolveTensors
    private let pooling: WalkSettings.Pooling
    private let gradients: ConvolveTensors
    private let kernels: Kernels
    // Gradients of the pooled messages and of the messages, and the lists seen from the neighbours.
    private let pooledBuffer = FloatBuffer()
    private let messageBuffer = FloatBuffer()
    private let transposed = TransposedLists()

    init(_ layer: Convolve, gradients: Parameters, layerNumber: Int) {
        tensors = layer.tensors
        pooling = layer.pooling
        self.gradients = ConvolveTensors(gradients, layer: layerNumber)
        kernels = layer.kernels
    }

    /// Overwrites the gradients of the layer's tensors and, where asked for, of its inputs.
    ///
    /// Weighted pooling goes backward as pooling with the transposed lists: no two rows write to one place. Max pooling
    /// gives each element's gradient to the row it came from.
    ///
    /// - Parameters:
    ///   - dOutputs: R × m, the gradient of the loss by the layer's outputs; used up.
    ///   - inputs: N × d_in, those of the forward pass; row r < R is output r's own.
    ///   - lists: the R neighbour lists of the forward pass.
    ///   - activations: what the forward pass left.
    ///   - dInputs: N rows, overwritten with the gradient of as many of the inputs' last columns; nil leaves it
    ///     uncomputed.
    /// - Complexity: about twice the forward pass, a third less without `dInputs`; allocates nothing once its buffers
    ///   have seen as large a batch.
    func run(
        dOutputs: Matrix, inputs: Matrix, lists: PoolLists, activations: ConvolveActivations, dInputs: Matrix?
    ) {
        let own = inputs.rows(0..<dOutputs.rows)
        let width = dOutputs.columns
        // h = 0 where the ReLU was shut, so h itself masks.
        let dUpdate = dOutputs
        unsafe kernels.l2NormalizeBackward(
            dOutputs, normalized: activations.outputs, norms: activations.norms.base, into: dUpdate, reluMask: true)
        kernels.multiplyTransposedA(dUpdate, own, into: gradients.updateOwn)
        kernels.multiplyTransposedA(dUpdate, activations.pooled, into: gradients.updatePooled)
        unsafe kernels.columnSums(dUpdate, into: gradients.updateBias.base)

        let dPooled = pooledBuffer.matrix(rows: dOutputs.rows, columns: width)
        kernels.multiply(dUpdate, tensors.updatePooled, into: dPooled)
        let dMessages = messageBuffer.matrix(rows: inputs.rows, columns: width)
        if pooling == .max, let winners = unsafe activations.winners.elements.baseAddress {
            unsafe kernels.maxPoolBackward(winners, dPooled, into: dMessages, reluMask: activations.messages)
        } else {
            kernels.transpose(lists, inputRows: inputs.rows, into: transposed)
            kernels.weightedPool(transposed.lists, from: dPooled, into: dMessages, reluMask: activations.messages)
        }
        kernels.multiplyTransposedA(dMessages, inputs, into: gradients.messageWeight)
        unsafe kernels.columnSums(dMessages, into: gradients.messageBias.base)

        if let dInputs {
            let columns = inputs.columns - dInputs.columns..<inputs.columns
            kernels.multiply(dMessages, tensors.messageWeight.columns(columns), into: dInputs)
            kernels.multiply(
                dUpdate, tensors.updateOwn.columns(columns), into: dInputs.rows(0..<dOutputs.rows), accumulate: true)
        }
    }

    var buffers: [FloatBuffer] { [pooledBuffer, messageBuffer] }
}
