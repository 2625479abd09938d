import Artifacts

/// Which row holds an id: open addressing over rows, the ids themselves live elsewhere.
///
/// The hash is keyed with secrets of the process, so that nobody can write ids that all want one slot. What is made from
/// ids does not depend on them: rows are in order of first appearance.
package struct IDIndex {
    private var slots: [UInt32]
    private var count = 0
    private let key = Self.secret(1)
    private let factor = Self.secret(2) | 1
    private static let empty = UInt32.max
    /// Most rows that have a number.
    package static let rowsMax = Int(UInt32.max)

    package init(expectedCount: Int = 0) {
        var size = 1024
        while size < expectedCount * 2 { size *= 2 }
        slots = Array(repeating: Self.empty, count: size)
    }

    /// The row with this hash for which `matches` holds.
    @inline(__always)
    func row(hash: UInt64, matches: (UInt32) -> Bool) -> UInt32? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != Self.empty {
            if matches(slots[slot]) { return slots[slot] }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Half full: time to build a larger one, so that probes stay short.
    var isFull: Bool { count * 2 >= slots.count }

    /// Adds a row that is not there yet.
    package mutating func insert(_ row: UInt32, hash: UInt64) {
        precondition(count < slots.count, "IDIndex: full with \(count) rows")
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != Self.empty { slot = (slot + 1) & mask }
        slots[slot] = row
        count += 1
    }

    /// Slots in use one after the other, at most: no look-up takes more probes.
    package var longestRun: Int {
        var (longest, run) = (0, 0)
        // Twice around: a run may go over the end.
        for slot in slots + slots {
            run = slot == Self.empty ? 0 : run + 1
            longest = max(longest, run)
        }
        return longest
    }

    /// A number that is another in each process, as Swift's own hashes are.
    private static func secret(_ number: Int) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(number)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    /// A quick hash of an id's bytes: eight at a time, folded 128-bit products. With Swift's
    /// `Hasher` an import takes 1.4 times as long.
    func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = unsafe fold(hash, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var last: UInt64 = 0
        while offset < bytes.count {
            last = unsafe last << 8 | UInt64(bytes[offset])
            offset += 1
        }
        return fold(hash, last)
    }

    @inline(__always)
    private func fold(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word ^ key).multipliedFullWidth(by: factor)
        return product.high ^ product.low
    }
}

/// Ids in order of first appearance: row ↔ bytes. All ids lie in one block, each followed by a line feed.
package struct IDTable {
    private var text: [UInt8] = []
    private var starts: [Int] = [0]
    private let countMax: Int
    package private(set) var index = IDIndex()

    package var count: Int { starts.count - 1 }

    /// - Parameter countMax: ids that there is room for.
    package init(countMax: Int = IDIndex.rowsMax) {
        self.countMax = countMax
    }

    /// The row of an id; a new one gets the next row.
    /// - Returns: nil for a new id when the table holds `countMax`.
    package mutating func insert(_ id: UnsafeRawBufferPointer) -> (row: UInt32, isNew: Bool)? {
        let hash = unsafe index.hash(id)
        if let row = unsafe row(id, hash) { return (row, false) }
        guard count < countMax else { return nil }
        let row = UInt32(count)
        unsafe text.append(contentsOf: id)
        text.append(UInt8(ascii: "\n"))
        starts.append(text.count)
        if index.isFull {
            growIndex()
        } else {
            index.insert(row, hash: hash)
        }
        return (row, true)
    }

    /// Twice the room, with every row.
    private mutating func growIndex() {
        var larger = IDIndex(expectedCount: count * 2)
        for row in 0..<UInt32(count) {
            larger.insert(row, hash: unsafe withBytes(of: row) { unsafe larger.hash($0) })
        }
        index = larger
    }

    /// The ids of some rows, in that order.
    func selecting(_ rows: some Sequence<UInt32>) -> IDTable {
        var selected = IDTable()
        for row in rows { _ = unsafe withBytes(of: row) { unsafe selected.insert($0) } }
        return selected
    }

    package func row(of id: UnsafeRawBufferPointer) -> UInt32? { unsafe row(id, index.hash(id)) }

    /// The id of a row, as text.
    func id(_ row: UInt32) -> String { unsafe withBytes(of: row) { unsafe String(decoding: $0, as: UTF8.self) } }

    /// Writes one id a line, in row order.
    func write(to path: String) throws {
        try AtomicReplace.write(to: path) { writer in
            try unsafe text.withUnsafeBytes { try unsafe writer.write($0) }
        }
    }

    @inline(__always)
    private func row(_ id: UnsafeRawBufferPointer, _ hash: UInt64) -> UInt32? {
        index.row(hash: hash) { row in
            unsafe withBytes(of: row) { bytes in unsafe sameBytes(bytes, id) }
        }
    }

    @inline(__always)
    private func withBytes<R>(of row: UInt32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let range = starts[Int(row)]..<(starts[Int(row) + 1] - 1)
        return unsafe text.withUnsafeBytes { unsafe body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}

@inline(__always)
func sameBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    for i in 0..<a.count where unsafe a[i] != b[i] { return false }
    return true
}
