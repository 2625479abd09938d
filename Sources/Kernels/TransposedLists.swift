/// The same entries seen from the other side: row v → (u, weight) for every list u that holds v.
///
/// Pooling with these is the backward pass of pooling: `dInput[v] = Σ_u weight(u, v) · dOutput[u]`.
/// Not for use by two threads at once.
@safe public final class TransposedLists: @unchecked Sendable {
    private var offsets = Storage<Int32>()
    private var indices = Storage<Int32>()
    private var weights = Storage<Float>()
    /// For each part of the lists and each row: entries of the row in the part, then where the next of them goes.
    private var places = Storage<Int32>()
    private var rowCount = 0

    public init() {}

    deinit {
        offsets.free()
        indices.free()
        weights.free()
        places.free()
    }

    /// Turns `lists` round. The entries of each row keep the order of their lists, whoever places them.
    ///
    /// - Parameters:
    ///   - inputRows: rows that the lists point at; every index is below it (else it traps).
    ///   - team: shares the lists out among its threads.
    /// - Complexity: O(entries + inputRows · threads); keeps its storage for the next call.
    public func build(from lists: PoolLists, inputRows: Int, team: ThreadTeam = ThreadTeam(threads: 1)) {
        require(inputRows >= 0, "TransposedLists: \(inputRows) input rows")
        let entries = unsafe Int(lists.offsets[lists.count]) - Int(lists.offsets[0])
        // Fewer entries are placed sooner than another thread is woken.
        let parts = entries < 16_384 ? 1 : team.threadCount
        rowCount = inputRows
        offsets.reserve(inputRows + 1)
        indices.reserve(entries)
        weights.reserve(entries)
        places.reserve(parts * inputRows)
        let (places, offsets) = unsafe (places.base, offsets.base)
        let (indices, weights) = unsafe (indices.base, weights.base)
        func listRange(_ part: Int) -> Range<Int> { part * lists.count / parts..<(part + 1) * lists.count / parts }
        team.run(chunks: parts) { part in
            unsafe Self.count(lists, listRange(part), places + part * inputRows, inputRows)
        }
        unsafe Self.addUp(places, parts, inputRows, offsets)
        team.run(chunks: parts) { part in
            unsafe Self.fill(lists, listRange(part), places + part * inputRows, indices, weights)
        }
    }

    /// The lists of the last `build`. Valid until the next one.
    public var lists: PoolLists {
        unsafe PoolLists(offsets: offsets.base, indices: indices.base, weights: weights.base, count: rowCount)
    }

    private static func count(
        _ lists: PoolLists, _ range: Range<Int>, _ counts: UnsafeMutablePointer<Int32>, _ rows: Int
    ) {
        unsafe counts.update(repeating: 0, count: rows)
        for entry in unsafe Int(lists.offsets[range.lowerBound])..<Int(lists.offsets[range.upperBound]) {
            let row = unsafe Int(lists.indices[entry])
            require(row >= 0 && row < rows, "TransposedLists: index \(row), input rows \(rows)")
            unsafe counts[row] += 1
        }
    }

    /// Turns counts into places: a row's entries of the first part come first.
    private static func addUp(
        _ places: UnsafeMutablePointer<Int32>, _ parts: Int, _ rows: Int, _ offsets: UnsafeMutablePointer<Int32>
    ) {
        var total: Int32 = 0
        for row in 0..<rows {
            unsafe offsets[row] = total
            for part in 0..<parts {
                let count = unsafe places[part * rows + row]
                unsafe places[part * rows + row] = total
                total += count
            }
        }
        unsafe offsets[rows] = total
    }

    private static func fill(
        _ lists: PoolLists, _ range: Range<Int>, _ places: UnsafeMutablePointer<Int32>,
        _ indices: UnsafeMutablePointer<Int32>, _ weights: UnsafeMutablePointer<Float>
    ) {
        for list in range {
            for entry in unsafe Int(lists.offsets[list])..<Int(lists.offsets[list + 1]) {
                let row = unsafe Int(lists.indices[entry])
                let place = unsafe Int(places[row])
                unsafe places[row] += 1
                unsafe indices[place] = Int32(list)
                unsafe weights[place] = unsafe lists.weights[entry]
            }
        }
    }
}

/// Memory that grows to the largest use; its content is lost when it grows.
@safe private struct Storage<Element: BitwiseCopyable> {
    private(set) var base: UnsafeMutablePointer<Element>
    private var capacity: Int

    init() {
        capacity = 1
        unsafe base = .allocate(capacity: 1)
        unsafe UnsafeMutableRawPointer(base).initializeMemory(
            as: UInt8.self, repeating: 0, count: MemoryLayout<Element>.stride)
    }

    mutating func reserve(_ count: Int) {
        guard count > capacity else { return }
        unsafe base.deallocate()
        unsafe base = .allocate(capacity: count)
        capacity = count
    }

    func free() { unsafe base.deallocate() }
}

extension Kernels {
    /// Turns `lists` round, as `TransposedLists.build` does.
    public func transpose(_ lists: PoolLists, inputRows: Int, into transposed: TransposedLists) {
        let entries = unsafe Int(lists.offsets[lists.count]) - Int(lists.offsets[0])
        // Of each entry, index and weight are read once, its row a second time; index and weight are written.
        metered(.rows("turn lists", entries, 1, passes: 5)) {
            transposed.build(from: lists, inputRows: inputRows, team: team)
        }
    }
}
