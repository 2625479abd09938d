import Basics
import Kernels

/// One float32 number for every parameter of a model: its weights, their gradients, or a running mean of those.
///
/// All tensors lie in one buffer, so that an optimiser makes one pass; the gaps between them stay 0.
public final class Parameters: Sendable {
    public let shape: ModelShape
    public let tensors: [TensorSpec]
    /// The tensors one after the other, each row-major, from its `TensorSpec.offset` on. Never reallocated.
    public let values: FloatBuffer

    /// All zeros.
    public init(shape: ModelShape) {
        self.shape = shape
        tensors = shape.tensors
        values = FloatBuffer(count: tensors.last.map { $0.offset + $0.count } ?? 0)
    }

    /// A tensor as a view: `[out, in]` as out × in, `[out]` as 1 × out. Traps when the model has no such tensor.
    public func matrix(_ name: String) -> Matrix {
        guard let spec = tensors.first(where: { $0.name == name }) else {
            preconditionFailure("Parameters: no tensor '\(name)', only \(tensors.map(\.name))")
        }
        return matrix(spec)
    }

    /// The tensor that `spec`, one of `tensors`, describes.
    public func matrix(_ spec: TensorSpec) -> Matrix {
        Matrix(values, rows: spec.rows, columns: spec.columns, offset: spec.offset)
    }
}

extension Parameters {
    /// Weights to start from: a pure function of shape and seed. Biases are 0.
    ///
    /// A weight that a ReLU follows is uniform in ±√(6 / in), which keeps the variance of activations; the head's
    /// output weight, which none follows, in ±√(6 / (in + out)). Random numbers are keyed on (tensor, row).
    ///
    /// - Source: He et al. 2015, arXiv 1502.01852, eq. 10; Glorot & Bengio 2010, AISTATS, eq. 16.
    public static func initialised(shape: ModelShape, seed: UInt64) -> Parameters {
        let parameters = Parameters(shape: shape)
        for (index, spec) in parameters.tensors.enumerated() where spec.shape.count == 2 {
            let fan = spec.name == "head.output.weight" ? spec.rows + spec.columns : spec.columns
            let bound = (6 / Float(fan)).squareRoot()
            let matrix = parameters.matrix(spec)
            for row in 0..<spec.rows {
                var random = CounterBasedGenerator(
                    seed: seed, purpose: initialisationPurpose, UInt64(index), UInt32(row))
                for column in 0..<spec.columns {
                    matrix[row, column] = (2 * random.nextUnit() - 1) * bound
                }
            }
        }
        return parameters
    }

    /// Keys these random numbers apart from all others of a run.
    private static let initialisationPurpose: UInt32 = 5
}
