import Basics

/// Pairs of pins that share a board, taken out of a graph to test what a model says about them.
struct HeldOutPairs {
    /// Query and positive.
    private(set) var pairs: [(query: UInt32, positive: UInt32)] = []
    /// The entries of the boards' rows that are their edges, ascending.
    private(set) var places: [Int] = []

    /// Draws boards with at least four pins in random order; a board of n pins gives up to ⌊n/4⌋ disjoint pairs. A
    /// pair counts when both pins keep another edge. Its two edges to the board are taken out.
    ///
    /// - Parameter pairsMax: when to stop.
    init(_ rows: GraphRows, pairsMax: Int, seed: UInt64) throws {
        var random = CounterBasedGenerator(seed: seed, purpose: 9, 0, 0)
        let file = try rows.mappedBoardPins()
        let (entries, boards, pins) = unsafe (file.elements(as: UInt32.self), rows.boards.offsets, rows.pins.offsets)
        var taken: [UInt32: Int64] = [:]
        func isLast(_ pin: UInt32) -> Bool {
            unsafe pins[Int(pin) + 1] - pins[Int(pin)] - (taken[pin] ?? 0) <= 1
        }
        boards: for board in (0..<UInt32(rows.boards.rowCount)).shuffled(using: &random) {
            let range = unsafe Int(boards[Int(board)])..<Int(boards[Int(board) + 1])
            let drawn = range.shuffled(using: &random)
            for pair in 0..<(range.count / 4) {
                guard pairs.count < pairsMax else { break boards }
                let (first, second) = (drawn[2 * pair], drawn[2 * pair + 1])
                let (query, positive) = unsafe (entries[first], entries[second])
                guard !isLast(query), !isLast(positive) else { continue }
                for (pin, place) in [(query, first), (positive, second)] {
                    taken[pin, default: 0] += 1
                    places.append(place)
                }
                pairs.append((query, positive))
            }
        }
        places.sort()
        withExtendedLifetime((file, rows)) {}
    }

    /// Adds the edges that are left to a spool.
    func addRemaining(_ rows: GraphRows, to spool: EdgeSpool, memory: ImportMemory) throws {
        let file = try rows.mappedBoardPins()
        let (entries, offsets) = unsafe (file.elements(as: UInt32.self), rows.boards.offsets)
        var next = places[...]
        var edges: [UInt64] = []
        for board in 0..<rows.boards.rowCount {
            for place in unsafe Int(offsets[board])..<Int(offsets[board + 1]) {
                if place == next.first {
                    next.removeFirst()
                } else {
                    edges.append(unsafe UInt64(entries[place]) << 32 | UInt64(board))
                }
            }
            guard edges.count >= 1 << 16 || board == rows.boards.rowCount - 1 else { continue }
            unsafe edges.withUnsafeBufferPointer { unsafe spool.append($0) }
            edges.removeAll(keepingCapacity: true)
            try spool.shrink(to: memory.tableBytes / 2)
        }
        withExtendedLifetime((file, rows)) {}
    }
}
