import Artifacts
import Synchronization

/// The edges of TSV files, and the ids that they or a list of pins name.
///
/// A round takes a few blocks of lines: threads split them and look the ids up; ids that are not there yet then get
/// their rows, in the order of the lines; so rows do not depend on threads or on how the text is cut. Where a block
/// may hold a line that cannot be used, the round is read again line by line, which is what a line means.
final class EdgeFile {
    let edges: EdgeSpool
    let pins: IDTable
    let boards: IDTable
    /// The list of all pins that may occur; nil: every pin may, and new ones are numbered by first appearance.
    private let pinsAreListedIn: String?
    /// The same for boards.
    private let boardsAreListedIn: String?
    private let memory: ImportMemory

    /// Edges, pins and boards that are known before any file is read.
    init(
        edges: EdgeSpool, pins: IDTable, boards: IDTable, memory: ImportMemory, pinsAreListedIn: String? = nil,
        boardsAreListedIn: String? = nil
    ) {
        self.edges = edges
        self.pins = pins
        self.boards = boards
        self.memory = memory
        self.pinsAreListedIn = pinsAreListedIn
        self.boardsAreListedIn = boardsAreListedIn
    }

    /// Reads `edges.tsv`: a pin, a tab, a board on each line.
    ///
    /// - Parameter progress: called now and then with the bytes of the file that have been read, and the edges so far.
    /// - Throws: `GraphError.badLine` for the first line that cannot be used.
    func read(path: String, progress: (_ bytes: Int, _ edges: Int) -> Void) throws {
        let roundBlocks = 2 * memory.threads
        let blocks = try TextBlocks(path: path, count: 2 * roundBlocks)
        defer { blocks.cancel() }
        let parsed = (0..<roundBlocks).map { _ in ParsedBlock() }
        var place = LinePlace(path: TextBlocks.name(path))
        while case let round = blocks.next(countMax: roundBlocks), !round.isEmpty {
            try read(round, parsed, &place)
            if let failure = round.last?.failure { throw failure }
            progress(round.last?.fileBytesRead ?? 0, edges.count)
            blocks.recycle(round)
        }
        guard place.line > 0 else {
            throw GraphError.bad(
                path: place.path, problem: "no edges", expected: "lines of pin TAB board", found: "an empty file",
                action: "Name the file of edges")
        }
    }

    /// Writes `pins.txt` and `boards.txt`.
    func writeIDs(to folder: String) throws {
        try pins.write(to: "\(folder)/\(GraphDirectory.pinIDs)")
        try boards.write(to: "\(folder)/\(GraphDirectory.boardIDs)")
    }

    private func read(_ round: [TextBlock], _ parsed: [ParsedBlock], _ place: inout LinePlace) throws {
        let isFirst = place.line == 0
        let next = Atomic<Int>(0)
        let (pins, boards) = (pins, boards)
        try inParallel(min(memory.threads, round.count)) { _ in
            while case let i = next.add(1, ordering: .relaxed).oldValue, i < round.count {
                parsed[i].parse(round[i], isFirst: isFirst && i == 0, pins: pins, boards: boards)
            }
        }
        try makeRoom(parsed[..<round.count], place.path)
        guard round.allSatisfy({ !$0.precedesEndlessLine }), try number(round, parsed) else {
            return try readLineByLine(round, &place)
        }
        for i in round.indices {
            place.line += parsed[i].edgeCount
            unsafe edges.append(parsed[i].edges)
        }
    }

    /// Gives the ids of a round their rows.
    /// - Returns: false when something is wrong with a line.
    private func number(_ round: [TextBlock], _ parsed: [ParsedBlock]) throws -> Bool {
        for i in round.indices
        where parsed[i].isSuspect || pinsAreListedIn != nil && !parsed[i].newPins.isEmpty
            || boardsAreListedIn != nil && !parsed[i].newBoards.isEmpty
        {
            return false
        }
        let isFull = Atomic<Bool>(false)
        let (pins, boards) = (pins, boards)
        try inParallel(2) { end in
            for i in round.indices {
                if parsed[i].number(round[i], in: end == 0 ? pins : boards, isPin: end == 0) { continue }
                isFull.store(true, ordering: .relaxed)
                return
            }
        }
        return !isFull.load(ordering: .relaxed)
    }

    /// Sees to it that the ids of a round fit into memory; edges give way to them.
    private func makeRoom(_ parsed: ArraySlice<ParsedBlock>, _ path: String) throws {
        let ids = parsed.reduce(into: (pins: 0, boards: 0)) {
            $0.pins += $1.newPins.count
            $0.boards += $1.newBoards.count
        }
        let bytes = parsed.reduce(into: (pins: 0, boards: 0)) {
            for id in $1.newPins { $0.pins += Int(id.count) + 1 }
            for id in $1.newBoards { $0.boards += Int(id.count) + 1 }
        }
        try makeRoom(pins: ids.pins, bytes.pins, boards: ids.boards, bytes.boards, for: path)
    }

