import CPlatform
import GraphStore

/// Many walks side by side, each waiting for memory while the others move.
///
/// A step reads four places that depend on each other: a pin's offsets, a board of it, the board's offsets, a pin of
/// it. Each is one stage over all walks; a stage asks for the cache line that the next will read. With 80 walks under
/// way nearly every line has arrived when it is read: more than ten times the speed of one walk at a time where the
/// graph is larger than the cache.
@safe final class LockStepWalker {
    /// Walks side by side. Beyond 80 the core has no more misses in flight to give.
    static let laneCountMax = 80

    private let graph: BipartiteGraph
    private let steps: Int
    private let threshold: UInt64
    private let lanes: Lanes

    /// - Parameter laneCount: walks side by side, at most.
    init(graph: BipartiteGraph, laneCount: Int, steps: Int, restart: Double) {
        self.graph = graph
        self.steps = steps
        threshold = WalkRandomness.returnThreshold(restart: restart)
        unsafe lanes = Lanes(laneCount: laneCount, steps: steps)
    }

    deinit { unsafe lanes.deallocate() }

    /// Sets lane `lane` to walk `walk` of `pin`, which has a board.
    func set(_ lane: Int, pin: UInt32, base: UInt64, walk: Int) {
        unsafe lanes.origins[lane] = pin
        unsafe lanes.bases[lane] = base &+ WalkRandomness.golden &* UInt64(2 * walk * steps)
    }

    /// Walks lanes `0 ..< count`.
    ///
    /// - Parameter hidden: boards that no step goes over; every lane's pin has another.
    /// - Returns: (steps × count) visited pins, row = step; valid until the next call.
    func walk(count: Int, hiding hidden: HiddenBoards) -> UnsafePointer<UInt32> {
        if hidden.isEmpty { walkAll(count) } else { walkVisible(count, hidden) }
        return unsafe UnsafePointer(lanes.visits)
    }

    // Two loops from one text: the first knows nothing of hidden boards.
    @inline(never)
    private func walkAll(_ count: Int) {
        unsafe Self.walk(
            count: count, steps: steps, threshold: threshold, pinOffsets: graph.pinOffsets, pinBoards: graph.pinBoards,
            boardOffsets: graph.boardOffsets, boardPins: graph.boardPins, lanes: lanes, hides: false, hidden: .none)
    }

    @inline(never)
    private func walkVisible(_ count: Int, _ hidden: HiddenBoards) {
        unsafe Self.walk(
            count: count, steps: steps, threshold: threshold, pinOffsets: graph.pinOffsets, pinBoards: graph.pinBoards,
            boardOffsets: graph.boardOffsets, boardPins: graph.boardPins, lanes: lanes, hides: true, hidden: hidden)
    }

    /// One array for each thing that a lane knows.
    @unsafe private struct Lanes {
        /// Where the walk began and returns to.
        let origins: UnsafeMutablePointer<UInt32>
        /// Base of the walk's random numbers: that of its first step.
        let bases: UnsafeMutablePointer<UInt64>
        /// The pin, and in the middle of a step the board.
        let places: UnsafeMutablePointer<UInt32>
        /// Entry of the rows that the next stage reads.
        let slots: UnsafeMutablePointer<Int>
        /// Low half of the step's number: it picks the pin.
        let halves: UnsafeMutablePointer<UInt32>
        let visits: UnsafeMutablePointer<UInt32>

        init(laneCount: Int, steps: Int) {
            unsafe origins = .allocate(capacity: laneCount)
            unsafe bases = .allocate(capacity: laneCount)
            unsafe places = .allocate(capacity: laneCount)
            unsafe slots = .allocate(capacity: laneCount)
            unsafe halves = .allocate(capacity: laneCount)
            unsafe visits = .allocate(capacity: laneCount * steps)
        }

        func deallocate() {
            unsafe origins.deallocate()
            unsafe bases.deallocate()
            unsafe places.deallocate()
            unsafe slots.deallocate()
            unsafe halves.deallocate()
            unsafe visits.deallocate()
        }
    }

