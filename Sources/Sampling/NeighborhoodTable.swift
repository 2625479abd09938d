import Basics
import Configuration
import Minibatches

/// Neighbourhoods as compressed rows: list `i` is entries `offsets[i] ..< offsets[i + 1]`, most visited pin first.
///
/// Lists are appended; memory is kept when the table is emptied. Not for sharing between threads.
@safe public final class NeighborhoodTable {
    /// Lists in the table.
    public private(set) var count = 0
    /// Entries of all lists.
    public private(set) var entryCount = 0
    private let own = Frames(offsets: Frame(byteCount: 0), pins: Frame(byteCount: 0), visits: Frame(byteCount: 0))
    private var frames: Frames

    private struct Frames {
        let offsets: Frame
        let pins: Frame
        let visits: Frame
    }

    public init() {
        frames = own
        removeAll()
    }

    /// (count + 1) starts. This and the other pointers are valid until lists are appended or the table goes.
    public var offsets: UnsafePointer<Int32> { unsafe UnsafePointer(elements(frames.offsets)) }
    /// (entryCount) pins.
    public var pins: UnsafePointer<UInt32> { unsafe UnsafePointer(elements(frames.pins)) }
    /// (entryCount) visits, each at least 1.
    public var visits: UnsafePointer<Int32> { unsafe UnsafePointer(elements(frames.visits)) }

    private func elements<Element>(_ frame: Frame) -> UnsafeMutablePointer<Element> {
        unsafe frame.bytes.assumingMemoryBound(to: Element.self).baseAddress ?? UnsafeMutablePointer(bitPattern: 64)!
    }

    /// Forgets all lists; those to come are written to `memory`, where a batch's first layer has them.
    func removeAll(writingTo memory: MinibatchMemory) {
        frames = Frames(
            offsets: memory.frame(of: .offsets1), pins: memory.frame(of: .neighbors1),
            visits: memory.frame(of: .weights1))
        removeAll()
    }

    public func removeAll() {
        count = 0
        entryCount = 0
        frames.offsets.resize(byteCount: 4)
        unsafe elements(frames.offsets)[0] = 0 as Int32
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
        var visits = visits(of: list)
        unsafe visits.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            unsafe weighList(base, count: buffer.count, pooling: pooling)
        }
        return visits.map { Float(bitPattern: UInt32(bitPattern: $0)) }
    }

    /// The lists in the memory that they were written to, which is let go: weights in the place of visits, and in that of
    /// pins the rows that the caller put there. Each list of weights that is not empty sums to 1.
    func finish(pooling: WalkSettings.Pooling) -> NeighborhoodRows {
        let visits: UnsafeMutablePointer<Int32> = unsafe elements(frames.visits)
        for list in 0..<count {
            let (start, end) = unsafe (Int(offsets[list]), Int(offsets[list + 1]))
            unsafe weighList(visits + start, count: end - start, pooling: pooling)
        }
        defer { frames = own }
        return NeighborhoodRows(
            offsets: FrameArray(resizing: frames.offsets, count: count + 1, keeping: count + 1),
            neighbors: FrameArray(resizing: frames.pins, count: entryCount, keeping: entryCount),
            weights: FrameArray(resizing: frames.visits, count: entryCount, keeping: entryCount))
    }

    /// Makes room for lists and entries beyond those there are.
    func reserve(lists: Int, entries: Int) {
        func reserve(_ frame: Frame, _ count: Int, keeping kept: Int) {
            frame.resize(byteCount: 4 * (kept + count), keeping: 4 * kept)
        }
        reserve(frames.offsets, lists, keeping: count + 1)
        reserve(frames.pins, entries, keeping: entryCount)
        reserve(frames.visits, entries, keeping: entryCount)
    }

    /// Where the next list's entries go.
    var nextPins: UnsafeMutablePointer<UInt32> { unsafe elements(frames.pins) + entryCount }
    var nextVisits: UnsafeMutablePointer<Int32> { unsafe elements(frames.visits) + entryCount }

    /// Pins of the entries from `first` on, for writing their rows there.
    func pins(from first: Int) -> UnsafeMutablePointer<UInt32> { unsafe elements(frames.pins) + first }

    /// Ends the list whose `count` entries were written at `nextPins` and `nextVisits`.
    func appendList(count listCount: Int) {
        entryCount += listCount
        count += 1
        unsafe elements(frames.offsets)[count] = Int32(entryCount)
    }
}

/// Puts the weights of one list, as the bits of floats, in the place of its visits: `visits / Σ visits` for importance,
/// `1 / count` for uniform pooling and for max, which does not read them.
///
/// - Source: Ying et al. 2018, §3.2: L1-normalised visit counts.
func weighList(_ visits: UnsafeMutablePointer<Int32>, count: Int, pooling: WalkSettings.Pooling) {
    switch pooling {
    case .importance:
        var total = 0
        for i in 0..<count { unsafe total &+= Int(visits[i]) }
        let divisor = Float(total)
        for i in 0..<count { unsafe visits[i] = bits(Float(visits[i]) / divisor) }
    case .uniform, .max:
        let weight = bits(1 / Float(count))
        for i in 0..<count { unsafe visits[i] = weight }
    }
}

private func bits(_ weight: Float) -> Int32 { Int32(bitPattern: weight.bitPattern) }
