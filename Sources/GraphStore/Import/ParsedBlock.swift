import CPlatform

/// What one thread makes of a block of lines: edges, as far as their ids have rows, and the ids that do not.
///
/// It never says what is wrong with a line: where something may be, `isSuspect`, and `EdgeFile` reads the block line by
/// line.
@safe final class ParsedBlock: @unchecked Sendable {
    /// An id without a row.
    struct NewID {
        /// Whose edge it is an end of, as an index.
        let edge: UInt32
        let start: UInt32
        let count: UInt32
        let hash: UInt64
    }

    /// One end of a batch of edges.
    @safe fileprivate struct Ends {
        let starts: UnsafeMutablePointer<UInt32>
        let counts: UnsafeMutablePointer<UInt32>
        let hashes: UnsafeMutablePointer<UInt64>
        /// Rows that may be theirs, plus 1; 0: none.
        let candidates: UnsafeMutablePointer<UInt32>

        init() {
            unsafe starts = .allocate(capacity: ParsedBlock.batch)
            unsafe counts = .allocate(capacity: ParsedBlock.batch)
            unsafe hashes = .allocate(capacity: ParsedBlock.batch)
            unsafe candidates = .allocate(capacity: ParsedBlock.batch)
        }

        func deallocate() {
            unsafe starts.deallocate()
            unsafe counts.deallocate()
            unsafe hashes.deallocate()
            unsafe candidates.deallocate()
        }
    }

    private(set) var newPins: [NewID] = []
    private(set) var newBoards: [NewID] = []
    private(set) var isSuspect = false
    private(set) var edgeCount = 0
    /// Row of the board, row of the pin, edge after edge: as 64-bit numbers, the pin in the upper half.
    private let ends = ZeroedMemory(byteCount: TextBlock.byteCountMax / 4 * 8 + 8)
    private let pinEnds = Ends()
    private let boardEnds = Ends()

    /// Edges whose cache lines are asked for before the first is looked at.
    fileprivate static let batch = 128

    deinit {
        pinEnds.deallocate()
        boardEnds.deallocate()
    }

    /// The edges; whole when the new ids have got rows.
    var edges: UnsafeBufferPointer<UInt64> {
        unsafe UnsafeBufferPointer(start: ends.base.assumingMemoryBound(to: UInt64.self), count: edgeCount)
    }

    /// Rows of boards from 0 on, those of pins from 1 on, each second one.
    private var halves: UnsafeMutablePointer<UInt32> { unsafe ends.base.assumingMemoryBound(to: UInt32.self) }

    /// Reads the lines of a block. Tables may not change meanwhile.
    func parse(_ block: TextBlock, isFirst: Bool, pins: IDTable, boards: IDTable) {
        newPins.removeAll(keepingCapacity: true)
        newBoards.removeAll(keepingCapacity: true)
        edgeCount = 0
        let text = unsafe block.text
        isSuspect = unsafe isFirst && text.starts(with: LinePlace.byteOrderMark)
        guard let start = text.baseAddress else { return }
        var position = 0
        while position < text.count, !isSuspect {
            let count = unsafe split(start, text.count, &position, pins.index, boards.index)
            unsafe look(start, pinEnds, count, in: pins, half: 1, &newPins)
            unsafe look(start, boardEnds, count, in: boards, half: 0, &newBoards)
            edgeCount += count
        }
        withExtendedLifetime(block) {}
    }

    /// Gives the new ids of one end rows, in order; false when there is no row left.
    func number(_ block: TextBlock, in table: IDTable, isPin: Bool) -> Bool {
        let (new, halves) = unsafe (isPin ? newPins : newBoards, halves)
        guard let text = unsafe block.text.baseAddress else { return true }
        let ahead = 16
        for i in new.indices {
            if i + ahead < new.count { table.index.prefetch(hash: new[i + ahead].hash) }
            let id = unsafe UnsafeRawBufferPointer(start: text + Int(new[i].start), count: Int(new[i].count))
            guard let (row, _) = unsafe table.insert(id, hash: new[i].hash) else { return false }
            unsafe halves[2 * Int(new[i].edge) + (isPin ? 1 : 0)] = row
        }
        return withExtendedLifetime(block) { true }
    }

