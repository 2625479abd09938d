import Artifacts

/// The files of a graph folder, and how one is written.
enum GraphDirectory {
    static let kind = "graph"
    static let pinOffsets = "pin_offsets.npy"
    static let pinBoards = "pin_boards.npy"
    static let boardOffsets = "board_offsets.npy"
    static let boardPins = "board_pins.npy"
    static let features = "features.npy"
    /// Only in graphs that were imported with content and with structure.
    static let structure = "structure.npy"
    /// Where features come from that are the pins' structure.
    static let structureSource = "structure"
    /// Where features come from that are random projections of the pins' boards.
    static let projectedSource = "projected"
    static let pinIDs = "pins.txt"
    static let boardIDs = "boards.txt"
    /// Edges that wait to be sorted; gone when the folder is whole.
    static let spool = "edges.spool"
    /// Updates that are not in the rows yet, a folder each; only where there are any.
    static let generations = "generations"
    static let files = [pinOffsets, pinBoards, boardOffsets, boardPins, features, pinIDs, boardIDs]

    /// Refuses a target folder that holds anything that would be lost.
    ///
    /// - Parameters:
    ///   - force: a graph may be there; it and nothing else is replaced.
    ///   - hasGenerations: its pending generations are no loss.
    static func requireFree(_ path: String, force: Bool, hasGenerations: Bool = false) throws {
        let names = try AtomicReplace.entries(ofFolder: path)
        guard let names, !names.isEmpty else { return }
        guard (try? Manifest.read(directory: path, kind: kind)) != nil else {
            throw occupied(path, "\(names.count) files that are not a graph", "Name another folder")
        }
        if !force { throw occupied(path, "a graph", "Add --force to replace it") }
        var known = files + [Manifest.fileName, structure, WalkLayout.fileName]
        if try hasGenerations || PendingGenerations.names(in: path).isEmpty { known.append(generations) }
        if let stranger = names.first(where: { !known.contains($0) }) {
            throw occupied(path, "a graph and '\(stranger)', which would be lost", "Move it away first")
        }
    }

    /// Makes sure that a graph can be written to a folder, and clears what a killed process left beside it.
    ///
    /// - Returns: with `force` and a folder there, its lock, to be held until it is replaced: an update that goes on
    ///   meanwhile would be lost, or would put the old graph back.
    static func claim(_ path: String, force: Bool) throws -> FolderLock? {
        let lock = try force && AtomicReplace.entries(ofFolder: path) != nil ? FolderLock(path: path) : nil
        try requireFree(path, force: force)
        AtomicReplace.removeLeftovers(of: path)
        return lock
    }

    private static func occupied(_ path: String, _ found: String, _ action: String) -> GraphError {
        .bad(
            path: path, problem: "output folder in use", expected: "no folder or an empty one", found: found,
            action: action)
    }

    /// Writes the manifest of a folder that holds every other file, and the walk layout.
    ///
    /// - Parameters:
    ///   - ancestors: fingerprints of the graphs that this one was updated from, oldest first.
    ///   - structureWidth: columns of the structure; 0: there is none.
    ///   - hasMovedPins: whether some pin has another number than there.
    static func finish(
        _ rows: GraphRows, featureWidth: Int, featureSource: String, structureWidth: Int = 0, ancestors: [String] = [],
        hasMovedPins: Bool = false, in folder: String
    ) throws -> Manifest {
        var extra = ["features": featureSource]
        if !ancestors.isEmpty { extra[BipartiteGraph.ancestorsKey] = ancestors.joined(separator: " ") }
        if hasMovedPins { extra[BipartiteGraph.movedPinsKey] = "yes" }
        let manifest = try Manifest(
            describing: files + (structureWidth > 0 ? [structure] : []), in: folder, kind: kind,
            counts: ["pins": rows.pins.rowCount, "boards": rows.boards.rowCount, "edges": rows.edgeCount],
            featureWidth: featureWidth, extra: extra)
        try manifest.write(directory: folder)
        try WalkLayout.write(for: BipartiteGraph(directory: folder))
        return manifest
    }
}
