import Artifacts

/// Which row holds an id: open addressing over rows, the ids themselves live elsewhere.
struct IDIndex {
    private var slots: [UInt32]
    private var count = 0
    private static let empty = UInt32.max

    init(expectedCount: Int = 0) {
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
    mutating func insert(_ row: UInt32, hash: UInt64) {
        precondition(count < slots.count, "IDIndex: full with \(count) rows")
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != Self.empty { slot = (slot + 1) & mask }
        slots[slot] = row
        count += 1
    }

    /// A quick hash of an id's bytes: eight at a time, folded 128-bit products.
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
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
    private static func fold(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
        return product.high ^ product.low
    }
}

/// Ids in order of first appearance: row ↔ bytes. All ids lie in one block, each followed by a line feed.
struct IDTable {
    private var text: [UInt8] = []
    private var starts: [Int] = [0]
    private var index = IDIndex()

    var count: Int { starts.count - 1 }

    /// The row of an id; a new one gets the next row.
    mutating func insert(_ id: UnsafeRawBufferPointer) -> (row: UInt32, isNew: Bool) {
        let hash = unsafe IDIndex.hash(id)
        if let row = unsafe row(id, hash) { return (row, false) }
        let row = UInt32(count)
        unsafe text.append(contentsOf: id)
        text.append(UInt8(ascii: "\n"))
        starts.append(text.count)
        if index.isFull { growIndex() }
        index.insert(row, hash: hash)
        return (row, true)
    }

    /// Twice the room, with every row but the newest.
    private mutating func growIndex() {
        var larger = IDIndex(expectedCount: count * 2)
        for row in 0..<UInt32(count - 1) {
            larger.insert(row, hash: unsafe withBytes(of: row) { unsafe IDIndex.hash($0) })
        }
        index = larger
    }

    func row(of id: UnsafeRawBufferPointer) -> UInt32? { unsafe row(id, IDIndex.hash(id)) }

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
