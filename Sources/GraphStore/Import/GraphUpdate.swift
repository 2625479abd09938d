import Artifacts

/// What to add to a graph, and what to take away.
public struct GraphUpdateOptions: Sendable {
    /// The graph folder.
    public var graph: String
    /// Lines of pin TAB board: plain, `.gz` or `.zst`. Boards that are not there are new.
    public var edges: String?
    /// New pins, one id a line; nil: those of the edges that are not there, in order of first appearance.
    public var pins: String?
    /// `.npy` (new pins × F), row = new pin. Needed where there are new pins, unless the features are projected.
    public var features: String?
    /// Pins to take away, one id a line.
    public var remove: String?
    /// Where to write; nil: in place of the graph.
    public var output: String?
    /// Whether edges may name boards that are not there. Default yes.
    public var newBoards = true

    public init(graph: String) { self.graph = graph }
}

/// What an update made.
public struct GraphUpdateResult: Codable, Equatable, Sendable {
    public let pins: Int
    public let boards: Int
    public let edges: Int
    public let newPins: Int
    public let newBoards: Int
    public let removedPins: Int
    public let fingerprint: String
}

/// Adds edges, pins and boards to a graph, and takes pins away with all their edges.
///
/// The files are those that an import writes of the old edges and then the new ones, with `pins.txt` listing the old
/// pins that stay and then the new ones; boards keep their order, those that lose all pins stay, empty. The manifest
/// also names the graphs that it came from, so that their checkpoints embed it.
public enum GraphUpdate {
    /// Puts the new graph in place in one step.
    ///
    /// - Throws: `GraphError` or `ArtifactError`; then the graph is as it was.
    /// - Complexity: that of an import of all edges.
    @discardableResult
    public static func run(
        _ options: GraphUpdateOptions, progress: (String) -> Void = { _ in }
    ) throws -> GraphUpdateResult {
        let old = try BipartiteGraph(directory: options.graph)
        let output = options.output ?? options.graph
        try GraphDirectory.requireFree(output, force: options.output == nil)
        return try AtomicReplace.writeFolder(at: output, replacing: options.output == nil) { folder in
            try write(options, old, to: folder, progress: progress)
        }
    }

    private static func write(
        _ options: GraphUpdateOptions, _ old: BipartiteGraph, to folder: String, progress: (String) -> Void
    ) throws -> GraphUpdateResult {
        progress("reading ids")
        let kept = try keptPins(options, old)
        var pins = kept.table
        if let path = options.pins { try pins.append(listing: path) }
        let boards = try IDTable(listing: "\(old.directory)/\(GraphDirectory.boardIDs)")
        var file = EdgeFile(edges: edges(of: old, kept.rows), pins: pins, boards: boards)
        if let path = options.edges {
            file.pinsAreListedIn = options.pins
            file.boardsAreListedIn = options.newBoards ? nil : old.directory
            try file.read(path: path) { progress("\($0) edges read") }
        }
        let newPins = file.pins.count - kept.table.count
        progress("sorting \(file.edges.pins.count) edges")
        let (allPins, allBoards) = (file.pins, file.boards)
        let rows = BipartiteRows(file.takeEdges(), pinCount: allPins.count, boardCount: allBoards.count)
        let source = old.manifest.extra["features"] ?? "given"
        progress("writing features")
        if source == "projected" {
            try PinFeatures.project(
                rows, width: old.manifest.featureWidth, to: "\(folder)/\(GraphDirectory.features)")
        } else {
            try writeFeatures(
                options, old, kept.rows, newPins: allPins.selecting(UInt32(kept.table.count)..<UInt32(allPins.count)),
                to: folder)
        }
        let manifest = try GraphDirectory.write(
            rows, pinIDs: allPins, boardIDs: allBoards, featureWidth: old.manifest.featureWidth,
            featureSource: source, ancestors: old.ancestors + [old.fingerprint],
            hasMovedPins: old.hasMovedPins || kept.rows.count < old.pinCount, to: folder)
        return GraphUpdateResult(
            pins: allPins.count, boards: allBoards.count, edges: rows.pinBoards.count, newPins: newPins,
            newBoards: allBoards.count - old.boardCount, removedPins: old.pinCount - kept.rows.count,
            fingerprint: manifest.fingerprint)
    }

