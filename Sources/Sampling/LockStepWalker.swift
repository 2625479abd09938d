import CPlatform
import GraphStore
import Kernels

/// Many walks side by side, each waiting for memory while the others move.
///
/// A step reads four places that depend on each other: where a pin's row is, a board of it, where the board's row is, a
/// pin of it. Each is one stage over all walks; a stage asks for the cache line that the next will read. With 200 walks
/// under way nearly every line has arrived when it is read.
///
/// Over the graph's walk layout a step needs the fewest lines: `LockStepWalker+Layout`. Without, it goes over the
/// compressed rows: `LockStepWalker+Rows`. The pins are the same.
@safe final class LockStepWalker {
    /// Walks side by side. Up to 120 more of them hide more of the memory's latency, beyond 240 fewer.
    static let laneCountMax = 200

    private let graph: BipartiteGraph
    private let layout: WalkLayout?
    private let steps: Int
    private let threshold: UInt64
    private let kernels = Kernels()
    private let lanes: WalkLanes

    /// - Parameter laneCount: walks side by side, at most.
    init(graph: BipartiteGraph, laneCount: Int, steps: Int, restart: Double) {
        self.graph = graph
        layout = graph.layout
        self.steps = steps
        threshold = WalkRandomness.returnThreshold(restart: restart)
        unsafe lanes = WalkLanes(laneCount: laneCount, steps: steps)
    }

    deinit { unsafe lanes.deallocate() }

    /// What stands for a pin among the visits: the pin itself, or the place of its row. Smaller pins have smaller keys.
    @inline(__always)
    func key(of pin: UInt32) -> UInt32 { unsafe layout?.pinPlaces[Int(pin)] ?? pin }

    /// Asks for what `set` will read of a pin.
    @inline(__always)
    func prefetch(_ pin: UInt32) {
        if let layout {
            unsafe platform_prefetch(layout.pinPlaces + Int(pin))
        } else {
            unsafe platform_prefetch(graph.pinOffsets + Int(pin))
        }
    }

    /// Asks for what `hasBoard` and the walks read first.
    @inline(__always)
    func prefetchRow(key: UInt32) {
        if let layout { unsafe platform_prefetch(layout.pinRows + Int(key) &<< layout.unitShift) }
    }

    /// Whether a pin has a visible board.
    @inline(__always)
    func hasBoard(_ pin: UInt32, key: UInt32, hiding hidden: HiddenBoards) -> Bool {
        guard let layout, hidden.isEmpty else { return graph.hasBoard(pin, hiding: hidden) }
        return unsafe layout.pinRows[Int(key) &<< layout.unitShift] > 0
    }

    /// Asks for what tells the pins of `keys`.
    func prefetch(keys: UnsafePointer<UInt32>, count: Int) {
        guard let layout else { return }
        let (rows, shift) = unsafe (layout.pinRows, layout.unitShift)
        for i in 0..<count { unsafe platform_prefetch(rows + Int(keys[i]) &<< shift) }
    }

    /// Puts pins in the place of their keys.
    func resolve(keys: UnsafeMutablePointer<UInt32>, count: Int) {
        guard let layout else { return }
        let (rows, shift) = unsafe (layout.pinRows, layout.unitShift)
        for i in 0..<count { unsafe keys[i] = rows[Int(keys[i]) &<< shift &+ 1] }
    }

    /// Sets lane `lane` to walk `walk` of the pin of `key`, which has a board.
    func set(_ lane: Int, key: UInt32, base: UInt64, walk: Int) {
        unsafe lanes.origins[lane] = key
        unsafe lanes.bases[lane] = base &+ WalkRandomness.golden &* UInt64(2 * walk * steps)
    }

    /// Walks lanes `0 ..< count`.
    ///
    /// - Parameter hidden: boards that no step goes over; every lane's pin has another.
    /// - Returns: (steps × count) keys of visited pins, row = step; valid until the next call.
    func walk(count: Int, hiding hidden: HiddenBoards) -> UnsafePointer<UInt32> {
        let request = unsafe WalkRequest(
            count: count, steps: steps, threshold: threshold, hidden: hidden, lanes: lanes, kernels: kernels)
        // Each loop twice from one text: the first knows nothing of hidden boards.
        if let layout {
            if hidden.isEmpty { unsafe request.walkAll(layout) } else { unsafe request.walkVisible(layout) }
        } else {
            if hidden.isEmpty { unsafe request.walkAll(graph) } else { unsafe request.walkVisible(graph) }
        }
        return unsafe UnsafePointer(lanes.visits)
    }
}

/// How far which lanes walk.
@unsafe struct WalkRequest {
    let count: Int
    let steps: Int
    let threshold: UInt64
    let hidden: HiddenBoards
    let lanes: WalkLanes
    let kernels: Kernels

    /// Draws a step's numbers n and n + 1 for all lanes at once: many at a time, and without a branch on whether a walk
    /// returns, which would be mispredicted as often as walks do.
    func draw(_ n: UInt64) {
        unsafe kernels.walkDraws(
            bases: lanes.bases, count: count, first: WalkRandomness.golden &* n,
            second: WalkRandomness.golden &* (n &+ 1), threshold: threshold, highs: lanes.highs, lows: lanes.lows,
            returns: lanes.returns)
    }

    /// Where a lane goes on from after it has visited a pin: at `origin` where it returns.
    @inline(__always)
    static func next(after pin: UInt32, _ origin: UInt32, returns: UInt32) -> UInt32 {
        pin ^ ((pin ^ origin) & returns)
    }
}

/// One array for each thing that a lane knows.
@unsafe struct WalkLanes {
    /// Where the walk began and returns to.
    let origins: UnsafeMutablePointer<UInt32>
    /// Base of the walk's random numbers: that of its first step.
    let bases: UnsafeMutablePointer<UInt64>
    /// The pin: itself, or the place of its row.
    let places: UnsafeMutablePointer<UInt32>
    /// In the middle of a step the board, likewise.
    let boards: UnsafeMutablePointer<UInt32>
    /// Entry of the rows that the next stage reads.
    let slots: UnsafeMutablePointer<Int>
    /// High half of the step's number: it picks the board.
    let highs: UnsafeMutablePointer<UInt32>
    /// Low half: it picks the pin.
    let lows: UnsafeMutablePointer<UInt32>
    /// Whether the walk returns after the step: all bits or none.
    let returns: UnsafeMutablePointer<UInt32>
    let visits: UnsafeMutablePointer<UInt32>

    init(laneCount: Int, steps: Int) {
        unsafe origins = .allocate(capacity: laneCount)
        unsafe bases = .allocate(capacity: laneCount)
        unsafe places = .allocate(capacity: laneCount)
        unsafe boards = .allocate(capacity: laneCount)
        unsafe slots = .allocate(capacity: laneCount)
        unsafe highs = .allocate(capacity: laneCount)
        unsafe lows = .allocate(capacity: laneCount)
        unsafe returns = .allocate(capacity: laneCount)
        unsafe visits = .allocate(capacity: laneCount * steps)
    }

    func deallocate() {
        unsafe origins.deallocate()
        unsafe bases.deallocate()
        unsafe places.deallocate()
        unsafe boards.deallocate()
        unsafe slots.deallocate()
        unsafe highs.deallocate()
        unsafe lows.deallocate()
        unsafe returns.deallocate()
        unsafe visits.deallocate()
    }
}
