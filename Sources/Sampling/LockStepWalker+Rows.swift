import CPlatform
import GraphStore

/// Walks over the compressed rows: four lines a step, an offset and an entry for each of two rows.
extension WalkRequest {
    @inline(never)
    func walkAll(_ graph: BipartiteGraph) {
        unsafe walk(
            graph.pinOffsets, graph.pinBoards, graph.boardOffsets, graph.boardPins, hides: false)
    }

    @inline(never)
    func walkVisible(_ graph: BipartiteGraph) {
        unsafe walk(
            graph.pinOffsets, graph.pinBoards, graph.boardOffsets, graph.boardPins, hides: true)
    }

    @inline(__always)
    private func walk(
        _ pinOffsets: UnsafePointer<Int64>, _ pinBoards: UnsafePointer<UInt32>, _ boardOffsets: UnsafePointer<Int64>,
        _ boardPins: UnsafePointer<UInt32>, hides: Bool
    ) {
        let (count, steps, hidden) = unsafe (count, steps, hidden)
        let (origins, bases) = unsafe (lanes.origins, lanes.bases)
        let (places, boards, slots) = unsafe (lanes.places, lanes.boards, lanes.slots)
        let (highs, lows, returns) = unsafe (lanes.highs, lanes.lows, lanes.returns)
        var visits = unsafe lanes.visits
        for lane in 0..<count {
            unsafe places[lane] = unsafe origins[lane]
            unsafe platform_prefetch(pinOffsets + Int(origins[lane]))
        }
        var n: UInt64 = 0
        for _ in 0..<steps {
            unsafe draw(n)
            for lane in 0..<count {
                let row = unsafe pinOffsets + Int(places[lane])
                let slot = unsafe Int(row[0]) &+ WalkRandomness.pick(highs[lane], of: row[1] &- row[0])
                unsafe slots[lane] = slot
                unsafe platform_prefetch(pinBoards + slot)
            }
            for lane in 0..<count {
                var board = unsafe pinBoards[slots[lane]]
                if hides && hidden.hides(board) {
                    let row = unsafe pinOffsets + Int(places[lane])
                    let start = unsafe pinBoards + Int(row[0])
                    let index = unsafe hidden.visibleIndex(
                        count: row[1] &- row[0], number: WalkRandomness.number(bases[lane], n)
                    ) { unsafe start[$0] }
                    board = unsafe start[index]
                }
                unsafe boards[lane] = board
                unsafe platform_prefetch(boardOffsets + Int(board))
            }
            for lane in 0..<count {
                let row = unsafe boardOffsets + Int(boards[lane])
                let slot = unsafe Int(row[0]) &+ WalkRandomness.pick(lows[lane], of: row[1] &- row[0])
                unsafe slots[lane] = slot
                unsafe platform_prefetch(boardPins + slot)
            }
            for lane in 0..<count {
                let pin = unsafe boardPins[slots[lane]]
                unsafe visits[lane] = pin
                let next = unsafe Self.next(after: pin, origins[lane], returns: returns[lane])
                unsafe places[lane] = next
                unsafe platform_prefetch(pinOffsets + Int(next))
            }
            unsafe visits += count
            n &+= 2
        }
    }
}

extension HiddenBoards {
    /// Which of a pin's boards a step takes whose first draw, by the high half of `number`, is hidden.
    ///
    /// - Parameter board: the pin's boards, `count`; one at least is visible.
    @inline(never)
    func visibleIndex(count: Int64, number: UInt64, board: (Int) -> UInt32) -> Int {
        for attempt in 1..<WalkRandomness.boardDraws {
            let draw = WalkRandomness.number(number, UInt64(attempt)).highHalf
            let index = WalkRandomness.pick(draw, of: count)
            if !hides(board(index)) { return index }
        }
        var visibleCount: Int64 = 0
        for index in 0..<Int(count) where !hides(board(index)) { visibleCount += 1 }
        let draw = WalkRandomness.number(number, UInt64(WalkRandomness.boardDraws)).highHalf
        var left = WalkRandomness.pick(draw, of: visibleCount)
        for index in 0..<Int(count) where !hides(board(index)) {
            if left == 0 { return index }
            left -= 1
        }
        preconditionFailure("LockStepWalker: a walk at a pin whose \(count) boards are all hidden")
    }
}
