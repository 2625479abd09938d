/// Edges as they arrive: two columns of equal length.
struct EdgeColumns {
    var pins: [UInt32] = []
    var boards: [UInt32] = []

    mutating func append(pin: UInt32, board: UInt32) {
        pins.append(pin)
        boards.append(board)
    }
}

/// Compressed rows of a bipartite graph in both directions, rows sorted, repeats dropped.
struct BipartiteRows {
    /// (P + 1), (E), (B + 1), (E); see `BipartiteGraph`.
    private(set) var pinOffsets: [Int64]
    private(set) var pinBoards: [UInt32]
    private(set) var boardOffsets: [Int64]
    private(set) var boardPins: [UInt32]
    /// How many edges were there before, under the same pin and board.
    let repeats: Int

    /// - Precondition: every pin is below `pinCount`, every board below `boardCount`.
    /// - Complexity: three counting sorts, O(P + B + E); 16 bytes an edge at the peak.
    init(_ edges: consuming EdgeColumns, pinCount: Int, boardCount: Int) {
        // By board first; then walking boards upwards fills the pins' rows in order, and the other way round.
        let roughOffsets = Self.offsets(edges.boards, rowCount: boardCount)
        let roughPins = Self.scatter(edges.pins, by: edges.boards, roughOffsets)
        pinOffsets = Self.offsets(edges.pins, rowCount: pinCount)
        pinBoards = Self.transpose(roughPins, roughOffsets, into: pinOffsets)
        repeats = Self.dropRepeats(&pinBoards, &pinOffsets)
        boardOffsets = Self.offsets(pinBoards, rowCount: boardCount)
        boardPins = Self.transpose(pinBoards, pinOffsets, into: boardOffsets)
    }

    private static func offsets(_ keys: [UInt32], rowCount: Int) -> [Int64] {
        var offsets = [Int64](repeating: 0, count: rowCount + 1)
        for key in keys { offsets[Int(key) + 1] += 1 }
        for row in 0..<rowCount { offsets[row + 1] += offsets[row] }
        return offsets
    }

    private static func scatter(_ values: [UInt32], by keys: [UInt32], _ offsets: [Int64]) -> [UInt32] {
        var next = offsets
        var out = [UInt32](repeating: 0, count: values.count)
        for i in values.indices {
            let row = Int(keys[i])
            out[Int(next[row])] = values[i]
            next[row] += 1
        }
        return out
    }

    /// Entry v of row r becomes entry r of row v; rows come out sorted because r only grows.
    private static func transpose(_ entries: [UInt32], _ offsets: [Int64], into target: [Int64]) -> [UInt32] {
        var next = target
        var out = [UInt32](repeating: 0, count: entries.count)
        for row in 0..<(offsets.count - 1) {
            for i in Int(offsets[row])..<Int(offsets[row + 1]) {
                let column = Int(entries[i])
                out[Int(next[column])] = UInt32(row)
                next[column] += 1
            }
        }
        return out
    }

    private static func dropRepeats(_ entries: inout [UInt32], _ offsets: inout [Int64]) -> Int {
        var kept = 0
        var start = 0
        for row in 0..<(offsets.count - 1) {
            let end = Int(offsets[row + 1])
            let rowStart = kept
            for i in start..<end where kept == rowStart || entries[kept - 1] != entries[i] {
                entries[kept] = entries[i]
                kept += 1
            }
            start = end
            offsets[row + 1] = Int64(kept)
        }
        let repeats = entries.count - kept
        entries.removeLast(repeats)
        return repeats
    }
}
