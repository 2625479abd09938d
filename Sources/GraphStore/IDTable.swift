import Artifacts
import CPlatform

/// Ids in order of first appearance: row ↔ bytes.
///
/// All ids lie in one block, each followed by a line feed: the bytes of `pins.txt`. Memory: those, 4 bytes a row for
/// where it starts, and 11 to 22 for the index.
package final class IDTable: @unchecked Sendable {
    private var text = ZeroedMemory(byteCount: 1 << 16)
    private var textBytes = 0
    /// Starts of rows (count + 1) in `text`, from that of the first row of their group on, and those of groups.
    private var starts = ZeroedMemory(byteCount: 1 << 12)
    private var groupStarts = ZeroedMemory(byteCount: 1 << 12)
    private let countMax: Int
    package private(set) var index = IDIndex()
    package private(set) var count = 0

    /// Rows of a group: with the longest of ids a group's bytes still have 32 bits.
    private static let groupShift = 10

    /// - Parameter countMax: ids that there is room for.
    package init(countMax: Int = IDIndex.rowsMax) {
        self.countMax = countMax
    }

    /// The row of an id; a new one gets the next row.
    /// - Returns: nil for a new id when the table holds `countMax`.
    package func insert(_ id: UnsafeRawBufferPointer) -> (row: UInt32, isNew: Bool)? {
        unsafe insert(id, hash: IDHash.hash(id))
    }

    func insert(_ id: UnsafeRawBufferPointer, hash: UInt64) -> (row: UInt32, isNew: Bool)? {
        if let row = unsafe row(of: id, hash: hash) { return (row, false) }
        guard count < countMax else { return nil }
        let row = UInt32(count)
        unsafe append(id)
        if index.isFull {
            growIndex()
        } else {
            index.insert(row, hash: hash)
        }
        return (row, true)
    }

    private func append(_ id: UnsafeRawBufferPointer) {
        text.grow(to: textBytes + id.count + 1)
        if let source = id.baseAddress { unsafe (text.base + textBytes).copyMemory(from: source, byteCount: id.count) }
        unsafe (text.base + textBytes + id.count).storeBytes(of: UInt8(ascii: "\n"), as: UInt8.self)
        textBytes += id.count + 1
        count += 1
        let group = count >> Self.groupShift
        groupStarts.grow(to: (group + 1) * 8)
        starts.grow(to: (count + 1) * 4)
        let groups = unsafe groupStarts.base.assumingMemoryBound(to: Int.self)
        if count & (1 << Self.groupShift - 1) == 0 { unsafe groups[group] = textBytes }
        unsafe starts.base.assumingMemoryBound(to: UInt32.self)[count] = UInt32(textBytes - groups[group])
    }

    /// Twice the room, with every row: the last one too, which the index that is full has not.
    private func growIndex() {
        let larger = IDIndex(expectedCount: 2 * (count - 1))
        let rows = view
        // A few at a time, so that their slots come together.
        let batch = 64
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: batch) { hashes in
            for first in stride(from: 0, to: count, by: batch) {
                let rowsNow = first..<min(first + batch, count)
                for row in rowsNow {
                    let hash = unsafe IDHash.hash(rows.bytes(UInt32(row)))
                    unsafe hashes[row - first] = hash
                    larger.prefetch(hash: hash)
                }
                for row in rowsNow { unsafe larger.insert(UInt32(row), hash: hashes[row - first]) }
            }
        }
        index = larger
    }

    /// Bytes of memory with `more` ids of `moreBytes` together, while the index grows if it must.
    func byteCount(more: Int, moreBytes: Int) -> Int {
        let (now, then) = (index.byteCount, IDIndex.byteCount(min(count + more, countMax)))
        return textBytes + moreBytes + 4 * (count + more) + (then > now ? now + then : now)
    }

    /// The ids of some rows, in that order.
    func selecting(_ rows: some Sequence<UInt32>) -> IDTable {
        let selected = IDTable()
        for row in rows { _ = unsafe selected.insert(view.bytes(row)) }
        return selected
    }

    package func row(of id: UnsafeRawBufferPointer) -> UInt32? { unsafe row(of: id, hash: IDHash.hash(id)) }

    @inline(__always)
    func row(of id: UnsafeRawBufferPointer, hash: UInt64) -> UInt32? {
        let rows = view
        return index.row(hash: hash) { row in unsafe sameBytes(rows.bytes(row), id) }
    }

    /// The id of a row, as text.
    func id(_ row: UInt32) -> String { unsafe String(decoding: view.bytes(row), as: UTF8.self) }

    /// Writes one id a line, in row order.
    func write(to path: String) throws {
        try AtomicReplace.write(to: path) { writer in
            try unsafe writer.write(UnsafeRawBufferPointer(start: text.base, count: textBytes))
        }
    }

    /// Gives the memory back, whoever still holds on to the table.
    func removeAll() {
        (text, textBytes) = (ZeroedMemory(byteCount: 1 << 16), 0)
        (starts, groupStarts) = (ZeroedMemory(byteCount: 1 << 12), ZeroedMemory(byteCount: 1 << 12))
        (index, count) = (IDIndex(), 0)
    }

    var view: View { unsafe View(text: text.base, starts: starts.base, groupStarts: groupStarts.base) }

    /// Where the rows' bytes are, until the next insertion.
    @safe struct View {
        private let text: UnsafeRawPointer
        private let starts: UnsafePointer<UInt32>
        private let groupStarts: UnsafePointer<Int>

        fileprivate init(
            text: UnsafeRawPointer, starts: UnsafeRawPointer, groupStarts: UnsafeRawPointer
        ) {
            unsafe self.text = text
            unsafe self.starts = starts.assumingMemoryBound(to: UInt32.self)
            unsafe self.groupStarts = groupStarts.assumingMemoryBound(to: Int.self)
        }

        @inline(__always)
        func start(_ row: Int) -> Int {
            unsafe groupStarts[row &>> IDTable.groupShift] &+ Int(starts[row])
        }

        @inline(__always)
        func bytes(_ row: UInt32) -> UnsafeRawBufferPointer {
            let begin = start(Int(row))
            return unsafe UnsafeRawBufferPointer(start: text + begin, count: start(Int(row) &+ 1) &- begin &- 1)
        }

        /// Ask for the cache lines of a row's start and of its bytes.
        @inline(__always) func prefetchStart(_ row: UInt32) { unsafe platform_prefetch(starts + Int(row)) }
        @inline(__always) func prefetchBytes(_ row: UInt32) { unsafe platform_prefetch(text + start(Int(row))) }
    }
}
