import Glibc

/// The edges of a TSV file, and the ids that it or a list of pins names.
struct EdgeFile {
    private(set) var edges = EdgeColumns()
    private(set) var pins: IDTable
    private(set) var boards: IDTable

    /// Reads `edges.tsv`: a pin, a tab, a board on each line.
    ///
    /// - Parameters:
    ///   - pins: the pins that may occur, from `pins.txt`; nil when every pin may, numbered by first appearance.
    ///   - idsMax: pins, and boards, that there may be.
    ///   - progress: called now and then with the number of edges so far.
    /// - Throws: `GraphError.badLine` for the first line that cannot be used.
    init(
        path: String, pins listed: (table: IDTable, path: String)?, idsMax: Int, progress: (Int) -> Void
    ) throws {
        pins = listed?.table ?? IDTable(countMax: idsMax)
        boards = IDTable(countMax: idsMax)
        let lines = try LineReader(path: path)
        while let line = try unsafe lines.next() {
            let (pin, board) = try unsafe Self.split(line, lines)
            let pinRow: UInt32
            if let listed {
                guard let row = unsafe pins.row(of: pin) else {
                    throw lines.bad(
                        "unknown pin", "an id listed in \(listed.path)", "'\(unsafe printable(pin))'",
                        "Add it there or drop the edge")
                }
                pinRow = row
            } else {
                pinRow = try unsafe Self.number(pin, &pins, lines)
            }
            edges.append(pin: pinRow, board: try unsafe Self.number(board, &boards, lines))
            if edges.pins.count & 0xFFFF == 0 { progress(edges.pins.count) }
        }
        guard !edges.pins.isEmpty else {
            throw GraphError.bad(
                path: path, problem: "no edges", expected: "lines of pin TAB board", found: "an empty file",
                action: "Name the file of edges")
        }
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
        _ id: UnsafeRawBufferPointer, _ table: inout IDTable, _ lines: LineReader
    ) throws -> UInt32 {
        let (row, isNew) = try unsafe table.insert(id, lines)
        if isNew { try unsafe lines.requireText(id) }
        return row
    }
}

extension IDTable {
    /// Reads `pins.txt`: an id on each line, none twice.
    ///
    /// - Throws: `GraphError.badLine` for the first line that cannot be used.
    init(listing path: String, countMax: Int) throws {
        self.init(countMax: countMax)
        let lines = try LineReader(path: path)
        while let id = try unsafe lines.next() {
            if unsafe id.contains(UInt8(ascii: "\t")) {
                throw lines.bad("tab in an id", "one id", "'\(unsafe printable(id))'", "Keep one column only")
            }
            try unsafe lines.requireText(id)
            let (row, isNew) = try unsafe insert(id, lines)
            guard isNew else {
                throw lines.bad(
                    "repeated id", "each id once", "'\(unsafe printable(id))', as on line \(row + 1)", "Remove one")
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
