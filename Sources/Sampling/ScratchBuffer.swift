/// Memory that grows and is used again: no allocation once it is large enough.
@safe final class ScratchBuffer<Element: BitwiseCopyable> {
    /// Uninitialised beyond what was written; moves when the buffer grows.
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var capacity: Int

    init(capacity: Int = 0) {
        self.capacity = max(capacity, 1)
        unsafe base = .allocate(capacity: self.capacity)
    }

    deinit { unsafe base.deallocate() }

    /// Makes room for `count` elements; the first `kept` stay as they are.
    func reserve(_ count: Int, keeping kept: Int = 0) {
        guard count > capacity else { return }
        let larger = max(count, capacity + capacity / 2)
        let grown = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        unsafe grown.update(from: base, count: kept)
        unsafe base.deallocate()
        unsafe base = grown
        capacity = larger
    }
}

/// The smallest power of two that is at least `count` and at least 16.
func powerOfTwo(atLeast count: Int) -> Int {
    1 << max(4, Int.bitWidth - (max(count, 1) - 1).leadingZeroBitCount)
}
