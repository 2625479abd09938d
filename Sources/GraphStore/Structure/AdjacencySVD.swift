import Basics
import Kernels

/// The truncated singular value decomposition of the normalised adjacency N = D_p^−½ A D_b^−½ (pins × boards).
///
/// Subspace iteration from a keyed random start: Q_b = orth(Nᵀ Q_p), Q_p = orth(N Q_b), again and again, with a few
/// columns more than asked for; then the small problem (Nᵀ Q_p)ᵀ (Nᵀ Q_p) = V Σ² Vᵀ turns Q_p into the left
/// singular vectors U = Q_p V.
/// - Source: Halko, Martinsson & Tropp 2011, doi:10.1137/090771806, Alg. 4.4.
public struct AdjacencySVD: Sendable {
    /// Largest first. 1 belongs to each connected part of the graph.
    public let singularValues: [Double]
    /// (P × rank): U Σ, row = pin. The dot product of two rows is N Nᵀ's element, as far as `rank` goes.
    public let pins: Matrix

    private static let extraColumns = 16
    /// Against a direction that rounding alone made: squares are compared.
    private static let leastSquare = 1e-6

    /// - Parameters:
    ///   - rank: singular values wanted; fewer are given where the graph has fewer pins or boards.
    ///   - iterations: twice through the graph each.
    /// - Precondition: at most 2³¹ − 1 edges.
    /// - Complexity: O(iterations · (edges · rank + (P + B) · rank²)); (P + B) · rank floats of memory.
    public init(graph: BipartiteGraph, rank: Int = 64, iterations: Int = 100, seed: UInt64 = 0, kernels: Kernels) {
        let weight = { (boards: Int, pins: Int) in 1 / Double(boards * pins).squareRoot() }
        self.init(
            byPin: .pinRows(graph, weight: weight), byBoard: .boardRows(graph, weight: weight), rank: rank,
            iterations: iterations, seed: seed, kernels: kernels)
    }

    /// The same of N by its rows and its columns.
    init(
        byPin: WeightedAdjacency, byBoard: WeightedAdjacency, rank: Int, iterations: Int, seed: UInt64 = 0,
        kernels: Kernels
    ) {
        let wanted = min(rank, byPin.rows, byBoard.rows)
        let width = min(rank + Self.extraColumns, byPin.rows, byBoard.rows)
        func zeros(_ rows: Int) -> Matrix { Matrix(FloatBuffer(count: rows * width), rows: rows, columns: width) }
        let (pinBasis, pinProduct) = (zeros(byPin.rows), zeros(byPin.rows))
        let (boardBasis, boardProduct) = (zeros(byBoard.rows), zeros(byBoard.rows))
        pinBasis.fillAtRandom(seed: seed, purpose: 11)
        for _ in 0..<iterations {
            byBoard.multiply(pinBasis, into: boardProduct, kernels: kernels)
            _ = Self.turn(boardProduct, boardProduct, into: boardBasis, kernels) { 1 / $0 }
            byPin.multiply(boardBasis, into: pinProduct, kernels: kernels)
            _ = Self.turn(pinProduct, pinProduct, into: pinBasis, kernels) { 1 / $0 }
        }
        byBoard.multiply(pinBasis, into: boardProduct, kernels: kernels)
        let values = Self.turn(pinBasis, boardProduct, into: pinProduct, kernels) { $0 }
        singularValues = Array(values.prefix(wanted))
        pins = pinProduct.columns(0..<wanted)
    }

    /// output = a · V · diag(scale(σ)), where bᵀ b = V diag(σ²) Vᵀ. Columns that only rounding made become 0.
    ///
    /// - Returns: σ, largest first.
    private static func turn(
        _ a: Matrix, _ b: Matrix, into output: Matrix, _ kernels: Kernels, scale: (Double) -> Double
    ) -> [Double] {
        let n = b.columns
        let small = Matrix(FloatBuffer(count: n * n), rows: n, columns: n)
        kernels.multiplyTransposedA(b, b, into: small)
        let eigen = SymmetricEigen((0..<n * n).map { Double(small[$0 / n, $0 % n]) }, n: n)
        let least = leastSquare * (eigen.values.first ?? 0)
        let sigmas = eigen.values.map { $0 > least ? $0.squareRoot() : 0 }
        for row in 0..<n {
            for column in 0..<n {
                let factor = sigmas[column] > 0 ? scale(sigmas[column]) : 0
                small[row, column] = Float(eigen.vectors[row * n + column] * factor)
            }
        }
        kernels.multiply(a, small, into: output)
        return sigmas
    }
}

extension Matrix {
    /// Uniform in −1 … 1, keyed by row: the same numbers whatever the other rows are.
    package func fillAtRandom(seed: UInt64, purpose: UInt32) {
        for row in 0..<rows {
            var random = CounterBasedGenerator(seed: seed, purpose: purpose, 0, UInt32(row))
            for column in 0..<columns { self[row, column] = Float.random(in: -1...1, using: &random) }
        }
    }
}
