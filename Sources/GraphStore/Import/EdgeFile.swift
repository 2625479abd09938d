import Glibc

/// The edges of TSV files, and the ids that they or a list of pins name.
struct EdgeFile {
    private(set) var edges: EdgeColumns
    private(set) var pins: IDTable
    private(set) var boards: IDTable
    /// The list of all pins that may occur; nil: every pin may, and new ones are numbered by first appearance.
    var pinsAreListedIn: String?
    /// The same for boards.
    var boardsAreListedIn: String?

    /// Edges, pins and boards that are known before any file is read.
    init(edges: EdgeColumns = EdgeColumns(), pins: IDTable = IDTable(), boards: IDTable = IDTable()) {
        self.edges = edges
        self.pins = pins
        self.boards = boards
    }

    /// Reads `edges.tsv`: a pin, a tab, a board on each line.
    ///
    /// - Parameter progress: called now and then with the number of edges so far.
    /// - Throws: `GraphError.badLine` for the first line that cannot be used.
    mutating func read(path: String, progress: (Int) -> Void) throws {
        let lines = try LineReader(path: path)
        while let line = try unsafe lines.next() {
            let (pin, board) = try unsafe Self.split(line, lines)
            let pinRow = try unsafe Self.number(pin, "pin", &pins, listedIn: pinsAreListedIn, lines)
            let boardRow = try unsafe Self.number(board, "board", &boards, listedIn: boardsAreListedIn, lines)
            edges.append(pin: pinRow, board: boardRow)
            if edges.pins.count & 0xFFFF == 0 { progress(edges.pins.count) }
        }
        guard lines.line > 0 else {
            throw GraphError.bad(
                path: path, problem: "no edges", expected: "lines of pin TAB board", found: "an empty file",
                action: "Name the file of edges")
        }
    }

    /// Gives the edges away.
    mutating func takeEdges() -> EdgeColumns {
        defer { edges = EdgeColumns() }
        return edges
    }

    private static func split(
        _ line: UnsafeRawBufferPointer, _ lines: LineReader
    ) throws -> (pin: UnsafeRawBufferPointer, board: UnsafeRawBufferPointer) {
        let tab = UInt8(ascii: "\t")
        guard let start = line.baseAddress, let found = unsafe memchr(start, Int32(tab), line.count) else {
            throw lines.bad("no tab", "pin TAB board", "'\(unsafe printable(line))'", "Separate the two ids by a tab")
        }
        let cut = unsafe UnsafeRawPointer(found) - start
        let pin = unsafe UnsafeRawBufferPointer(rebasing: line[..<cut])
        let board = unsafe UnsafeRawBufferPointer(rebasing: line[(cut + 1)...])
        if pin.count == 0 { throw lines.bad("empty pin id", "pin TAB board", "nothing before the tab", "Name the pin") }
        guard let boardStart = board.baseAddress, board.count > 0 else {
            throw lines.bad("empty board id", "pin TAB board", "nothing after the tab", "Name the board")
        }
        if unsafe memchr(boardStart, Int32(tab), board.count) != nil {
            throw lines.bad("too many columns", "pin TAB board", "a second tab", "Keep the first two columns only")
        }
        return unsafe (pin, board)
    }

    private static func number(
        _ id: UnsafeRawBufferPointer, _ kind: String, _ table: inout IDTable, listedIn list: String?,
        _ lines: LineReader
    ) throws -> UInt32 {
        guard let list else {
            let (row, isNew) = try unsafe table.insert(id, lines)
            if isNew { try unsafe lines.requireText(id) }
            return row
        }
        guard let row = unsafe table.row(of: id) else {
            throw lines.bad(
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
    init(listing path: String, countMax: Int = IDIndex.rowsMax) throws {
        self.init(countMax: countMax)
        try append(listing: path)
    }

    /// Adds the ids of another list, none of which may be there.
    mutating func append(listing path: String) throws {
        let known = UInt32(count)
        let lines = try LineReader(path: path)
        while let id = try unsafe lines.next() {
            if unsafe id.contains(UInt8(ascii: "\t")) {
                throw lines.bad("tab in an id", "one id", "'\(unsafe printable(id))'", "Keep one column only")
            }
            try unsafe lines.requireText(id)
            let (row, isNew) = try unsafe insert(id, lines)
            guard isNew else {
                let place = row < known ? "already in the graph" : "as on line \(row - known + 1)"
                throw lines.bad(
                    "repeated id", "each id once", "'\(unsafe printable(id))', \(place)", "Remove one")
            }
        }
    }

    /// The row of an id of this line; a new one gets the next row.
    fileprivate mutating func insert(
        _ id: UnsafeRawBufferPointer, _ lines: LineReader
    ) throws -> (row: UInt32, isNew: Bool) {
        guard let inserted = unsafe insert(id) else {
            throw lines.bad(
                "too many ids", "at most \(count) different ones", "one more, '\(unsafe printable(id))'",
                "Import a part of the graph")
        }
        return inserted
    }
}
