import Artifacts

/// The files of a graph folder, and how one is written.
enum GraphDirectory {
    static let kind = "graph"
    static let pinOffsets = "pin_offsets.npy"
    static let pinBoards = "pin_boards.npy"
    static let boardOffsets = "board_offsets.npy"
    static let boardPins = "board_pins.npy"
    static let features = "features.npy"
    static let pinIDs = "pins.txt"
    static let boardIDs = "boards.txt"
    static let files = [pinOffsets, pinBoards, boardOffsets, boardPins, features, pinIDs, boardIDs]

    /// Refuses a target folder that holds anything that would be lost.
    ///
    /// - Parameter force: a graph may be there; it and nothing else is replaced.
    static func requireFree(_ path: String, force: Bool) throws {
        let names = try AtomicReplace.entries(ofFolder: path)
        guard let names, !names.isEmpty else { return }
        guard (try? Manifest.read(directory: path, kind: kind)) != nil else {
            throw occupied(path, "\(names.count) files that are not a graph", "Name another folder")
        }
        if !force { throw occupied(path, "a graph", "Add --force to replace it") }
        let known = files + [Manifest.fileName, WalkLayout.fileName]
        if let stranger = names.first(where: { !known.contains($0) }) {
            throw occupied(path, "a graph and '\(stranger)', which would be lost", "Move it away first")
        }
    }

    private static func occupied(_ path: String, _ found: String, _ action: String) -> GraphError {
        .bad(
            path: path, problem: "output folder in use", expected: "no folder or an empty one", found: found,
            action: action)
    }

    /// Writes every file but the features into `folder`, which must already hold those; then the manifest and the walk
    /// layout.
    ///
    /// - Parameters:
    ///   - ancestors: fingerprints of the graphs that this one was updated from, oldest first.
    ///   - hasMovedPins: whether some pin has another number than there.
    static func write(
        _ rows: BipartiteRows, pinIDs: IDTable, boardIDs: IDTable, featureWidth: Int, featureSource: String,
        ancestors: [String] = [], hasMovedPins: Bool = false, to folder: String
    ) throws -> Manifest {
        func numbers<T: NumpyScalar>(_ name: String, _ values: [T]) throws {
            try writeNumpy(path: "\(folder)/\(name)", shape: [values.count], values)
        }
        try numbers(pinOffsets, rows.pinOffsets)
        try numbers(pinBoards, rows.pinBoards)
        try numbers(boardOffsets, rows.boardOffsets)
        try numbers(boardPins, rows.boardPins)
        try pinIDs.write(to: "\(folder)/\(Self.pinIDs)")
        try boardIDs.write(to: "\(folder)/\(Self.boardIDs)")
        var extra = ["features": featureSource]
        if !ancestors.isEmpty { extra[BipartiteGraph.ancestorsKey] = ancestors.joined(separator: " ") }
        if hasMovedPins { extra[BipartiteGraph.movedPinsKey] = "yes" }
        let manifest = try Manifest(
            describing: files, in: folder, kind: kind,
            counts: ["pins": pinIDs.count, "boards": boardIDs.count, "edges": rows.pinBoards.count],
            featureWidth: featureWidth, extra: extra)
        try manifest.write(directory: folder)
        try WalkLayout.write(for: BipartiteGraph(directory: folder))
        return manifest
    }
}
