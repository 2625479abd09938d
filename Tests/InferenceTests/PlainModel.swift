import Artifacts
import Configuration
import Foundation
import PinSageModel

/// The whole model in double precision, one pin and one number at a time: the definition that `embed` is held against.
struct PlainModel {
    typealias Vector = [Double]

    let features: [Vector]
    /// (neighbour, weight) lists.
    let neighborhoods: [[(pin: Int, weight: Double)]]
    private let tensors: [String: [Vector]]
    private let shape: ModelShape
    private let isMaxPooling: Bool

    /// - Parameter folder: holds `neighbors.npy` and `weights.npy`.
    init(
        _ parameters: Parameters, learned: LearnedVectors? = nil, features: [Float], boardCounts: [Int],
        pooling: WalkSettings.Pooling = .importance,
        neighborhoods folder: String
    ) throws {
        isMaxPooling = pooling == .max
        shape = parameters.shape
        let width = shape.featureWidth
        self.features = (0..<features.count / width).map { row in
            features[row * width..<(row + 1) * width].map(Double.init)
                + (parameters.shape.logDegree > 0
                    ? [parameters.shape.logDegree * log(1 + Double(boardCounts[row]))] : [])
                + (0..<(learned?.width ?? 0)).map { column in
                    learned.map { Double($0.values.base[row * $0.width + column]) } ?? 0
                }
        }
        var tensors: [String: [Vector]] = [:]
        for spec in parameters.tensors {
            let matrix = parameters.matrix(spec)
            tensors[spec.name] = (0..<matrix.rows).map { row in
                (0..<matrix.columns).map { Double(matrix[row, $0]) }
            }
        }
        self.tensors = tensors
        let neighbors = try NumpyFile(path: folder + "/neighbors.npy", elements: [.int32], rank: 2)
        let weights = try NumpyFile(path: folder + "/weights.npy", elements: [.float32], rank: 2)
        let top = neighbors.header.shape[1]
        let pins = withExtendedLifetime(neighbors) { Array(neighbors.elements(as: Int32.self)) }
        let shares = withExtendedLifetime(weights) { Array(weights.elements(as: Float.self)) }
        neighborhoods = (0..<self.features.count).map { pin in
            (pin * top..<(pin + 1) * top).filter { pins[$0] >= 0 }.map { (Int(pins[$0]), Double(shares[$0])) }
        }
    }

    func embeddings() -> [Vector] {
        var h = features
        for layer in ["conv.1", "conv.2"] {
            let messages = h.map { relu(affine($0, layer + ".message")) }
            h = h.indices.map { pin in
                var pooled = Vector(repeating: 0, count: shape.hiddenWidth)
                for (neighbor, weight) in neighborhoods[pin] {
                    if isMaxPooling {
                        for column in pooled.indices {
                            pooled[column] = max(pooled[column], messages[neighbor][column])
                        }
                        continue
                    }
                    for column in pooled.indices { pooled[column] += weight * messages[neighbor][column] }
                }
                return unit(relu(affine(h[pin] + pooled, layer + ".update")))
            }
        }
        guard shape.head == .paper else { return h }
        return h.map { row in
            let z = times("head.output.weight", relu(affine(row, "head.hidden")))
            return shape.output == .unit ? unit(z) : z
        }
    }

    private func times(_ name: String, _ x: Vector) -> Vector {
        (tensors[name] ?? []).map { row in zip(row, x).reduce(0) { $0 + $1.0 * $1.1 } }
    }

    private func affine(_ x: Vector, _ name: String) -> Vector {
        zip(times(name + ".weight", x), tensors[name + ".bias"]?[0] ?? []).map { $0 + $1 }
    }

    private func relu(_ x: Vector) -> Vector { x.map { max(0, $0) } }

    private func unit(_ x: Vector) -> Vector {
        let length = max(1e-12, x.reduce(0) { $0 + $1 * $1 }.squareRoot())
        return x.map { $0 / length }
    }
}
