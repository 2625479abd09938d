import CPlatform
import GraphStore

/// Walks over the layout: for each of two rows its start, which tells the length, and an entry, which tells where the
/// next row starts. Where a row is short both are one line, and the starts of long rows are met so often that they stay
/// in the caches.
extension WalkRequest {
    @inline(never)
    func walkAll(_ layout: WalkLayout) {
        // Where the unit is known to be the usual one, places need no arithmetic.
        if layout.unitShift == 1 {
            unsafe walk(layout.pinRows, layout.boardRows, shift: 1, hides: false)
        } else {
            unsafe walk(layout.pinRows, layout.boardRows, shift: layout.unitShift, hides: false)
        }
    }

    @inline(never)
    func walkVisible(_ layout: WalkLayout) {
        unsafe walk(layout.pinRows, layout.boardRows, shift: layout.unitShift, hides: true)
    }

    @inline(__always)
    private func walk(
        _ pinRows: UnsafePointer<UInt32>, _ boardRows: UnsafePointer<UInt32>, shift: Int, hides: Bool
    ) {
        let (count, steps, hidden) = unsafe (count, steps, hidden)
        let (origins, bases) = unsafe (lanes.origins, lanes.bases)
        let (places, boards, slots) = unsafe (lanes.places, lanes.boards, lanes.slots)
        let (highs, lows, returns) = unsafe (lanes.highs, lanes.lows, lanes.returns)
        var visits = unsafe lanes.visits
        for lane in 0..<count {
            unsafe places[lane] = unsafe origins[lane]
            unsafe platform_prefetch(pinRows + Int(origins[lane]) &<< shift)
        }
        var n: UInt64 = 0
        for _ in 0..<steps {
            unsafe draw(n)
            for lane in 0..<count {
                let start = unsafe Int(places[lane]) &<< shift
                let slot = unsafe start &+ Self.entry(highs[lane], of: pinRows[start])
                unsafe slots[lane] = slot
                unsafe platform_prefetch(pinRows + slot)
            }
            for lane in 0..<count {
                let board = unsafe pinRows[slots[lane]]
                unsafe boards[lane] = board
                unsafe platform_prefetch(boardRows + Int(board) &<< shift)
            }
            for lane in 0..<count {
                var start = unsafe Int(boards[lane]) &<< shift
                if hides, unsafe hidden.hides(boardRows[start &+ 1]) {
                    let row = unsafe pinRows + Int(places[lane]) &<< shift
                    let entries = unsafe row + WalkLayout.rowHeaderWords
                    let index = unsafe hidden.visibleIndex(
                        count: Int64(row[0]), number: WalkRandomness.number(bases[lane], n)
                    ) { unsafe boardRows[Int(entries[$0]) &<< shift &+ 1] }
                    start = unsafe Int(entries[index]) &<< shift
                }
                let slot = unsafe start &+ Self.entry(lows[lane], of: boardRows[start])
                unsafe slots[lane] = slot
                unsafe platform_prefetch(boardRows + slot)
            }
            for lane in 0..<count {
                let pin = unsafe boardRows[slots[lane]]
                unsafe visits[lane] = pin
                let next = unsafe Self.next(after: pin, origins[lane], returns: returns[lane])
                unsafe places[lane] = next
                unsafe platform_prefetch(pinRows + Int(next) &<< shift)
            }
            unsafe visits += count
            n &+= 2
        }
    }

    /// A word of a row of `length` entries, from the row's start, picked by half a random number.
    @inline(__always)
    private static func entry(_ half: UInt32, of length: UInt32) -> Int {
        WalkLayout.rowHeaderWords &+ WalkRandomness.pick(half, of: Int64(length))
    }
}
