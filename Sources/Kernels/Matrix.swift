/// A view of row-major float32 elements.
///
/// Element (r, c) lies at `base[r · stride + c]`. What lies between a row's last column and the next
/// row is neither read nor written by any kernel, so a block of columns is a matrix too.
/// A view of a `FloatBuffer` keeps it alive, but not in place: `reserve` may move it. Whoever makes a
/// view of a bare pointer keeps the storage alive while the view is used.
@safe public struct Matrix: @unchecked Sendable {
    public let base: UnsafeMutablePointer<Float>
    public let rows: Int
    public let columns: Int
    /// Elements from one row's start to the next one's; at least `columns`.
    public let stride: Int
    private let owner: FloatBuffer?

    /// - Precondition: `rows`, `columns` ≥ 0 and `stride` ≥ `columns`.
    public init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
        unsafe self.init(base, rows, columns, stride, owner: nil)
    }

    private init(
        _ base: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int, _ stride: Int, owner: FloatBuffer?
    ) {
        require(
            rows >= 0 && columns >= 0 && stride >= columns,
            "Matrix: \(rows)×\(columns) with stride \(stride)")
        unsafe self.base = unsafe base
        self.rows = rows
        self.columns = columns
        self.stride = stride
        self.owner = owner
    }

    /// Densely packed rows of `buffer`, from element `offset` on.
    ///
    /// - Precondition: they lie within the buffer.
    public init(_ buffer: FloatBuffer, rows: Int, columns: Int, offset: Int = 0) {
        require(
            offset >= 0 && offset + rows * columns <= buffer.count,
            "Matrix: \(rows)×\(columns) at \(offset) of a buffer of \(buffer.count)")
        unsafe self.init(buffer.base + offset, rows, columns, columns, owner: buffer)
    }

    /// The same rows, only the columns of `range`.
    public func columns(_ range: Range<Int>) -> Matrix {
        require(
            range.lowerBound >= 0 && range.upperBound <= columns, "Matrix: columns \(range) of \(shape)")
        return unsafe Matrix(base + range.lowerBound, rows, range.count, stride, owner: owner)
    }

    /// The rows of `range`, all columns.
    public func rows(_ range: Range<Int>) -> Matrix {
        require(range.lowerBound >= 0 && range.upperBound <= rows, "Matrix: rows \(range) of \(shape)")
        return unsafe Matrix(base + range.lowerBound * stride, range.count, columns, stride, owner: owner)
    }

    /// Makes every element 0.
    func clear() {
        for row in 0..<rows { unsafe (base + row * stride).update(repeating: 0, count: columns) }
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
