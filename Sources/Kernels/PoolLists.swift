/// Weighted lists of rows (CSR): list u holds the entries `offsets[u] ..< offsets[u + 1]`.
///
/// A view; whoever makes it keeps the arrays alive and their indices in range.
@safe public struct PoolLists: @unchecked Sendable {
    /// `count + 1` positions, ascending, the first 0 or more.
    public let offsets: UnsafePointer<Int32>
    /// Row of each entry.
    public let indices: UnsafePointer<Int32>
    /// Weight of each entry.
    public let weights: UnsafePointer<Float>
    /// Number of lists.
    public let count: Int

    public init(
        offsets: UnsafePointer<Int32>, indices: UnsafePointer<Int32>, weights: UnsafePointer<Float>, count: Int
    ) {
        require(count >= 0, "PoolLists: count is \(count)")
        unsafe self.offsets = unsafe offsets
        unsafe self.indices = unsafe indices
        unsafe self.weights = unsafe weights
        self.count = count
    }
}
