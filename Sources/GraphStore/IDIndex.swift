import CPlatform

/// Which row holds an id: open addressing over rows, the ids themselves live elsewhere.
///
/// A slot is 8 bytes: half of the id's hash, so that hardly another id is ever looked at, and the row. The hash is keyed
/// with secrets of the process, so that nobody can write ids that all want one slot. What is made from ids does not
/// depend on them: rows are in order of first appearance.
package final class IDIndex: @unchecked Sendable {
    /// Slots: 0, or the upper half of the hash and row + 1.
    let slots: ZeroedMemory
    let mask: Int
    private var count = 0

    /// Most rows that have a number.
    package static let rowsMax = Int(UInt32.max)

    /// - Parameter expectedCount: rows that it shall have room for.
    package init(expectedCount: Int = 0) {
        let size = Self.slotCount(expectedCount)
        mask = size - 1
        slots = ZeroedMemory(byteCount: size * 8)
    }

    /// Slots for so many rows: a power of two, at most three quarters of them in use.
    private static func slotCount(_ rows: Int) -> Int {
        var size = 1024
        while size / 4 * 3 < rows { size *= 2 }
        return size
    }

    /// Bytes for so many rows.
    package static func byteCount(_ rows: Int) -> Int { slotCount(rows) * 8 }

    /// Bytes that it has.
    package var byteCount: Int { (mask + 1) * 8 }

    /// The row with this hash for which `matches` holds.
    @inline(__always)
    func row(hash: UInt64, matches: (UInt32) -> Bool) -> UInt32? {
        let slots = unsafe slots.base.assumingMemoryBound(to: UInt64.self)
        var slot = Int(truncatingIfNeeded: hash) & mask
        while case let entry = unsafe slots[slot], entry != 0 {
            if entry >> 32 == hash >> 32 {
                let row = UInt32(truncatingIfNeeded: entry) &- 1
                if matches(row) { return row }
            }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    /// Three quarters full: time to build a larger one, so that probes stay short.
    var isFull: Bool { count >= (mask + 1) / 4 * 3 }

    /// Adds a row that is not there yet.
    package func insert(_ row: UInt32, hash: UInt64) {
        precondition(count < mask, "IDIndex: full with \(count) rows")
        let slots = unsafe slots.base.assumingMemoryBound(to: UInt64.self)
        var slot = Int(truncatingIfNeeded: hash) & mask
        while unsafe slots[slot] != 0 { slot = (slot &+ 1) & mask }
        unsafe slots[slot] = (hash >> 32) << 32 | UInt64(row + 1)
        count += 1
    }

    /// Asks for the cache line that a look-up will begin at.
    @inline(__always)
    func prefetch(hash: UInt64) {
        unsafe platform_prefetch(slots.base + (Int(truncatingIfNeeded: hash) & mask) &* 8)
    }

    /// Slots in use one after the other, at most: no look-up takes more probes.
    package var longestRun: Int {
        let slots = unsafe slots.base.assumingMemoryBound(to: UInt64.self)
        var (longest, run) = (0, 0)
        // Twice around: a run may go over the end.
        for slot in 0..<(2 * (mask + 1)) {
            run = unsafe slots[slot & mask] == 0 ? 0 : run + 1
            longest = max(longest, run)
        }
        return longest
    }
}

/// The hash of ids.
enum IDHash {
    private static let key = secret(1)
    private static let factor = secret(2) | 1

    /// A number that is another in each process, as Swift's own hashes are.
    private static func secret(_ number: Int) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(number)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    /// The secrets, for loops that hash many ids.
    static var secrets: (key: UInt64, factor: UInt64) { (key, factor) }

    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let start = bytes.baseAddress else { return 0 }
        return unsafe hash(start, bytes.count, secrets)
    }

    /// A quick hash of an id's bytes: eight at a time, folded 128-bit products. With Swift's
    /// `Hasher` an import takes 1.4 times as long.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawPointer, _ count: Int, _ secrets: (key: UInt64, factor: UInt64)) -> UInt64 {
        var hash = UInt64(count) &* 0x9E37_79B9_7F4A_7C15
        var offset = 0
        while offset &+ 8 <= count {
            hash = unsafe fold(hash, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self), secrets)
            offset &+= 8
        }
        return unsafe fold(hash, tail(bytes + offset, count &- offset), secrets)
    }

    /// Fewer than eight bytes as a number, another for each content.
    @inline(__always)
    private static func tail(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
        if count >= 4 {
            let first = unsafe bytes.loadUnaligned(as: UInt32.self)
            let last = unsafe bytes.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            return UInt64(first) | UInt64(last) << 32
        }
        if count == 0 { return 0 }
        let first = unsafe UInt64(bytes.load(as: UInt8.self))
        let middle = unsafe UInt64(bytes.load(fromByteOffset: count >> 1, as: UInt8.self))
        let last = unsafe UInt64(bytes.load(fromByteOffset: count &- 1, as: UInt8.self))
        return first | middle << 8 | last << 16
    }

    @inline(__always)
    private static func fold(_ hash: UInt64, _ word: UInt64, _ secrets: (key: UInt64, factor: UInt64)) -> UInt64 {
        let product = (hash ^ word ^ secrets.key).multipliedFullWidth(by: secrets.factor)
        return product.high ^ product.low
    }
}

@inline(__always)
func sameBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard let first = a.baseAddress, let second = b.baseAddress else { return true }
    return unsafe sameBytes(first, second, count: a.count)
}

/// Compares eight bytes at a time; the last eight may be looked at twice.
@inline(__always)
func sameBytes(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, count: Int) -> Bool {
    @inline(__always) func same<T: FixedWidthInteger>(_ type: T.Type, _ offset: Int) -> Bool {
        unsafe a.loadUnaligned(fromByteOffset: offset, as: type) == b.loadUnaligned(fromByteOffset: offset, as: type)
    }
    if count >= 8 {
        var offset = 0
        while offset &+ 8 <= count {
            if !same(UInt64.self, offset) { return false }
            offset &+= 8
        }
        return same(UInt64.self, count &- 8)
    }
    if count >= 4 { return same(UInt32.self, 0) && same(UInt32.self, count &- 4) }
    for offset in 0..<count where !same(UInt8.self, offset) { return false }
    return true
}
