import Artifacts

/// Writes graph folders for tests, straight from the lists.
public enum GraphOnDisk {
    /// A graph folder holding the pins' boards as given, with ids `pin-0`, `pin-1`, … and `board-0`, …
    /// unless they are given.
    ///
    /// - Parameters:
    ///   - boardsOfPins: a sorted list without repeats for each pin.
    ///   - featureSource: `given` or `projected`, as the manifest says it.
    ///   - structure: row-major, as many columns as fit; nil for a graph without.
    ///   - features: row-major, one row of `featureWidth` for each pin; nil for a graph without.
    public static func write(
        to directory: String, boardsOfPins: [[UInt32]], boardCount: Int, features: [Float]? = nil,
        featureWidth: Int = 0, featureSource: String = "given", structure: [Float]? = nil, pinIDs: [String]? = nil,
        boardIDs: [String]? = nil
    ) throws {
        var pinsOfBoards = [[UInt32]](repeating: [], count: boardCount)
        for (pin, boards) in boardsOfPins.enumerated() {
            for board in boards { pinsOfBoards[Int(board)].append(UInt32(pin)) }
        }
        try AtomicReplace.writeFolder(at: directory) { folder in
            var files = ["pin_offsets.npy", "pin_boards.npy", "board_offsets.npy", "board_pins.npy"]
            try rows(boardsOfPins, offsets: folder + "/pin_offsets.npy", entries: folder + "/pin_boards.npy")
            try rows(pinsOfBoards, offsets: folder + "/board_offsets.npy", entries: folder + "/board_pins.npy")
            if let features {
                let shape = [boardsOfPins.count, featureWidth]
                try writeNumpy(path: folder + "/features.npy", shape: shape, features)
                files.append("features.npy")
            }
            if let structure {
                let shape = [boardsOfPins.count, structure.count / boardsOfPins.count]
                try writeNumpy(path: folder + "/structure.npy", shape: shape, structure)
                files.append("structure.npy")
            }
            for (name, count, ids) in [("pin", boardsOfPins.count, pinIDs), ("board", boardCount, boardIDs)] {
                let text = (ids ?? (0..<count).map { "\(name)-\($0)" }).map { $0 + "\n" }.joined()
                try AtomicReplace.write(to: "\(folder)/\(name)s.txt") { try $0.write(text) }
                files.append("\(name)s.txt")
            }
            let edges = boardsOfPins.reduce(0) { $0 + $1.count }
            let counts = ["pins": boardsOfPins.count, "boards": boardCount, "edges": edges]
            try Manifest(
                describing: files, in: folder, kind: "graph", counts: counts,
                featureWidth: features == nil ? 0 : featureWidth, extra: ["features": featureSource]
            ).write(directory: folder)
        }
    }

    private static func rows(_ lists: [[UInt32]], offsets: String, entries: String) throws {
        var starts: [Int64] = [0]
        for list in lists { starts.append((starts.last ?? 0) + Int64(list.count)) }
        try writeNumpy(path: offsets, shape: [starts.count], starts)
        let joined = lists.flatMap(\.self)
        try writeNumpy(path: entries, shape: [joined.count], joined)
    }
}