    /// Splits up to a batch of lines into their ids, from `position` on.
    /// - Returns: how many; `isSuspect` when the next is not a pin, a tab, a board and a line feed.
    private func split(
        _ text: UnsafeRawPointer, _ byteCount: Int, _ position: inout Int, _ pins: IDIndex, _ boards: IDIndex
    ) -> Int {
        let (pinEnds, boardEnds, secrets) = (pinEnds, boardEnds, IDHash.secrets)
        var (line, count) = (position, 0)
        while count < Self.batch, line < byteCount {
            let tab = unsafe Self.control(text, from: line)
            guard tab > line, unsafe text.load(fromByteOffset: tab, as: UInt8.self) == UInt8(ascii: "\t") else { break }
            let end = unsafe Self.control(text, from: tab &+ 1)
            guard end > tab &+ 1, end < byteCount, end &- line < LinePlace.bytesMax,
                unsafe text.load(fromByteOffset: end, as: UInt8.self) == UInt8(ascii: "\n")
            else { break }
            unsafe Self.note(pinEnds, count, text, line, tab &- line, secrets, pins)
            unsafe Self.note(boardEnds, count, text, tab &+ 1, end &- tab &- 1, secrets, boards)
            line = end &+ 1
            count &+= 1
        }
        if count < Self.batch, line < byteCount { isSuspect = true }
        position = line
        return count
    }

    @inline(__always)
    private static func note(
        _ ends: Ends, _ i: Int, _ text: UnsafeRawPointer, _ start: Int, _ count: Int,
        _ secrets: (key: UInt64, factor: UInt64), _ index: IDIndex
    ) {
        let hash = unsafe IDHash.hash(text + start, count, secrets)
        unsafe ends.starts[i] = UInt32(truncatingIfNeeded: start)
        unsafe ends.counts[i] = UInt32(truncatingIfNeeded: count)
        unsafe ends.hashes[i] = hash
        index.prefetch(hash: hash)
    }

    /// The first byte below 14, of which tab, line feed, carriage return and zero are four: an id has none of those
    /// four, and whoever has one of the other ten is read line by line. The text ends in a line feed, with eight bytes
    /// behind it.
    @inline(__always)
    private static func control(_ text: UnsafeRawPointer, from start: Int) -> Int {
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        var position = start
        while true {
            let word = unsafe UInt64(littleEndian: text.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            // The lowest bit that is set is right; only those above it may be wrong.
            let below = (word &- ones &* 14) & ~word & highs
            if below != 0 { return position &+ below.trailingZeroBitCount &>> 3 }
            position &+= 8
        }
    }

    /// Looks a batch up, one step for all before the next: slot, start of the row, bytes of the row.
    private func look(
        _ text: UnsafeRawPointer, _ ends: Ends, _ count: Int, in table: IDTable, half: Int, _ new: inout [NewID]
    ) {
        let (rows, mask) = (table.view, table.index.mask)
        let slots = unsafe table.index.slots.base.assumingMemoryBound(to: UInt64.self)
        for i in 0..<count {
            let hash = unsafe ends.hashes[i]
            var slot = Int(truncatingIfNeeded: hash) & mask
            while case let entry = unsafe slots[slot], entry != 0, entry &>> 32 != hash &>> 32 {
                slot = (slot &+ 1) & mask
            }
            let candidate = unsafe UInt32(truncatingIfNeeded: slots[slot])
            unsafe ends.candidates[i] = candidate
            if candidate != 0 { rows.prefetchStart(candidate &- 1) }
        }
        for i in 0..<count where unsafe ends.candidates[i] != 0 { unsafe rows.prefetchBytes(ends.candidates[i] &- 1) }
        let out = unsafe halves + (2 * edgeCount + half)
        for i in 0..<count {
            let (start, length) = unsafe (Int(ends.starts[i]), Int(ends.counts[i]))
            let id = unsafe UnsafeRawBufferPointer(start: text + start, count: length)
            let candidate = unsafe ends.candidates[i]
            if candidate != 0, unsafe sameBytes(rows.bytes(candidate &- 1), id) {
                unsafe out[2 &* i] = candidate &- 1
            } else if candidate != 0, let row = unsafe table.row(of: id, hash: ends.hashes[i]) {
                unsafe out[2 &* i] = row
            } else {
                if unsafe !isText(id) { isSuspect = true }
                unsafe new.append(
                    NewID(
                        edge: UInt32(edgeCount + i), start: ends.starts[i], count: ends.counts[i], hash: ends.hashes[i]
                    ))
            }
        }
        withExtendedLifetime(table) {}
    }
}