    /// The old pins that stay, and their old rows.
    private static func keptPins(
        _ options: GraphUpdateOptions, _ old: BipartiteGraph
    ) throws -> (table: IDTable, rows: [UInt32]) {
        let table = try IDTable(listing: "\(old.directory)/\(GraphDirectory.pinIDs)")
        guard let path = options.remove else { return (table, Array(0..<UInt32(old.pinCount))) }
        var isRemoved = [Bool](repeating: false, count: old.pinCount)
        let lines = try LineReader(path: path)
        while let id = try unsafe lines.next() {
            guard let row = unsafe table.row(of: id) else {
                throw lines.bad(
                    "unknown pin", "an id of \(old.directory)", "'\(unsafe printable(id))'", "Drop the line")
            }
            isRemoved[Int(row)] = true
        }
        let rows = (0..<old.pinCount).filter { !isRemoved[$0] }.map { UInt32($0) }
        return (table.selecting(rows), rows)
    }

    /// The edges of the pins that stay, under their new rows.
    private static func edges(of old: BipartiteGraph, _ kept: [UInt32]) -> EdgeColumns {
        var edges = EdgeColumns()
        for (row, pin) in kept.enumerated() {
            let boards = unsafe old.boards(of: pin)
            for i in 0..<boards.count { unsafe edges.append(pin: UInt32(row), board: boards[i]) }
        }
        return edges
    }

    /// The old rows that stay, then those of the new pins, in the old type.
    private static func writeFeatures(
        _ options: GraphUpdateOptions, _ old: BipartiteGraph, _ kept: [UInt32], newPins: IDTable, to folder: String
    ) throws {
        guard let table = old.features else {
            throw GraphError.bad(
                path: old.directory, problem: "no features", expected: GraphDirectory.features, found: "none",
                action: "Import it again")
        }
        let writer = try NumpyWriter(
            path: "\(folder)/\(GraphDirectory.features)", elementType: table.elementType,
            shape: [kept.count + newPins.count, table.width])
        try append(table, kept, to: writer)
        if newPins.count > 0 {
            guard let path = options.features else {
                throw GraphError.bad(
                    path: old.directory, problem: "\(newPins.count) new pins, from '\(newPins.id(0))' on",
                    expected: "--features with a row for each", found: "none", action: "Give their features")
            }
            // Beside, so that every number is looked at before it is taken.
            let copy = "\(folder)/new-features.npy"
            let width = try PinFeatures.copy(
                from: path, to: copy, pins: newPins, pinsPath: options.pins ?? options.edges ?? "")
            guard width == table.width else {
                throw GraphError.bad(
                    path: path, problem: "wrong width", expected: "\(table.width), as in \(old.directory)",
                    found: "\(width)", action: "Give features of the same kind")
            }
            try append(VectorTable(npyPath: copy), (0..<newPins.count).map { UInt32($0) }, to: writer)
            try AtomicReplace.removeTree(copy)
        }
        try writer.close()
    }

    private static func append(_ table: VectorTable, _ rows: [UInt32], to writer: NumpyWriter) throws {
        let blockRows = 1024
        var block = [Float](repeating: 0, count: blockRows * table.width)
        for start in stride(from: 0, to: rows.count, by: blockRows) {
            let wanted = rows[start..<min(start + blockRows, rows.count)]
            unsafe wanted.withUnsafeBufferPointer { wanted in
                unsafe block.withUnsafeMutableBufferPointer { block in
                    guard let base = block.baseAddress else { return }
                    unsafe table.copyRows(wanted, into: base, rowStride: table.width)
                }
            }
            let values = block[..<(wanted.count * table.width)]
            if writer.header.elementType == .float32 {
                try writer.append(Array(values))
            } else {
                try writer.append(values.map { Float16($0) })
            }
        }
    }
}
