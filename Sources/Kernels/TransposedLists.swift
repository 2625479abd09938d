/// The same entries seen from the other side: row v → (u, weight) for every list u that holds v.
///
/// Pooling with these is the backward pass of pooling: `dInput[v] = Σ_u weight(u, v) · dOutput[u]`.
/// Not for use by two threads at once.
@safe public final class TransposedLists: @unchecked Sendable {
    private var offsets: UnsafeMutablePointer<Int32>
    private var indices: UnsafeMutablePointer<Int32>
    private var weights: UnsafeMutablePointer<Float>
    private var rowCapacity = 0
    private var entryCapacity = 0
    private var rowCount = 0

    public init() {
        unsafe offsets = .allocate(capacity: 2)
        unsafe offsets.initialize(repeating: 0, count: 2)
        unsafe indices = .allocate(capacity: 1)
        unsafe weights = .allocate(capacity: 1)
    }

    deinit {
        unsafe offsets.deallocate()
        unsafe indices.deallocate()
        unsafe weights.deallocate()
    }

    /// Turns `lists` round. The entries of each row keep the order of their lists, so results repeat.
    ///
    /// - Parameter inputRows: rows that the lists point at; every index is below it (else it traps).
    /// - Complexity: O(entries + inputRows); keeps its storage for the next call.
    public func build(from lists: PoolLists, inputRows: Int) {
        require(inputRows >= 0, "TransposedLists: \(inputRows) input rows")
        let entries = unsafe Int(lists.offsets[lists.count]) - Int(lists.offsets[0])
        reserve(rows: inputRows, entries: entries)
        rowCount = inputRows
        countEntries(of: lists)
        // Now offsets[v + 1] is where row v starts; filling moves it to where row v ends.
        unsafe Self.fill(lists, offsets, indices, weights)
    }

    /// The lists of the last `build`. Valid until the next one.
    public var lists: PoolLists {
        unsafe PoolLists(
            offsets: UnsafePointer(offsets), indices: UnsafePointer(indices), weights: UnsafePointer(weights),
            count: rowCount)
    }

    private func countEntries(of lists: PoolLists) {
        let offsets = unsafe self.offsets
        unsafe offsets.update(repeating: 0, count: rowCount + 2)
        for entry in unsafe Int(lists.offsets[0])..<Int(lists.offsets[lists.count]) {
            let row = unsafe Int(lists.indices[entry])
            require(row >= 0 && row < rowCount, "TransposedLists: index \(row), input rows \(rowCount)")
            unsafe offsets[row + 2] += 1
        }
        for row in 0..<rowCount {
            unsafe offsets[row + 2] += offsets[row + 1]
        }
    }

    private static func fill(
        _ lists: PoolLists, _ offsets: UnsafeMutablePointer<Int32>, _ indices: UnsafeMutablePointer<Int32>,
        _ weights: UnsafeMutablePointer<Float>
    ) {
        for list in 0..<lists.count {
            for entry in unsafe Int(lists.offsets[list])..<Int(lists.offsets[list + 1]) {
                let row = unsafe Int(lists.indices[entry])
                let place = unsafe Int(offsets[row + 1])
                unsafe indices[place] = Int32(list)
                unsafe weights[place] = unsafe lists.weights[entry]
                unsafe offsets[row + 1] += 1
            }
        }
    }

    private func reserve(rows: Int, entries: Int) {
        if rows > rowCapacity {
            unsafe offsets.deallocate()
            unsafe offsets = .allocate(capacity: rows + 2)
            unsafe offsets.initialize(repeating: 0, count: rows + 2)
            rowCapacity = rows
        }
        if entries > entryCapacity {
            unsafe indices.deallocate()
            unsafe weights.deallocate()
            unsafe indices = .allocate(capacity: entries)
            unsafe weights = .allocate(capacity: entries)
            unsafe indices.initialize(repeating: 0, count: entries)
            unsafe weights.initialize(repeating: 0, count: entries)
            entryCapacity = entries
        }
    }
}

extension Kernels {
    /// Turns `lists` round, as `TransposedLists.build` does.
    public func transpose(_ lists: PoolLists, inputRows: Int, into transposed: TransposedLists) {
        let entries = unsafe Int(lists.offsets[lists.count]) - Int(lists.offsets[0])
        // Of each entry, index and weight are read once, its row a second time; index and weight are written.
        metered(.rows("turn lists", entries, 1, passes: 5)) { transposed.build(from: lists, inputRows: inputRows) }
    }
}