    @inline(__always)
    @unsafe private static func walk(
        count: Int, steps: Int, threshold: UInt64, pinOffsets: UnsafePointer<Int64>, pinBoards: UnsafePointer<UInt32>,
        boardOffsets: UnsafePointer<Int64>, boardPins: UnsafePointer<UInt32>, lanes: Lanes,
        hides: Bool, hidden: HiddenBoards
    ) {
        let (origins, bases) = unsafe (lanes.origins, lanes.bases)
        let (places, slots, halves) = unsafe (lanes.places, lanes.slots, lanes.halves)
        var visits = unsafe lanes.visits
        for lane in 0..<count {
            unsafe places[lane] = unsafe origins[lane]
            unsafe platform_prefetch(pinOffsets + Int(origins[lane]))
        }
        var n: UInt64 = 0
        for _ in 0..<steps {
            for lane in 0..<count {
                let row = unsafe pinOffsets + Int(places[lane])
                let number = unsafe WalkRandomness.number(bases[lane], n)
                let slot = unsafe Int(row[0]) &+ WalkRandomness.pick(number.highHalf, of: row[1] &- row[0])
                unsafe slots[lane] = slot
                unsafe halves[lane] = number.lowHalf
                unsafe platform_prefetch(pinBoards + slot)
            }
            for lane in 0..<count {
                var board = unsafe pinBoards[slots[lane]]
                if hides && hidden.hides(board) {
                    let row = unsafe pinOffsets + Int(places[lane])
                    unsafe board = visibleBoard(
                        pinBoards + Int(row[0]), count: row[1] &- row[0],
                        number: WalkRandomness.number(bases[lane], n), hidden)
                }
                unsafe places[lane] = board
                unsafe platform_prefetch(boardOffsets + Int(board))
            }
            for lane in 0..<count {
                let row = unsafe boardOffsets + Int(places[lane])
                let slot = unsafe Int(row[0]) &+ WalkRandomness.pick(halves[lane], of: row[1] &- row[0])
                unsafe slots[lane] = slot
                unsafe platform_prefetch(boardPins + slot)
            }
            for lane in 0..<count {
                let pin = unsafe boardPins[slots[lane]]
                unsafe visits[lane] = pin
                let origin = unsafe origins[lane]
                let returns = unsafe WalkRandomness.number(bases[lane], n &+ 1) < threshold
                // Without a branch, which would be mispredicted as often as walks return.
                let next = pin ^ ((pin ^ origin) & (returns ? .max : 0))
                unsafe places[lane] = next
                unsafe platform_prefetch(pinOffsets + Int(next))
            }
            unsafe visits += count
            n &+= 2
        }
    }

    /// The board that a step takes whose first draw, by the high half of `number`, is hidden.
    ///
    /// - Parameters:
    ///   - boards: those of a pin, `count`; one at least is visible.
    @inline(never)
    @unsafe private static func visibleBoard(
        _ boards: UnsafePointer<UInt32>, count: Int64, number: UInt64, _ hidden: HiddenBoards
    ) -> UInt32 {
        for attempt in 1..<WalkRandomness.boardDraws {
            let draw = WalkRandomness.number(number, UInt64(attempt)).highHalf
            let board = unsafe boards[WalkRandomness.pick(draw, of: count)]
            if !hidden.hides(board) { return board }
        }
        var visibleCount: Int64 = 0
        for index in 0..<Int(count) where unsafe !hidden.hides(boards[index]) { visibleCount += 1 }
        let draw = WalkRandomness.number(number, UInt64(WalkRandomness.boardDraws)).highHalf
        var left = WalkRandomness.pick(draw, of: visibleCount)
        for index in 0..<Int(count) {
            let board = unsafe boards[index]
            if hidden.hides(board) { continue }
            if left == 0 { return board }
            left -= 1
        }
        preconditionFailure("LockStepWalker: a walk at a pin whose \(count) boards are all hidden")
    }
}
