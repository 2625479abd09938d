import Configuration
import Kernels

/// From the second layer's output to the embedding, on blocks of rows: z = G2 · ReLU(G1 h + g), projected to the unit
/// sphere with `output: unit`. With `head: none`, z = h.
///
/// - Source: Ying et al. 2018, arXiv 1806.01973, Alg. 2 line 19.
/// - Deviation: the paper does not project z; `output: free` does as the paper.
public struct OutputHead: Sendable {
    public let shape: ModelShape
    let tensors: HeadTensors?
    let kernels: Kernels

    public init(_ parameters: Parameters, kernels: Kernels) {
        shape = parameters.shape
        tensors = shape.head == .paper ? HeadTensors(parameters) : nil
        self.kernels = kernels
    }

    /// Overwrites `embeddings` with z of each row.
    ///
    /// - Parameters:
    ///   - h: R × m, outputs of layer 2.
    ///   - embeddings: R × d.
    ///   - scratch: grows to what R rows need; give the same one again.
    /// - Complexity: R·m·(m + d) multiply-adds; allocates nothing once `scratch` has seen as many rows.
    public func embed(_ h: Matrix, into embeddings: Matrix, scratch: HeadActivations) {
        guard let tensors else {
            copyRows(h, into: embeddings)
            return
        }
        scratch.reserve(rows: h.rows, width: shape.hiddenWidth)
        unsafe kernels.multiplyTransposedB(
            h, tensors.hiddenWeight, into: scratch.hidden, epilogue: .biasReLU(UnsafePointer(tensors.hiddenBias.base)))
        kernels.multiplyTransposedB(scratch.hidden, tensors.outputWeight, into: embeddings)
        if shape.output == .unit {
            unsafe kernels.l2Normalize(embeddings, into: embeddings, norms: scratch.norms.base)
        }
    }

    /// The derivative of `embed`: overwrites `dH` and the head's gradients.
    ///
    /// - Parameters:
    ///   - dEmbeddings: R × d; used up.
    ///   - h, embeddings, activations: of the forward pass.
    ///   - dH: R × m.
    func backward(
        dEmbeddings: Matrix, h: Matrix, embeddings: Matrix, activations: HeadActivations, gradients: HeadTensors?,
        dH: Matrix
    ) {
        guard let tensors, let gradients else {
            copyRows(dEmbeddings, into: dH)
            return
        }
        if shape.output == .unit {
            unsafe kernels.l2NormalizeBackward(
                dEmbeddings, normalized: embeddings, norms: activations.norms.base, into: dEmbeddings, reluMask: false)
        }
        kernels.multiplyTransposedA(dEmbeddings, activations.hidden, into: gradients.outputWeight)
        let dHidden = activations.dHiddenBuffer.matrix(rows: h.rows, columns: shape.hiddenWidth)
        kernels.multiply(
            dEmbeddings, tensors.outputWeight, into: dHidden, epilogue: .reluMask(activations.hidden))
        kernels.multiplyTransposedA(dHidden, h, into: gradients.hiddenWeight)
        unsafe kernels.columnSums(dHidden, into: gradients.hiddenBias.base)
        kernels.multiply(dHidden, tensors.hiddenWeight, into: dH)
    }

    private func copyRows(_ source: Matrix, into target: Matrix) {
        precondition(
            source.rows == target.rows && source.columns == target.columns,
            "OutputHead: \(source.shape) into \(target.shape)")
        for row in 0..<source.rows {
            let from = unsafe UnsafePointer(source.base + row * source.stride)
            unsafe (target.base + row * target.stride).update(from: from, count: source.columns)
        }
    }
}

/// Views of the head's tensors in a set of parameters or of gradients.
struct HeadTensors: Sendable {
    /// Keeps the views' storage.
    private let owner: Parameters
    /// G1: m × m, g: 1 × m, G2: d × m.
    let hiddenWeight: Matrix
    let hiddenBias: Matrix
    let outputWeight: Matrix

    init(_ parameters: Parameters) {
        owner = parameters
        hiddenWeight = parameters.matrix("head.hidden.weight")
        hiddenBias = parameters.matrix("head.hidden.bias")
        outputWeight = parameters.matrix("head.output.weight")
    }
}

/// Intermediate rows of the head, for the backward pass or to be overwritten by the next block.
public final class HeadActivations {
    private let hiddenBuffer = FloatBuffer()
    let dHiddenBuffer = FloatBuffer()
    let norms = FloatBuffer()
    /// ReLU(G1 h + g): R × m.
    private(set) var hidden: Matrix

    public init() {
        hidden = hiddenBuffer.matrix(rows: 0, columns: 0)
    }

    func reserve(rows: Int, width: Int) {
        hidden = hiddenBuffer.matrix(rows: rows, columns: width)
        norms.reserve(rows)
    }

    var buffers: [FloatBuffer] { [hiddenBuffer, dHiddenBuffer, norms] }
}
