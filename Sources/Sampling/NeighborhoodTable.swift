import Configuration

/// Neighbourhoods as compressed rows: list `i` is entries `offsets[i] ..< offsets[i + 1]`, most visited pin first.
///
/// Lists are appended; memory is kept when the table is emptied. Not for sharing between threads.
@safe public final class NeighborhoodTable {
    /// Lists in the table.
    public private(set) var count = 0
    /// Entries of all lists.
    public private(set) var entryCount = 0
    private let offsetBuffer = ScratchBuffer<Int32>(capacity: 1)
    private let pinBuffer = ScratchBuffer<UInt32>()
    private let visitBuffer = ScratchBuffer<Int32>()

    public init() { unsafe offsetBuffer.base[0] = 0 }

    /// (count + 1) starts. This and the other pointers are valid until lists are appended or the table goes.
    public var offsets: UnsafePointer<Int32> { unsafe UnsafePointer(offsetBuffer.base) }
    /// (entryCount) pins.
    public var pins: UnsafePointer<UInt32> { unsafe UnsafePointer(pinBuffer.base) }
    /// (entryCount) visits, each at least 1.
    public var visits: UnsafePointer<Int32> { unsafe UnsafePointer(visitBuffer.base) }

    public func removeAll() {
        count = 0
        entryCount = 0
    }

    /// Entries of list `list`.
    public func entries(of list: Int) -> Range<Int> {
        precondition(list >= 0 && list < count, "NeighborhoodTable: list \(list) is outside 0 ..< \(count)")
        return unsafe Int(offsets[list])..<Int(offsets[list + 1])
    }

    /// Pins of list `list`, copied.
    public func pins(of list: Int) -> [UInt32] { entries(of: list).map { unsafe pins[$0] } }

    /// Visits of list `list`, copied.
    public func visits(of list: Int) -> [Int32] { entries(of: list).map { unsafe visits[$0] } }

    /// Weights of list `list`, copied.
    public func weights(of list: Int, pooling: WalkSettings.Pooling) -> [Float] {
        let entries = entries(of: list)
        return unsafe [Float](unsafeUninitializedCapacity: entries.count) { buffer, initialized in
            initialized = entries.count
            guard let base = buffer.baseAddress else { return }
            unsafe writeListWeights(visits + entries.lowerBound, count: entries.count, pooling: pooling, to: base)
        }
    }

    /// Writes the weights of all entries; each list that is not empty sums to 1.
    ///
    /// - Parameter weights: room for `entryCount`.
    public func writeWeights(pooling: WalkSettings.Pooling, to weights: UnsafeMutablePointer<Float>) {
        let (offsets, visits) = unsafe (self.offsets, self.visits)
        for list in 0..<count {
            let (start, end) = unsafe (Int(offsets[list]), Int(offsets[list + 1]))
            unsafe writeListWeights(visits + start, count: end - start, pooling: pooling, to: weights + start)
        }
    }

    /// Makes room for lists and entries beyond those there are.
    func reserve(lists: Int, entries: Int) {
        offsetBuffer.reserve(count + lists + 1, keeping: count + 1)
        pinBuffer.reserve(entryCount + entries, keeping: entryCount)
        visitBuffer.reserve(entryCount + entries, keeping: entryCount)
    }

    /// Where the next list's entries go.
    var nextPins: UnsafeMutablePointer<UInt32> { unsafe pinBuffer.base + entryCount }
    var nextVisits: UnsafeMutablePointer<Int32> { unsafe visitBuffer.base + entryCount }

    /// Ends the list whose `count` entries were written at `nextPins` and `nextVisits`.
    func appendList(count listCount: Int) {
        entryCount += listCount
        count += 1
        unsafe offsetBuffer.base[count] = Int32(entryCount)
    }
}

/// Weights of one list: `visits / Σ visits` for importance, `1 / count` for uniform pooling and for max,
/// which does not read them.
///
/// - Source: Ying et al. 2018, §3.2: L1-normalised visit counts.
func writeListWeights(
    _ visits: UnsafePointer<Int32>, count: Int, pooling: WalkSettings.Pooling, to weights: UnsafeMutablePointer<Float>
) {
    switch pooling {
    case .importance:
        var total = 0
        for i in 0..<count { unsafe total &+= Int(visits[i]) }
        let divisor = Float(total)
        for i in 0..<count { unsafe weights[i] = Float(visits[i]) / divisor }
    case .uniform, .max:
        let weight = 1 / Float(count)
        for i in 0..<count { unsafe weights[i] = weight }
    }
}
