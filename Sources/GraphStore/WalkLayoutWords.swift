/// All words of a graph's layout, in order: what is written, and what a file is compared with.
struct WalkLayoutWords {
    let plan: WalkLayoutPlan
    private let graph: BipartiteGraph
    private let header: WalkLayoutHeader

    /// - Parameter unitShift: the least; more where places would not fit into 32 bits.
    init(_ graph: BipartiteGraph, unitShift: Int) {
        precondition(unitShift >= 1, "WalkLayoutWords: unit of \(unitShift)")
        self.graph = graph
        var shift = unitShift
        var (pinUnits, boardUnits) = (0, 0)
        while true {
            pinUnits = unsafe Self.units(graph.pinOffsets, graph.pinCount, shift)
            boardUnits = unsafe Self.units(graph.boardOffsets, graph.boardCount, shift)
            if max(pinUnits, boardUnits) <= 1 << 32 { break }
            shift += 1
        }
        header = WalkLayoutHeader(
            source: graph.layoutSource, unitShift: shift, pinRowWords: pinUnits << shift,
            boardRowWords: boardUnits << shift)
        plan = header.plan
    }

    /// Gives the words block by block; a block is valid during its call.
    func forEachBlock(_ body: (UnsafeBufferPointer<UInt32>) throws -> Void) throws {
        try unsafe withoutActuallyEscaping(body) { body in
            let blocks = unsafe WordBlocks(body)
            try blocks.append(header.encoded)
            let pinPlaces = unsafe places(graph.pinOffsets, graph.pinCount)
            try blocks.append(pinPlaces)
            try blocks.fill(to: plan.pinRowsStart)
            let boardPlaces = unsafe places(graph.boardOffsets, graph.boardCount)
            try unsafe append(graph.pinOffsets, graph.pinBoards, graph.pinCount, leadingTo: boardPlaces, to: blocks)
            try blocks.fill(to: plan.boardRowsStart)
            try unsafe append(graph.boardOffsets, graph.boardPins, graph.boardCount, leadingTo: pinPlaces, to: blocks)
            try blocks.fill(to: plan.wordCount)
            try blocks.flush()
        }
    }

    private func append(
        _ offsets: UnsafePointer<Int64>, _ entries: UnsafePointer<UInt32>, _ rowCount: Int,
        leadingTo places: [UInt32], to blocks: WordBlocks
    ) throws {
        for row in 0..<rowCount {
            let (start, end) = unsafe (Int(offsets[row]), Int(offsets[row + 1]))
            try blocks.append(UInt32(end - start))
            try blocks.append(UInt32(row))
            for i in start..<end { try blocks.append(unsafe places[Int(entries[i])]) }
            let over = (WalkLayout.rowHeaderWords + end - start) & (1 << plan.unitShift - 1)
            if over > 0 { for _ in over..<(1 << plan.unitShift) { try blocks.append(0) } }
        }
    }

    /// Where each row begins, in units.
    private func places(_ offsets: UnsafePointer<Int64>, _ rowCount: Int) -> [UInt32] {
        var place = 0
        return (0..<rowCount).map { row in
            defer { place += unsafe Self.units(offsets, row: row, plan.unitShift) }
            return UInt32(place)
        }
    }

    private static func units(_ offsets: UnsafePointer<Int64>, _ rowCount: Int, _ shift: Int) -> Int {
        var sum = 0
        for row in 0..<rowCount { sum += unsafe units(offsets, row: row, shift) }
        return sum
    }

    private static func units(_ offsets: UnsafePointer<Int64>, row: Int, _ shift: Int) -> Int {
        let words = unsafe WalkLayout.rowHeaderWords + Int(offsets[row + 1] - offsets[row])
        return (words + 1 << shift - 1) >> shift
    }
}

/// Words one after the other, given on in blocks.
@safe private final class WordBlocks {
    private static let capacity = 1 << 16

    private let words = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
    private let give: (UnsafeBufferPointer<UInt32>) throws -> Void
    private var count = 0
    /// Words given on before this block.
    private var given = 0

    init(_ give: @escaping (UnsafeBufferPointer<UInt32>) throws -> Void) { unsafe self.give = unsafe give }

    deinit { unsafe words.deallocate() }

    @inline(__always)
    func append(_ word: UInt32) throws {
        unsafe words[count] = word
        count &+= 1
        if count == Self.capacity { try flush() }
    }

    func append(_ words: [UInt32]) throws {
        for word in words { try append(word) }
    }

    /// Zeros up to word `end` of all.
    func fill(to end: Int) throws {
        precondition(given + count <= end, "WordBlocks: \(given + count) words where \(end) were planned")
        while given + count < end { try append(0) }
    }

    func flush() throws {
        try unsafe give(UnsafeBufferPointer(start: words, count: count))
        given += count
        count = 0
    }
}
