import Artifacts
import Kernels

/// Vectors that a search reads in blocks: a mapped table, or a matrix in memory.
public protocol VectorRows: Sendable {
    var rows: Int { get }
    var width: Int { get }

    /// Output row i becomes row `indices[i]`, as float32; output rows lie `rowStride` floats apart.
    func copyRows(_ indices: UnsafeBufferPointer<UInt32>, into output: UnsafeMutablePointer<Float>, rowStride: Int)

    /// Output row i becomes row `start + i`, for `count` rows.
    func copyRange(start: Int, count: Int, into output: UnsafeMutablePointer<Float>, rowStride: Int)
}

extension VectorTable: VectorRows {}

extension Matrix: VectorRows {
    public var width: Int { columns }

    public func copyRows(
        _ indices: UnsafeBufferPointer<UInt32>, into output: UnsafeMutablePointer<Float>, rowStride: Int
    ) {
        for index in indices.indices {
            unsafe copyRange(
                start: Int(indices[index]), count: 1, into: output + index * rowStride, rowStride: rowStride)
        }
    }

    public func copyRange(start: Int, count: Int, into output: UnsafeMutablePointer<Float>, rowStride: Int) {
        let block = rows(start..<start + count)
        for row in 0..<count {
            unsafe (output + row * rowStride).update(from: block.base + row * block.stride, count: columns)
        }
    }
}
