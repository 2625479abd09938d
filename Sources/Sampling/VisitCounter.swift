/// Counts visits by key, which stands for a pin, and picks the most visited: an open-addressing table, emptied as it is
/// read.
///
/// A slot holds `visits << 32 | key`, 0 when it is free: a key in the table has at least one visit.
@safe package final class VisitCounter {
    /// Most visits between two selections.
    package let visitsMax: Int
    /// Different keys counted since the last selection.
    package private(set) var distinctCount = 0
    private let slots: UnsafeMutablePointer<UInt64>
    private let slotCount: Int
    /// The slots in use, in order of first visit.
    private let used: UnsafeMutablePointer<UInt32>
    /// What is chosen from: `visits << 32 | ~key` of each, then the chosen ones.
    private let ranks: UnsafeMutablePointer<UInt64>
    /// Keys with one visit, then those that have as many as the last chosen one.
    private let ties: UnsafeMutablePointer<UInt64>
    /// How many have so many visits, twice.
    private let bins: UnsafeMutablePointer<UInt32>
    private let top: Int

    /// Visits that are told apart when the threshold is found; more are alike there, and compared in full.
    private static let levels = 64

    /// - Parameters:
    ///   - visitsMax: most visits between two selections; the table has at least six slots for each: 4,096 for 500.
    ///   - distinctMax: most different keys among them.
    ///   - top: keys that a selection gives, at most.
    package init(visitsMax: Int, distinctMax: Int, top: Int) {
        self.visitsMax = visitsMax
        self.top = top
        let distinctMax = min(distinctMax, visitsMax)
        slotCount = powerOfTwo(atLeast: 6 * distinctMax)
        precondition(slotCount <= 1 << 32, "VisitCounter: \(distinctMax) different keys")
        unsafe slots = .allocate(capacity: slotCount)
        unsafe slots.initialize(repeating: 0, count: slotCount)
        // One more than can be in use: counting writes ahead.
        unsafe used = .allocate(capacity: distinctMax + 1)
        unsafe ranks = .allocate(capacity: distinctMax + 1)
        unsafe ties = .allocate(capacity: distinctMax + 1)
        unsafe bins = .allocate(capacity: 2 * Self.levels)
    }

    deinit {
        unsafe slots.deallocate()
        unsafe used.deallocate()
        unsafe ranks.deallocate()
        unsafe ties.deallocate()
        unsafe bins.deallocate()
    }

    /// Counts a (rows × columns) block of visits whose rows are `stride` apart.
    package func add(_ visits: UnsafePointer<UInt32>, rows: Int, columns: Int, stride: Int) {
        distinctCount = unsafe Self.add(
            visits, rows: rows, columns: columns, stride: stride, slots: slots, mask: slotCount - 1, used: used,
            usedCount: distinctCount)
    }

    /// Writes the most visited keys and their visits, most visits first, the smaller key first among equals; and
    /// empties the table.
    ///
    /// - Parameters:
    ///   - origin: left out.
    ///   - keys, visits: room for `top`.
    /// - Returns: how many were written: at most `top`.
    package func takeTop(
        except origin: UInt32, keys: UnsafeMutablePointer<UInt32>, visits: UnsafeMutablePointer<Int32>
    ) -> Int {
        // As if it had not been visited; where it was not, the slot is free and stays so.
        unsafe slots[Self.slot(of: origin, slots, mask: slotCount - 1)] &= 0xFFFF_FFFF
        let (several, single) = unsafe Self.take(slots, used, distinctCount, into: ranks, ties)
        distinctCount = 0
        let kept =
            unsafe several > top
            ? Self.select(ranks, several, top: top, ties, bins)
            : several + Self.moveLargest(ties, single, wanted: top - several, to: ranks + several)
        unsafe Self.write(ranks, kept, keys: keys, visits: visits)
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
                let key = unsafe row[column]
                let slot = unsafe slot(of: key, slots, mask: mask)
                let entry = unsafe slots[slot]
                unsafe slots[slot] = (entry | UInt64(key)) &+ 1 << 32
                unsafe used[usedCount] = UInt32(truncatingIfNeeded: slot)
                usedCount &+= 1 &- isNonzero(entry.highHalf)
            }
            unsafe row += stride
        }
        return usedCount
    }

    /// The slot that has a key, or that it would get.
    @inline(__always)
    @unsafe private static func slot(of key: UInt32, _ slots: UnsafePointer<UInt64>, mask: Int) -> Int {
        var slot = hash(key) & mask
        var entry = unsafe slots[slot]
        // The only branch, and rare: a sixth of the slots is taken at most. One condition, since whether a slot is free
        // is anyone's guess.
        while (entry.lowHalf ^ key) & isTaken(entry) != 0 {
            slot = (slot &+ 1) & mask
            entry = unsafe slots[slot]
        }
        return slot
    }

    /// Moves `visits << 32 | ~key` of every key that has visits from the table, which is empty then; apart those that
    /// have one, which are most and seldom among the top.
    @unsafe private static func take(
        _ slots: UnsafeMutablePointer<UInt64>, _ used: UnsafePointer<UInt32>, _ usedCount: Int,
        into ranks: UnsafeMutablePointer<UInt64>, _ singles: UnsafeMutablePointer<UInt64>
    ) -> (several: Int, single: Int) {
        var (several, single) = (0, 0)
        for i in 0..<usedCount {
            let slot = unsafe Int(used[i])
            let entry = unsafe slots[slot]
            unsafe slots[slot] = 0
            unsafe ranks[several] = entry ^ 0xFFFF_FFFF
            unsafe singles[single] = entry ^ 0xFFFF_FFFF
            let visits = Int(entry.highHalf)
            several &+= isBelow(1, visits)
            single &+= isBelow(0, visits) &- isBelow(1, visits)
        }
        return (several, single)
    }

    /// Puts the `top` largest of `ranks`, of which there are more, at its start: all that have more visits than a
    /// threshold, and of those that have just as many the smallest keys.
    ///
    /// - Parameter ties: room for `count`.
    @unsafe private static func select(
        _ ranks: UnsafeMutablePointer<UInt64>, _ count: Int, top: Int, _ ties: UnsafeMutablePointer<UInt64>,
        _ bins: UnsafeMutablePointer<UInt32>
    ) -> Int {
        if top == 0 { return 0 }
        let threshold = unsafe threshold(ranks, count, top: top, bins)
        var (front, tieCount) = (0, 0)
        for i in 0..<count {
            let rank = unsafe ranks[i]
            let level = level(of: rank)
            unsafe ranks[front] = rank
            unsafe ties[tieCount] = rank
            front &+= isBelow(threshold, level)
            tieCount &+= 1 &- isBelow(threshold, level) &- isBelow(level, threshold)
        }
        return unsafe front + moveLargest(ties, tieCount, wanted: top - front, to: ranks + front)
    }

    /// Moves the largest elsewhere, as many as there are, at most `wanted`; returns how many.
    @unsafe private static func moveLargest(
        _ ranks: UnsafeMutablePointer<UInt64>, _ count: Int, wanted: Int, to target: UnsafeMutablePointer<UInt64>
    ) -> Int {
        let kept = min(count, wanted)
        if kept < count, kept > 0 {
            unsafe makeHeap(ranks, kept)
            for i in kept..<count where unsafe ranks[i] > ranks[0] { unsafe siftDown(ranks, kept, ranks[i], from: 0) }
        }
        unsafe target.update(from: ranks, count: kept)
        return kept
    }

    /// The visits that the last of the `top` most visited has, `levels − 1` standing for more too.
    @unsafe private static func threshold(
        _ ranks: UnsafePointer<UInt64>, _ count: Int, top: Int, _ bins: UnsafeMutablePointer<UInt32>
    ) -> Int {
        unsafe bins.initialize(repeating: 0, count: 2 * levels)
        // Two sets of bins: most have few visits, and an increment waits for the one before it in the same bin.
        for i in 0..<count { unsafe bins[level(of: ranks[i]) &+ (i & 1) &* levels] &+= 1 }
        var (level, left) = (1, count)
        while true {
            left -= unsafe Int(bins[level] &+ bins[level &+ levels])
            if left < top { return level }
            level += 1
        }
    }

    @inline(__always)
    private static func level(of rank: UInt64) -> Int { min(Int(rank.highHalf), levels &- 1) }

    /// Writes keys and visits, the largest rank first.
    @unsafe private static func write(
        _ ranks: UnsafeMutablePointer<UInt64>, _ count: Int, keys: UnsafeMutablePointer<UInt32>,
        visits: UnsafeMutablePointer<Int32>
    ) {
        // The place of one of few is sooner counted than found by sorting.
        let areFew = count <= 64
        if !areFew { unsafe heapSort(ranks, count) }
        for i in 0..<count {
            let rank = unsafe ranks[i]
            let place = unsafe areFew ? largerCount(than: rank, ranks, count) : i
            unsafe keys[place] = ~rank.lowHalf
            unsafe visits[place] = Int32(bitPattern: rank.highHalf)
        }
    }

    @inline(__always)
    @unsafe private static func largerCount(than rank: UInt64, _ ranks: UnsafePointer<UInt64>, _ count: Int) -> Int {
        var larger = 0
        for i in 0..<count { unsafe larger &+= isBelow(Int(bitPattern: UInt(rank)), Int(bitPattern: UInt(ranks[i]))) }
        return larger
    }

    /// Sorts, the largest first.
    @unsafe private static func heapSort(_ ranks: UnsafeMutablePointer<UInt64>, _ count: Int) {
        unsafe makeHeap(ranks, count)
        var last = count &- 1
        while last > 0 {
            let smallest = unsafe ranks[0]
            unsafe siftDown(ranks, last, ranks[last], from: 0)
            unsafe ranks[last] = smallest
            last &-= 1
        }
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

    /// 1, or 0 for 0, in arithmetic: of a condition the compiler makes a branch.
    @inline(__always)
    private static func isNonzero(_ value: UInt32) -> Int {
        Int(truncatingIfNeeded: (UInt64(value) &+ 0xFFFF_FFFF) >> 32)
    }

    /// 1 where a < b, else 0, likewise; neither is negative.
    @inline(__always)
    private static func isBelow(_ a: Int, _ b: Int) -> Int { Int(bitPattern: UInt(bitPattern: a &- b) >> 63) }

    /// All bits where a slot is taken, none where it is free.
    @inline(__always)
    private static func isTaken(_ entry: UInt64) -> UInt32 { (0 &- UInt64(entry.highHalf)).highHalf }

    /// Multiplicative hashing; the upper bits of the product are the well-mixed ones.
    @inline(__always)
    private static func hash(_ key: UInt32) -> Int {
        Int(truncatingIfNeeded: (UInt64(key) &* WalkRandomness.golden) >> 32)
    }
}
