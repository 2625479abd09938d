import Configuration
import Kernels

/// One convolve layer on blocks of rows: messages, pooling, and the update from a pin's own row and its pooled messages.
///
/// Training calls it on all rows of a minibatch, inference on blocks of all pins; a row's result does not depend on
/// the rows around it. d_in is the width of the layer's input: F in layer 1, m in layer 2.
///
/// - Source: Ying et al. 2018, arXiv 1806.01973, Alg. 1, with every hidden width m (the paper: messages m, outputs d).
public struct Convolve: Sendable {
    /// Views of the layer's tensors; the same type views their gradients.
    let tensors: ConvolveTensors
    let pooling: WalkSettings.Pooling
    let kernels: Kernels

    /// - Parameters:
    ///   - parameters: read at every call, so that an optimiser's changes show.
    ///   - layer: 1 or 2.
    ///   - pooling: how neighbours' messages are put together.
    public init(_ parameters: Parameters, layer: Int, pooling: WalkSettings.Pooling, kernels: Kernels) {
        self.pooling = pooling
        tensors = ConvolveTensors(parameters, layer: layer)
        self.kernels = kernels
    }

    /// t_v = ReLU(Q h_v + q): what each row sends to those that have it as a neighbour.
    ///
    /// - Parameters:
    ///   - inputs: N × d_in.
    ///   - messages: N × m, overwritten.
    /// - Complexity: N·m·d_in multiply-adds; allocates nothing.
    public func messages(of inputs: Matrix, into messages: Matrix) {
        unsafe kernels.multiplyTransposedB(
            inputs, tensors.messageWeight, into: messages, epilogue: .biasReLU(UnsafePointer(tensors.messageBias.base)))
    }

    /// n_u = Σ α_uv t_v over u's neighbours v, or with `max` the largest of each element of the t_v; 0 for a pin without
    /// neighbours.
    ///
    /// - Parameters:
    ///   - lists: R neighbour lists; `max` does not read their weights.
    ///   - messages: N × m.
    ///   - pooled: R × m, overwritten.
    ///   - winners: with `max`, receives the row of `messages` that each element came from, for the way back: R × m.
    public func pool(
        _ lists: PoolLists, from messages: Matrix, into pooled: Matrix, winners: UnsafeMutablePointer<Int32>? = nil
    ) {
        switch pooling {
        case .importance, .uniform: kernels.weightedPool(lists, from: messages, into: pooled)
        case .max: unsafe kernels.maxPool(lists, from: messages, into: pooled, winners: winners)
        }
    }

    /// h'_u = ReLU(W [h_u ‖ n_u] + w), h_u = h'_u / max(‖h'_u‖, ε), with n_u the pooled messages of u's neighbours.
    ///
    /// - Parameters:
    ///   - own: R × d_in, the rows' input representations.
    ///   - pooled: R × m; 0 for a row without neighbours.
    ///   - outputs: R × m, overwritten: rows of length 1, or all 0.
    ///   - norms: receives ‖h'_u‖ (at least ε) of each row; R elements or more.
    /// - Complexity: R·m·(d_in + m) multiply-adds; allocates nothing. [own ‖ pooled] is never laid out.
    public func update(own: Matrix, pooled: Matrix, into outputs: Matrix, norms: FloatBuffer) {
        precondition(norms.count >= outputs.rows, "Convolve: \(norms.count) norms for \(outputs.rows) rows")
        kernels.multiplyTransposedB(own, tensors.updateOwn, into: outputs)
        unsafe kernels.multiplyTransposedB(
            pooled, tensors.updatePooled, into: outputs, accumulate: true,
            epilogue: .biasReLU(UnsafePointer(tensors.updateBias.base)))
        unsafe kernels.l2Normalize(outputs, into: outputs, norms: norms.base)
    }
}

/// Views of one convolve layer's tensors in a set of parameters or of gradients.
struct ConvolveTensors: Sendable {
    /// Keeps the views' storage.
    private let owner: Parameters
    /// Q: m × d_in, and q: 1 × m.
    let messageWeight: Matrix
    let messageBias: Matrix
    /// The two column blocks of W: m × d_in, m × m; and w: 1 × m.
    let updateOwn: Matrix
    let updatePooled: Matrix
    let updateBias: Matrix

    init(_ parameters: Parameters, layer: Int) {
        owner = parameters
        messageWeight = parameters.matrix("conv.\(layer).message.weight")
        messageBias = parameters.matrix("conv.\(layer).message.bias")
        let update = parameters.matrix("conv.\(layer).update.weight")
        updateOwn = update.columns(0..<messageWeight.columns)
        updatePooled = update.columns(messageWeight.columns..<update.columns)
        updateBias = parameters.matrix("conv.\(layer).update.bias")
    }
}
