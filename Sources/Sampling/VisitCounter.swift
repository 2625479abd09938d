/// Counts visited pins and picks the most visited: an open-addressing table, emptied as it is read.
///
/// A slot holds `visits << 32 | pin`, 0 when it is free: a pin in the table has at least one visit.
@safe package final class VisitCounter {
    /// Most visits between two selections.
    package let visitsMax: Int
    /// Different pins counted since the last selection.
    package private(set) var distinctCount = 0
    private let slots: UnsafeMutablePointer<UInt64>
    private let slotCount: Int
    /// The slots in use, in order of first visit.
    private let used: UnsafeMutablePointer<UInt32>
    private let heap: UnsafeMutablePointer<UInt64>
    private let top: Int

    /// - Parameters:
    ///   - visitsMax: most visits between two selections; the table has at least three slots for each: 2,048 for 500.
    ///   - distinctMax: most different pins among them.
    ///   - top: pins that a selection gives, at most.
    package init(visitsMax: Int, distinctMax: Int, top: Int) {
        self.visitsMax = visitsMax
        self.top = top
        let distinctMax = min(distinctMax, visitsMax)
        slotCount = powerOfTwo(atLeast: 3 * distinctMax)
        precondition(slotCount <= 1 << 32, "VisitCounter: \(distinctMax) different pins")
        unsafe slots = .allocate(capacity: slotCount)
        unsafe slots.initialize(repeating: 0, count: slotCount)
        unsafe used = .allocate(capacity: max(distinctMax, 1))
        unsafe heap = .allocate(capacity: max(top, 1))
    }

    deinit {
        unsafe slots.deallocate()
        unsafe used.deallocate()
        unsafe heap.deallocate()
    }

    /// Counts a (rows × columns) block of visits whose rows are `stride` apart.
    package func add(_ visits: UnsafePointer<UInt32>, rows: Int, columns: Int, stride: Int) {
        distinctCount = unsafe Self.add(
            visits, rows: rows, columns: columns, stride: stride, slots: slots, mask: slotCount - 1, used: used,
            usedCount: distinctCount)
    }

    /// Writes the most visited pins and their visits, most visits first, the smaller pin first among equals; and
    /// empties the table.
    ///
    /// - Parameters:
    ///   - origin: left out.
    ///   - pins, visits: room for `top`.
    /// - Returns: how many were written: at most `top`.
    package func takeTop(
        except origin: UInt32, pins: UnsafeMutablePointer<UInt32>, visits: UnsafeMutablePointer<Int32>
    ) -> Int {
        let kept = unsafe Self.select(slots, used, distinctCount, except: origin, top: top, heap: heap)
        distinctCount = 0
        for i in 0..<kept {
            unsafe pins[i] = ~heap[i].lowHalf
            unsafe visits[i] = Int32(bitPattern: heap[i].highHalf)
        }
        return kept
    }

    @unsafe private static func add(
        _ visits: UnsafePointer<UInt32>, rows: Int, columns: Int, stride: Int, slots: UnsafeMutablePointer<UInt64>,
        mask: Int, used: UnsafeMutablePointer<UInt32>, usedCount: Int
    ) -> Int {
        var usedCount = usedCount
        var row = unsafe visits
        for _ in 0..<rows {
            for column in 0..<columns {
                let pin = unsafe row[column]
                var slot = hash(pin) & mask
                while true {
                    let entry = unsafe slots[slot]
                    if entry == 0 {
                        unsafe slots[slot] = 1 << 32 | UInt64(pin)
                        unsafe used[usedCount] = UInt32(truncatingIfNeeded: slot)
                        usedCount &+= 1
                        break
                    }
                    if entry.lowHalf == pin {
                        unsafe slots[slot] = entry &+ 1 << 32
                        break
                    }
                    slot = (slot &+ 1) & mask
                }
            }
            unsafe row += stride
        }
        return usedCount
    }

    /// Keeps the `top` largest of `visits << 32 | ~pin` in a heap with the smallest at its root, then sorts them.
    @unsafe private static func select(
        _ slots: UnsafeMutablePointer<UInt64>, _ used: UnsafePointer<UInt32>, _ usedCount: Int, except origin: UInt32,
        top: Int, heap: UnsafeMutablePointer<UInt64>
    ) -> Int {
        var kept = 0
        for i in 0..<usedCount {
            let slot = unsafe Int(used[i])
            let entry = unsafe slots[slot]
            unsafe slots[slot] = 0
            if entry.lowHalf == origin { continue }
            let rank = entry ^ 0xFFFF_FFFF
            if kept < top {
                unsafe heap[kept] = rank
                kept &+= 1
                if kept == top { unsafe makeHeap(heap, kept) }
            } else if unsafe rank > heap[0] {
                unsafe siftDown(heap, kept, rank, from: 0)
            }
        }
        if kept < top { unsafe makeHeap(heap, kept) }
        var last = kept &- 1
        while last > 0 {
            let smallest = unsafe heap[0]
            unsafe siftDown(heap, last, heap[last], from: 0)
            unsafe heap[last] = smallest
            last &-= 1
        }
        return kept
    }

    @unsafe private static func makeHeap(_ heap: UnsafeMutablePointer<UInt64>, _ count: Int) {
        for i in stride(from: count / 2 - 1, through: 0, by: -1) { unsafe siftDown(heap, count, heap[i], from: i) }
    }

    /// Puts `value` at `hole` or below, where no child is smaller.
    @inline(__always)
    @unsafe private static func siftDown(
        _ heap: UnsafeMutablePointer<UInt64>, _ count: Int, _ value: UInt64, from hole: Int
    ) {
        var hole = hole
        while true {
            var child = 2 &* hole &+ 1
            if child >= count { break }
            if child &+ 1 < count, unsafe heap[child &+ 1] < heap[child] { child &+= 1 }
            if unsafe heap[child] >= value { break }
            unsafe heap[hole] = unsafe heap[child]
            hole = child
        }
        unsafe heap[hole] = value
    }

    /// Multiplicative hashing; the upper bits of the product are the well-mixed ones.
    @inline(__always)
    private static func hash(_ pin: UInt32) -> Int {
        Int(truncatingIfNeeded: (UInt64(pin) &* WalkRandomness.golden) >> 32)
    }
}
