import Artifacts

extension BipartiteGraph {
    /// Reads the whole graph and checks all that opening trusts.
    ///
    /// Every checksum; rows that start where the one before ends, sorted, without repeats, ids in range; the same
    /// edges in both directions; as many ids as rows, none twice; finite features; every word of the walk layout.
    /// - Throws: `ArtifactError` or `GraphError` for the first thing that is wrong.
    /// - Complexity: O(bytes); 8 bytes of memory a board.
    public func verify(progress: (String) -> Void = { _ in }) throws {
        try manifest.verifyChecksums(directory: directory) { name, bytes in progress("\(name): \(bytes) bytes") }
        progress("rows")
        unsafe try verifyRows(
            pinOffsets, pinBoards, rows: pinCount, columns: boardCount,
            files: (GraphDirectory.pinOffsets, GraphDirectory.pinBoards))
        unsafe try verifyRows(
            boardOffsets, boardPins, rows: boardCount, columns: pinCount,
            files: (GraphDirectory.boardOffsets, GraphDirectory.boardPins))
        progress("directions")
        try verifyDirections()
        if let layout {
            progress("walk layout")
            try layout.verify(self)
        }
        progress("ids")
        for ids in [try pinIDs(), try boardIDs()] {
            if let (first, second) = ids.firstRepeat() {
                throw Self.bad(ids.path, "repeated id", "each id once", "lines \(first + 1) and \(second + 1)")
            }
        }
        progress("features")
        try verifyFeatures()
    }

    private func verifyRows(
        _ offsets: UnsafePointer<Int64>, _ entries: UnsafePointer<UInt32>, rows: Int, columns: Int,
        files: (offsets: String, entries: String)
    ) throws {
        for row in 0..<rows {
            let (start, end) = unsafe (offsets[row], offsets[row + 1])
            guard start <= end, end <= edgeCount else {
                throw Self.bad(
                    "\(directory)/\(files.offsets)", "row \(row)", "an end from \(start) to \(edgeCount)", "\(end)")
            }
            var previous = -1
            for i in Int(start)..<Int(end) {
                let entry = unsafe Int(entries[i])
                guard entry > previous, entry < columns else {
                    throw Self.bad(
                        "\(directory)/\(files.entries)", "row \(row)", "ids from \(previous + 1) to \(columns - 1)",
                        "\(entry)")
                }
                previous = entry
            }
        }
    }

    /// Walks the pins upwards; each board's row must then be met in its own order.
    private func verifyDirections() throws {
        var next = (0..<boardCount).map { unsafe boardOffsets[$0] }
        for pin in 0..<UInt32(pinCount) {
            let boards = unsafe boards(of: pin)
            for i in 0..<boards.count {
                let board = unsafe Int(boards[i])
                guard unsafe next[board] < boardOffsets[board + 1], unsafe boardPins[Int(next[board])] == pin else {
                    throw Self.bad(
                        "\(directory)/\(GraphDirectory.boardPins)", "row \(board)", "pin \(pin), which has this board",
                        "another entry")
                }
                next[board] += 1
            }
        }
        // Both directions have E entries, so nothing can be left over.
    }

    private func verifyFeatures() throws {
        for table in [features, structure].compactMap(\.self) {
            guard let bad = table.firstNotFinite() else { continue }
            throw Self.bad(table.path, "row \(bad.row)", "finite numbers", "\(bad.value) in column \(bad.column)")
        }
    }
}
