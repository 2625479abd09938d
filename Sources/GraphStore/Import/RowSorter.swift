import Artifacts
import CPlatform
import Synchronization

/// Sorts edges into rows without repeats, in rounds of as many rows as memory holds.
///
/// In a round each thread has rows of its own: it goes through all edges and puts those of its rows in place, so that
/// threads share nothing but the reading. Where edges lie in no order, that is a random write an edge; lines of the
/// cache are asked for some edges ahead.
@safe package final class RowSorter: @unchecked Sendable {
    /// Gives every edge to a body, some at a time: row in the upper half, column in the lower. For any thread.
    package typealias Scan = ((UnsafeBufferPointer<UInt64>) -> Void) throws -> Void

    package let rowCount: Int
    private let columnCount: Int
    private let threads: Int
    private let roundEntries: Int
    /// Entry r + 1 is at first the number of edges of row r, then where the row starts, at last where it ends.
    private let table: ZeroedMemory
    /// Edges, repeats among them.
    private var edgeCount = 0
    /// Edges that were there before, under the same row and column.
    package private(set) var repeats = 0
    /// Passes over all edges to sort them.
    package private(set) var rounds = 0

    /// - Parameter roundEntries: entries of a round, 4 bytes each; offsets take 8 bytes a row.
    package init(rowCount: Int, columnCount: Int, threads: Int, roundEntries: Int) {
        self.rowCount = rowCount
        self.columnCount = columnCount
        self.threads = threads
        self.roundEntries = max(roundEntries, 1)
        table = ZeroedMemory(byteCount: (rowCount + 1) * 8)
    }

    /// (rowCount + 1) starts of rows; the last is the number of entries. Valid while this object lives.
    package var offsets: UnsafeMutablePointer<Int64> { unsafe table.base.assumingMemoryBound(to: Int64.self) }
    /// See `table`: entry r is of row r.
    private var starts: UnsafeMutablePointer<Int64> { unsafe offsets + 1 }

    /// Writes the columns of row after row, ascending, as a list.
    ///
    /// - Parameter progress: called with the number of edges that are sorted.
    /// - Returns: how many entries there are.
    /// - Complexity: each thread goes through the edges once to count and once a round.
    package func write(_ scan: Scan, to path: String, progress: (Int) -> Void) throws -> Int {
        try unsafe count(scan)
        let writer = try NumpyWriter(path: path, listOf: .uint32)
        let entries = ZeroedMemory(byteCount: min(roundEntries, edgeCount) * 4)
        var (row, written) = (0, 0)
        while row < rowCount {
            let first = start(row)
            progress(first)
            let end = endOfRound(from: row)
            if start(end) - first > roundEntries {
                written += try unsafe writeLongRow(row, scan, at: written, to: writer)
            } else {
                written += try unsafe writeRound(row..<end, entries, scan, at: written, to: writer)
            }
            row = end
            rounds += 1
        }
        repeats = edgeCount - written
        try writer.close(count: written)
        return written
    }

    /// Writes (rowCount + 1) offsets.
    func writeOffsets(to path: String) throws {
        try unsafe writeNumpy(
            path: path, shape: [rowCount + 1], UnsafeBufferPointer(start: UnsafePointer(offsets), count: rowCount + 1))
    }

    /// Rows without any entry, once all are written.
    var emptyRows: Int {
        let offsets = unsafe offsets
        return (0..<rowCount).reduce(0) { unsafe $0 + (offsets[$1] == offsets[$1 + 1] ? 1 : 0) }
    }

    /// Counts the edges of each row, and sets where it starts.
    private func count(_ scan: Scan) throws {
        let (starts, rowCount, threads) = unsafe (starts, rowCount, threads)
        try inParallel(threads) { thread in
            let rows = (rowCount * thread / threads)..<(rowCount * (thread + 1) / threads)
            let own = OwnEdges(rows)
            try unsafe scan { edges in
                unsafe own.each(of: edges) { edges, count in
                    for i in 0..<count { unsafe platform_prefetch(starts + Int(edges[i] &>> 32)) }
                    for i in 0..<count { unsafe starts[Int(edges[i] &>> 32)] &+= 1 }
                }
            }
        }
        var start: Int64 = 0
        for row in 0..<rowCount {
            let count = unsafe starts[row]
            unsafe starts[row] = start
            start += count
        }
        edgeCount = Int(start)
    }

    /// Where a row starts that has not been sorted.
    private func start(_ row: Int) -> Int { row < rowCount ? unsafe Int(starts[row]) : edgeCount }

    /// Behind the rows that fit, but for one that does not.
    private func endOfRound(from row: Int) -> Int {
        let first = start(row)
        var end = row + 1
        while end < rowCount, start(end + 1) - first <= roundEntries { end += 1 }
        return end
    }

    /// - Returns: entries written.
    private func writeRound(
        _ rows: Range<Int>, _ memory: ZeroedMemory, _ scan: Scan, at written: Int, to writer: NumpyWriter
    ) throws -> Int {
        let (first, starts) = unsafe (start(rows.lowerBound), starts)
        let entries = unsafe memory.base.assumingMemoryBound(to: UInt32.self)
        let parts = parts(of: rows)
        let begins = parts.map { start($0.lowerBound) - first }
        let kept = Mutex([Int](repeating: 0, count: parts.count))
        try inParallel(parts.count) { part in
            try unsafe Self.scatter(scan, parts[part], starts, entries, first)
            let count = unsafe Self.sort(parts[part], starts, entries, from: begins[part], first)
            kept.withLock { $0[part] = count }
        }
        let counts = kept.withLock(\.self)
        var ends = [written]
        for count in counts { ends.append((ends.last ?? 0) + count) }
        try inParallel(parts.count) { part in
            let shift = Int64(ends[part])
            for row in parts[part] { unsafe starts[row] &+= shift }
        }
        for (begin, count) in zip(begins, counts) {
            try unsafe writer.append(UnsafeBufferPointer(start: UnsafePointer(entries) + begin, count: count))
        }
        return (ends.last ?? written) - written
    }

    /// Rows cut where they have about equally many entries, a part for each thread.
    private func parts(of rows: Range<Int>) -> [Range<Int>] {
        let (first, last) = (start(rows.lowerBound), start(rows.upperBound))
        var cuts = [rows.lowerBound]
        for part in 1..<(threads + 1) {
            let target = first + (last - first) * part / threads
            var (low, high) = (cuts[part - 1], rows.upperBound)
            while low < high {
                let middle = (low + high) / 2
                if start(middle) < target { low = middle + 1 } else { high = middle }
            }
            cuts.append(part == threads ? rows.upperBound : low)
        }
        return zip(cuts, cuts.dropFirst()).map { $0..<$1 }
    }

    /// Puts the columns of some rows where the rows are, in the order in which they come.
    private static func scatter(
        _ scan: Scan, _ rows: Range<Int>, _ starts: UnsafeMutablePointer<Int64>,
        _ entries: UnsafeMutablePointer<UInt32>, _ first: Int
    ) throws {
        let own = OwnEdges(rows)
        let places = unsafe own.places
        try unsafe scan { edges in
            unsafe own.each(of: edges) { edges, count in
                for i in 0..<count { unsafe platform_prefetch(starts + Int(edges[i] &>> 32)) }
                for i in 0..<count {
                    let row = unsafe Int(edges[i] &>> 32)
                    let place = unsafe Int(starts[row])
                    unsafe starts[row] = Int64(place &+ 1)
                    unsafe places[i] = place &- first
                    unsafe platform_prefetch(entries + (place &- first))
                }
                for i in 0..<count { unsafe entries[places[i]] = UInt32(truncatingIfNeeded: edges[i]) }
            }
        }
    }

    /// Sorts rows whose ends are in `starts`, drops repeats, and moves what is left together.
    ///
    /// The rows' ends are then counted from that of the part.
    /// - Returns: entries that are left.
    private static func sort(
        _ rows: Range<Int>, _ starts: UnsafeMutablePointer<Int64>, _ entries: UnsafeMutablePointer<UInt32>,
        from begin: Int, _ first: Int
    ) -> Int {
        var (next, kept) = (begin, begin)
        for row in rows {
            let end = unsafe Int(starts[row]) &- first
            unsafe sortAscending(entries + next, end &- next)
            let rowStart = kept
            while next < end {
                let entry = unsafe entries[next]
                if unsafe kept == rowStart || entries[kept &- 1] != entry {
                    unsafe entries[kept] = entry
                    kept &+= 1
                }
                next &+= 1
            }
            unsafe starts[row] = Int64(kept &- begin)
        }
        return kept - begin
    }

    /// A row that alone has more edges than a round: its columns as bits.
    private func writeLongRow(
        _ row: Int, _ scan: Scan, at written: Int, to writer: NumpyWriter
    ) throws -> Int {
        let memory = ZeroedMemory(byteCount: (columnCount + 63) / 64 * 8)
        let words = unsafe memory.base.assumingMemoryBound(to: UInt64.self)
        try unsafe scan { edges in
            for i in 0..<edges.count where unsafe edges[i] >> 32 == UInt64(row) {
                let column = unsafe Int(truncatingIfNeeded: edges[i] & 0xFFFF_FFFF)
                unsafe words[column >> 6] |= 1 << UInt64(column & 63)
            }
        }
        var count = 0
        for word in 0..<((columnCount + 63) / 64) {
            var bits = unsafe words[word]
            var columns: [UInt32] = []
            while bits != 0 {
                columns.append(UInt32(word << 6 + bits.trailingZeroBitCount))
                bits &= bits - 1
            }
            count += columns.count
            try writer.append(columns)
        }
        withExtendedLifetime(memory) {}
        unsafe starts[row] = Int64(written + count)
        return count
    }
}

