import Artifacts
import GraphStore
import Kernels

/// Vectors that need no training; compared by cosine.
public enum BaselineVectors {
    /// [x ; m], both halves of length 1: a pin's content beside the mean content of the pins that one step
    /// pin → board → pin leads to, in proportion to its probability, the pin itself left out. What a graph
    /// convolution gives before it has learned anything.
    ///
    /// A half without content, or without another pin on any board, is 0.
    /// - Parameter features: (P × F), the pins' content.
    /// - Returns: (P × 2F).
    /// - Precondition: at most 2³¹ − 1 edges.
    /// - Complexity: O(edges · F); (3P + B) · F floats of memory.
    public static func graphMean(_ features: VectorTable, graph: BipartiteGraph, kernels: Kernels) -> Matrix {
        let (P, F) = (graph.pinCount, features.width)
        let vectors = Matrix(FloatBuffer(count: P * 2 * F), rows: P, columns: 2 * F)
        let (content, mean) = (vectors.columns(0..<F), vectors.columns(F..<2 * F))
        unsafe features.copyRange(start: 0, count: P, into: content.base, rowStride: content.stride)
        normalize(content, kernels)
        // Σ over boards of (Σ over its pins − the pin itself) / pins of the board; the scale does not matter.
        let sums = Matrix(FloatBuffer(count: graph.boardCount * F), rows: graph.boardCount, columns: F)
        WeightedAdjacency.boardRows(graph) { _, pins in 1 / Double(pins) }.multiply(
            content, into: sums, kernels: kernels)
        WeightedAdjacency.pinRows(graph) { _, _ in 1 }.multiply(sums, into: mean, kernels: kernels)
        for pin in 0..<P {
            let (own, others) = shares(pin: UInt32(pin), graph)
            for column in 0..<F {
                mean[pin, column] = others > 0 ? mean[pin, column] - Float(own) * content[pin, column] : 0
            }
        }
        normalize(mean, kernels)
        return vectors
    }

    /// A keyed random vector for each pin: what chance alone gives.
    public static func random(pinCount: Int, width: Int = 64, seed: UInt64 = 0) -> Matrix {
        let vectors = Matrix(FloatBuffer(count: pinCount * width), rows: pinCount, columns: width)
        vectors.fillAtRandom(seed: seed, purpose: 12)
        return vectors
    }

    /// What one step from a pin gives the pin itself and all others, both times the number of its boards.
    private static func shares(pin: UInt32, _ graph: BipartiteGraph) -> (own: Double, others: Double) {
        let boards = unsafe graph.boards(of: pin)
        var (own, others) = (0.0, 0.0)
        for index in boards.indices {
            let pins = unsafe Double(graph.pins(of: boards[index]).count)
            own += 1 / pins
            others += (pins - 1) / pins
        }
        return (own, others)
    }

    private static func normalize(_ rows: Matrix, _ kernels: Kernels) {
        let norms = FloatBuffer(count: rows.rows)
        unsafe kernels.l2Normalize(rows, into: rows, norms: norms.base)
    }
}
