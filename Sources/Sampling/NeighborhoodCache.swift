import CPlatform

/// Neighbourhoods that were walked in this window: a set-associative table in one block of memory that never grows.
///
/// Those of another window are not found, and are the first to be replaced; then one that the pin chooses. What is found
/// is what was put in, so a cache changes no bit. Not for sharing between threads.
///
/// A set is eight keys, one cache line, `generation << 32 | pin`; then come the lists of all sets: a count, `top` pins,
/// `top` visits.
@safe package final class NeighborhoodCache {
    private static let ways = 8

    /// Lists that there is room for.
    package let capacity: Int
    /// Of the whole block.
    package let byteCount: Int
    private let setCount: Int
    private let top: Int
    private let listBytes: Int
    private let keys: UnsafeMutablePointer<UInt64>
    private let lists: UnsafeMutableRawPointer
    /// Counts windows; 0 is no window's.
    private var generation: UInt64 = 0
    private var current: (window: UInt64, hidden: HiddenBoards)?

    /// - Parameters:
    ///   - byteCountMax: bound on the block. With less than a set needs nothing is kept.
    ///   - pinCount: of the graph; there is no more room than for that many, and what unequal sets cost.
    package init(byteCountMax: Int, top: Int, pinCount: Int) {
        self.top = top
        listBytes = 8 + 8 * top
        let setBytes = Self.ways * (8 + listBytes)
        setCount = min(byteCountMax / setBytes, pinCount / 4 + 1)
        capacity = setCount * Self.ways
        byteCount = setCount * setBytes
        let block = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
        unsafe keys = block.bindMemory(to: UInt64.self, capacity: capacity)
        unsafe keys.initialize(repeating: 0, count: capacity)
        unsafe lists = block + 8 * capacity
    }

    deinit { unsafe UnsafeMutableRawPointer(keys).deallocate() }

    /// Forgets everything unless these are the window and hidden boards of the call before.
    package func begin(window: UInt64, hiding hidden: HiddenBoards) {
        if let current, current.window == window, current.hidden == hidden { return }
        current = (window, hidden)
        generation += 1
        if generation > UInt64(UInt32.max) {
            generation = 1
            unsafe keys.update(repeating: 0, count: capacity)
        }
    }

    /// Asks for the set of a pin that will be looked up.
    func prefetch(_ pin: UInt32) { unsafe platform_prefetch(keys + set(of: pin) * Self.ways) }

    /// Where the list of a pin is, and asks for its memory; nil where it is not.
    package func find(_ pin: UInt32) -> Int? {
        guard setCount > 0 else { return nil }
        let first = set(of: pin) * Self.ways
        let key = generation << 32 | UInt64(pin)
        for place in first..<first + Self.ways where unsafe keys[place] == key {
            let list = unsafe lists + place * listBytes
            for line in stride(from: 0, to: listBytes, by: 64) { unsafe platform_prefetch_l2(list + line) }
            return place
        }
        return nil
    }

    /// Writes the list at a place that `find` gave, nothing having been put in since.
    ///
    /// - Returns: its length, at most `top`.
    package func copy(
        _ place: Int, pins: UnsafeMutablePointer<UInt32>, visits: UnsafeMutablePointer<Int32>
    ) -> Int {
        let list = unsafe lists + place * listBytes
        let count = unsafe list.load(as: Int.self)
        unsafe UnsafeMutableRawPointer(pins).copyMemory(from: list + 8, byteCount: 4 * count)
        unsafe UnsafeMutableRawPointer(visits).copyMemory(from: list + 8 + 4 * top, byteCount: 4 * count)
        return count
    }

    /// Puts in the list of a pin, which is not there.
    ///
    /// - Precondition: count ≤ `top`.
    package func insert(_ pin: UInt32, pins: UnsafePointer<UInt32>, visits: UnsafePointer<Int32>, count: Int) {
        precondition(count <= top, "NeighborhoodCache: a list of \(count) where \(top) fit")
        guard setCount > 0 else { return }
        let first = set(of: pin) * Self.ways
        var place = first + Int(truncatingIfNeeded: Self.hash(pin) & UInt64(Self.ways - 1))
        for candidate in first..<first + Self.ways where unsafe keys[candidate] >> 32 != generation {
            place = candidate
            break
        }
        unsafe keys[place] = generation << 32 | UInt64(pin)
        let list = unsafe lists + place * listBytes
        unsafe list.storeBytes(of: count, as: Int.self)
        unsafe (list + 8).copyMemory(from: pins, byteCount: 4 * count)
        unsafe (list + 8 + 4 * top).copyMemory(from: visits, byteCount: 4 * count)
    }

    /// Multiplicative hashing: the upper half of the product picks the set, low bits of it the way.
    private func set(of pin: UInt32) -> Int {
        Int(truncatingIfNeeded: ((Self.hash(pin) & 0xFFFF_FFFF) &* UInt64(setCount)) >> 32)
    }

    private static func hash(_ pin: UInt32) -> UInt64 { (UInt64(pin) &* WalkRandomness.golden) >> 32 }
}