/// Insertion for the few, the library for the many; most rows are in order already.
@inline(__always)
private func sortAscending(_ entries: UnsafeMutablePointer<UInt32>, _ count: Int) {
    guard count > 1 else { return }
    var sorted = 1
    while sorted < count, unsafe entries[sorted &- 1] <= entries[sorted] { sorted &+= 1 }
    if sorted == count { return }
    if count > 32 {
        var all = unsafe UnsafeMutableBufferPointer(start: entries, count: count)
        unsafe all.sort()
        return
    }
    while sorted < count {
        let entry = unsafe entries[sorted]
        var place = sorted
        while place > 0, unsafe entries[place &- 1] > entry {
            unsafe entries[place] = entries[place &- 1]
            place &-= 1
        }
        unsafe entries[place] = entry
        sorted &+= 1
    }
}

/// The edges of some rows among all, picked out without a branch.
@safe private final class OwnEdges {
    private let first: UInt32
    private let count: UInt32
    private let edges: UnsafeMutablePointer<UInt64>
    /// Room for a place of each edge of a step.
    let places: UnsafeMutablePointer<Int>
    private static let step = 512

    init(_ rows: Range<Int>) {
        first = UInt32(truncatingIfNeeded: rows.lowerBound)
        count = UInt32(rows.count)
        unsafe edges = .allocate(capacity: Self.step)
        unsafe places = .allocate(capacity: Self.step)
    }

    deinit {
        unsafe edges.deallocate()
        unsafe places.deallocate()
    }

    @inline(__always)
    func each(of all: UnsafeBufferPointer<UInt64>, _ body: (UnsafePointer<UInt64>, Int) -> Void) {
        guard let source = all.baseAddress else { return }
        let (own, first, count) = unsafe (edges, first, count)
        var start = 0
        while start < all.count {
            let end = min(start &+ Self.step, all.count)
            var kept = 0
            for i in start..<end {
                let edge = unsafe source[i]
                unsafe own[kept] = edge
                kept &+= UInt32(truncatingIfNeeded: edge &>> 32) &- first < count ? 1 : 0
            }
            unsafe body(UnsafePointer(own), kept)
            start = end
        }
    }
}
