/// A view of row-major float32 elements; it never owns them.
///
/// Element (r, c) lies at `base[r · stride + c]`. What lies between a row's last column and the next
/// row is neither read nor written by any kernel, so a block of columns is a matrix too.
/// Whoever makes a view keeps the storage alive while it is used.
@safe public struct Matrix: @unchecked Sendable {
    public let base: UnsafeMutablePointer<Float>
    public let rows: Int
    public let columns: Int
    /// Elements from one row's start to the next one's; at least `columns`.
    public let stride: Int

    /// - Precondition: `rows`, `columns` ≥ 0 and `stride` ≥ `columns`.
    public init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
        precondition(
            rows >= 0 && columns >= 0 && stride >= columns,
            "Matrix: \(rows)×\(columns) with stride \(stride)")
        unsafe self.base = unsafe base
        self.rows = rows
        self.columns = columns
        self.stride = stride
    }

    /// Densely packed rows of `buffer`, from element `offset` on.
    ///
    /// - Precondition: they lie within the buffer.
    public init(_ buffer: FloatBuffer, rows: Int, columns: Int, offset: Int = 0) {
        precondition(
            offset >= 0 && offset + rows * columns <= buffer.count,
            "Matrix: \(rows)×\(columns) at \(offset) of a buffer of \(buffer.count)")
        unsafe self.init(base: buffer.base + offset, rows: rows, columns: columns, stride: columns)
    }

    /// The same rows, only the columns of `range`.
    public func columns(_ range: Range<Int>) -> Matrix {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= columns, "Matrix: columns \(range) of \(shape)")
        return unsafe Matrix(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// The rows of `range`, all columns.
    public func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "Matrix: rows \(range) of \(shape)")
        return unsafe Matrix(
            base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// One element. For loops over many, bind `base` first.
    public subscript(row: Int, column: Int) -> Float {
        get {
            precondition(contains(row, column), "Matrix: element (\(row), \(column)) of \(shape)")
            return unsafe base[row * stride + column]
        }
        nonmutating set {
            precondition(contains(row, column), "Matrix: element (\(row), \(column)) of \(shape)")
            unsafe base[row * stride + column] = newValue
        }
    }

    private func contains(_ row: Int, _ column: Int) -> Bool {
        row >= 0 && row < rows && column >= 0 && column < columns
    }

    /// Rows × columns, for messages.
    public var shape: String { "\(rows)×\(columns)" }
}