    /// The same for so many more ids, of so many bytes.
    func makeRoom(
        pins morePins: Int = 0, _ pinBytes: Int = 0, boards moreBoards: Int = 0, _ boardBytes: Int = 0,
        for path: String
    ) throws {
        let needed =
            pins.byteCount(more: morePins, moreBytes: pinBytes)
            + boards.byteCount(more: moreBoards, moreBytes: boardBytes)
        try memory.require(needed + edges.pieceEdges * 8, for: "\(pins.count + boards.count) ids", path)
        try edges.shrink(to: memory.tableBytes - needed)
    }

    private func readLineByLine(_ round: [TextBlock], _ place: inout LinePlace) throws {
        for block in round {
            var rest = unsafe block.text
            while let end = unsafe rest.firstIndex(of: UInt8(ascii: "\n")) {
                place.line += 1
                try unsafe readLine(UnsafeRawBufferPointer(rebasing: rest[..<end]), place)
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
            }
            place.line += block.precedesEndlessLine ? 1 : 0
            if block.precedesEndlessLine { throw place.endless }
        }
    }

    /// What a line means.
    private func readLine(_ line: UnsafeRawBufferPointer, _ place: LinePlace) throws {
        try unsafe place.require(line)
        let (pin, board) = try unsafe Self.split(line, place)
        let pinRow = try unsafe Self.number(pin, "pin", pins, listedIn: pinsAreListedIn, place)
        let boardRow = try unsafe Self.number(board, "board", boards, listedIn: boardsAreListedIn, place)
        edges.append(pinRow, boardRow)
    }

    private static func split(
        _ line: UnsafeRawBufferPointer, _ place: LinePlace
    ) throws -> (pin: UnsafeRawBufferPointer, board: UnsafeRawBufferPointer) {
        let tab = UInt8(ascii: "\t")
        guard let cut = unsafe line.firstIndex(of: tab) else {
            throw place.bad("no tab", "pin TAB board", "'\(unsafe printable(line))'", "Separate the two ids by a tab")
        }
        let pin = unsafe UnsafeRawBufferPointer(rebasing: line[..<cut])
        let board = unsafe UnsafeRawBufferPointer(rebasing: line[(cut + 1)...])
        if pin.count == 0 { throw place.bad("empty pin id", "pin TAB board", "nothing before the tab", "Name the pin") }
        if board.count == 0 {
            throw place.bad("empty board id", "pin TAB board", "nothing after the tab", "Name the board")
        }
        if unsafe board.contains(tab) {
            throw place.bad("too many columns", "pin TAB board", "a second tab", "Keep the first two columns only")
        }
        return unsafe (pin, board)
    }

    private static func number(
        _ id: UnsafeRawBufferPointer, _ kind: String, _ table: IDTable, listedIn list: String?, _ place: LinePlace
    ) throws -> UInt32 {
        guard let list else {
            let (row, isNew) = try unsafe table.insert(id, place)
            if isNew { try unsafe place.requireText(id) }
            return row
        }
        guard let row = unsafe table.row(of: id) else {
            throw place.bad(
                "unknown \(kind)", "an id listed in \(list)", "'\(unsafe printable(id))'",
                "Add it there or drop the edge")
        }
        return row
    }
}

extension IDTable {
    /// Reads `pins.txt`: an id on each line, none twice.
    ///
    /// - Throws: `GraphError.badLine` for the first line that cannot be used.
    convenience init(listing path: String, countMax: Int = IDIndex.rowsMax) throws {
        self.init(countMax: countMax)
        try append(listing: path)
    }

    /// Adds the ids of another list, none of which may be there.
    func append(listing path: String) throws {
        let known = UInt32(count)
        let lines = try LineReader(path: path)
        while let id = try unsafe lines.next() {
            if unsafe id.contains(UInt8(ascii: "\t")) {
                throw lines.place.bad("tab in an id", "one id", "'\(unsafe printable(id))'", "Keep one column only")
            }
            try unsafe lines.place.requireText(id)
            let (row, isNew) = try unsafe insert(id, lines.place)
            guard isNew else {
                let place = row < known ? "already in the graph" : "as on line \(row - known + 1)"
                throw lines.place.bad(
                    "repeated id", "each id once", "'\(unsafe printable(id))', \(place)", "Remove one")
            }
        }
    }

    /// The row of an id of this line; a new one gets the next row.
    fileprivate func insert(
        _ id: UnsafeRawBufferPointer, _ place: LinePlace
    ) throws -> (row: UInt32, isNew: Bool) {
        guard let inserted = unsafe insert(id) else {
            throw place.bad(
                "too many ids", "at most \(count) different ones", "one more, '\(unsafe printable(id))'",
                "Import a part of the graph")
        }
        return inserted
    }
}
