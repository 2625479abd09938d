import CPlatform

/// A mapped table of vectors, one a row: float32 as it lies, float16 widened while copying.
@safe public final class VectorTable: Sendable {
    public let rows: Int
    public let width: Int
    public let elementType: NumpyElement
    private let file: NumpyFile
    private nonisolated(unsafe) let base: UnsafeRawPointer?

    /// Wider than any; with it no claim about rows or columns goes beyond what the file's bytes hold.
    private static let widthMax = 1 << 24
    /// Rows asked for ahead of the one being copied.
    private static let prefetchRows = 12
    /// Cache lines asked for per row; a longer row is followed by the hardware.
    private static let prefetchBytesMax = 2048

    /// - Parameter npyPath: a C-order `.npy` of float32 or float16, shape (rows × width), width 1 to 2²⁴.
    /// - Throws: `ArtifactError` for anything else.
    public init(npyPath: String, advice: MappedFile.Advice = .hugePages) throws(ArtifactError) {
        file = try NumpyFile(path: npyPath, elements: [.float32, .float16], rank: 2, advice: advice)
        rows = file.header.shape[0]
        width = file.header.shape[1]
        guard (1...Self.widthMax).contains(width) else {
            throw .malformed(
                path: npyPath, problem: "impossible width", expected: "1 to \(Self.widthMax) columns",
                found: "\(width)", action: "Write the file again")
        }
        elementType = file.header.elementType
        unsafe base = file.dataBytes.baseAddress
    }

    public var path: String { file.path }

    /// The first value of the table as it lies, when it holds float32; nil for float16.
    public var float32Elements: UnsafeBufferPointer<Float>? {
        elementType == .float32 ? unsafe file.elements(as: Float.self) : nil
    }

    /// Gathers rows, in the order given: output row i is table row `indices[i]` as float32.
    ///
    /// - Parameters:
    ///   - indices: each below `rows`; a larger one traps.
    ///   - output: room for `indices.count` rows of `width`, `rowStride` floats apart.
    public func copyRows(
        _ indices: UnsafeBufferPointer<UInt32>, into output: UnsafeMutablePointer<Float>, rowStride: Int
    ) {
        precondition(rowStride >= width, "VectorTable: row stride \(rowStride) is less than the width \(width)")
        let rowBytes = width * elementType.byteCount
        let lines = stride(from: 0, to: min(rowBytes, Self.prefetchBytesMax), by: 64)
        for i in 0..<indices.count {
            let ahead = i + Self.prefetchRows
            if ahead < indices.count, let base = unsafe base {
                let next = unsafe base + Int(indices[ahead]) * rowBytes
                for line in lines { unsafe platform_prefetch_l2(next + line) }
            }
            unsafe copyRow(Int(indices[i]), into: output + i * rowStride)
        }
    }

    /// Copies `count` rows from `start` on, as float32.
    ///
    /// - Precondition: the rows exist.
    public func copyRange(start: Int, count: Int, into output: UnsafeMutablePointer<Float>, rowStride: Int) {
        precondition(rowStride >= width, "VectorTable: row stride \(rowStride) is less than the width \(width)")
        for i in 0..<count { unsafe copyRow(start + i, into: output + i * rowStride) }
    }

    /// The first value, row after row, that is not a finite number; nil when every one is.
    ///
    /// - Complexity: O(rows · width): reads the whole table.
    public func firstNotFinite() -> (row: Int, column: Int, value: Float)? {
        var values = [Float](repeating: 0, count: width)
        for row in 0..<rows {
            unsafe values.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                unsafe copyRow(row, into: base)
            }
            if let column = values.firstIndex(where: { !$0.isFinite }) { return (row, column, values[column]) }
        }
        return nil
    }

    @inline(__always)
    private func copyRow(_ row: Int, into output: UnsafeMutablePointer<Float>) {
        precondition(row >= 0 && row < rows, "VectorTable: row \(row) is outside 0 ..< \(rows)")
        guard let base = unsafe base, width > 0 else { return }
        switch elementType {
        case .float32:
            let source = unsafe (base + row * width * 4).assumingMemoryBound(to: Float.self)
            unsafe output.update(from: source, count: width)
        default:
            unsafe Half.widen(base + row * width * 2, into: output, count: width)
        }
    }
}
