import Foundation
import Kernels

/// The rows that layer 1 reads: a pin's content features and, where the model has them, the log-degree column and
/// the pin's learned vector.
extension ModelShape {
    /// Columns of an input row: F, one more for the log-degree, and w.
    public var inputWidth: Int { featureWidth + (logDegree > 0 ? 1 : 0) + learnedWidth }

    /// (rows × inputWidth) in `buffer`, after making room; rows are whole cache lines apart.
    public func inputs(rows: Int, in buffer: FloatBuffer) -> Matrix {
        let stride = (inputWidth + 15) / 16 * 16
        return buffer.matrix(rows: rows, columns: stride).columns(0..<inputWidth)
    }

    /// Writes the column after the content, `logDegree · log(1 + boards)`; nothing where the model has no such column.
    ///
    /// - Parameters:
    ///   - boardCounts: boards of each row's pin.
    ///   - inputs: rows × inputWidth; the others are left alone.
    /// - Source: Ying et al. 2018, arXiv 1806.01973, §4.2: the log-degree is one of a pin's features.
    public func writeLogDegree(boardCounts: UnsafeBufferPointer<UInt32>, into inputs: Matrix) {
        guard logDegree > 0 else { return }
        precondition(
            boardCounts.count == inputs.rows && inputs.columns == inputWidth,
            "ModelShape: log-degree of \(boardCounts.count) pins into \(inputs.shape)")
        for row in 0..<inputs.rows {
            unsafe inputs.base[row * inputs.stride + featureWidth] = Float(logDegree * log1p(Double(boardCounts[row])))
        }
    }
}
