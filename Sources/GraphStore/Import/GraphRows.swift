import Artifacts
import Basics

/// Writes a graph's rows in both directions.
struct GraphRows {
    let pins: RowSorter
    let boards: RowSorter
    let edgeCount: Int
    private let folder: String

    /// Edges that came more than once, but for the first time.
    var repeats: Int { pins.repeats }

    /// Sorts by pin, then what is left by board; writes offsets and entries of both.
    ///
    /// - Parameters:
    ///   - edges: pin in the upper half, board in the lower; none are left there.
    ///   - roundEntries: entries of a round; nil: as many as memory holds.
    ///   - progress: called now and then with a few words.
    init(
        _ edges: EdgeSpool, pinCount: Int, boardCount: Int, memory: ImportMemory, roundEntries: Int? = nil,
        to folder: String, progress: (String) -> Void
    ) throws {
        let offsetBytes = 8 * (pinCount + boardCount + 2) + (max(pinCount, boardCount) / 8)
        try memory.require(offsetBytes + edges.pieceEdges * 8, for: "\(pinCount + boardCount) rows", folder)
        let room = memory.tableBytes - offsetBytes
        // Edges in memory may have half of what is left, but no more than leaves room for all rows in one round.
        try edges.shrink(to: max(room / 2, room - 4 * edges.count))
        let entries = roundEntries ?? (room - edges.memoryBytes) / 4
        pins = RowSorter(
            rowCount: pinCount, columnCount: boardCount, threads: memory.threads, roundEntries: entries)
        self.folder = folder
        let path = "\(folder)/\(GraphDirectory.pinBoards)"
        let byPin = ProgressText("sorting by pin", total: edges.count, unit: "edges")
        edgeCount = try unsafe pins.write(edges.scan, to: path) { progress(byPin.text($0)) }
        try pins.writeOffsets(to: "\(folder)/\(GraphDirectory.pinOffsets)")
        edges.removeAll()

        boards = RowSorter(
            rowCount: boardCount, columnCount: pinCount, threads: memory.threads,
            roundEntries: roundEntries ?? room / 4)
        let pins = pins
        let byBoard = ProgressText("sorting by board", total: edgeCount, unit: "edges")
        let scan: RowSorter.Scan = { body in try unsafe Self.scanByBoard(pins, path, body) }
        let written = try unsafe boards.write(scan, to: "\(folder)/\(GraphDirectory.boardPins)") {
            progress(byBoard.text($0))
        }
        precondition(written == edgeCount, "GraphRows: \(edgeCount) edges by pin, \(written) by board")
        try boards.writeOffsets(to: "\(folder)/\(GraphDirectory.boardOffsets)")
    }

    /// The entries of the pins' rows.
    func mappedPinBoards() throws -> NumpyFile { try map(GraphDirectory.pinBoards) }

    /// The entries of the boards' rows.
    func mappedBoardPins() throws -> NumpyFile { try map(GraphDirectory.boardPins) }

    private func map(_ name: String) throws -> NumpyFile {
        try NumpyFile(path: "\(folder)/\(name)", elements: [.uint32], rank: 1)
    }

    /// Gives every edge of the pins' rows, pins ascending: board in the upper half, pin in the lower.
    private static func scanByBoard(
        _ pins: RowSorter, _ path: String, _ body: (UnsafeBufferPointer<UInt64>) -> Void
    ) throws {
        let offsets = unsafe pins.offsets
        let capacity = 1 << 12
        let turned = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        defer { unsafe turned.deallocate() }
        var (pin, place) = (0, 0)
        let start = NumpyHeader(elementType: .uint32, shape: [0]).dataOffset
        try unsafe SpoolFile.scan(path: path, from: start) { bytes in
            let boards = unsafe bytes.assumingMemoryBound(to: UInt32.self)
            for first in stride(from: 0, to: boards.count, by: capacity) {
                let count = min(capacity, boards.count - first)
                var i = 0
                while i < count {
                    // All that this pin has in this step.
                    while unsafe Int(offsets[pin + 1]) <= place { pin += 1 }
                    let end = unsafe min(count, i + Int(offsets[pin + 1]) - place)
                    place += end - i
                    while i < end {
                        unsafe turned[i] = UInt64(boards[first &+ i]) &<< 32 | UInt64(pin)
                        i &+= 1
                    }
                }
                unsafe body(UnsafeBufferPointer(start: turned, count: count))
            }
        }
        withExtendedLifetime(pins) {}
    }
}
