import Artifacts
import Basics

/// What to add to a graph, and what to take away.
public struct GraphUpdateOptions: Sendable {
    /// The graph folder.
    public var graph: String
    /// Lines of pin TAB board: plain, `.gz` or `.zst`. Boards that are not there are new.
    public var edges: String?
    /// New pins, one id a line; nil: those of the edges that are not there, in order of first appearance.
    public var pins: String?
    /// `.npy` (new pins × F), row = new pin. Needed where there are new pins, unless the features are made of the graph.
    public var features: String?
    /// Pins to take away, one id a line.
    public var remove: String?
    /// Where to write; nil: in place of the graph.
    public var output: String?
    /// Whether edges may name boards that are not there. Default yes.
    public var newBoards = true
    /// Most memory for the process, mapped files included, at least 128 MB; nil: half of the machine's.
    public var memoryBytes: Int?
    /// Threads, at least 1; nil: one for each processor. Changes no byte.
    public var threads: Int?

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
        AtomicReplace.removeLeftovers(of: output)
        let memory = ImportMemory(byteCount: options.memoryBytes, threads: options.threads)
        let limit = ResidentLimit(byteCount: memory.byteCount)
        defer { limit.end() }
        return try AtomicReplace.writeFolder(at: output, replacing: options.output == nil) { folder in
            try write(options, old, memory, to: folder, progress: progress)
        }
    }

    private static func write(
        _ options: GraphUpdateOptions, _ old: BipartiteGraph, _ memory: ImportMemory, to folder: String,
        progress: (String) -> Void
    ) throws -> GraphUpdateResult {
        progress("reading ids")
        let (kept, pins) = try keptPins(options, old)
        if let path = options.pins { try pins.append(listing: path) }
        let edges = EdgeSpool(path: "\(folder)/\(GraphDirectory.spool)")
        let boards = try IDTable(listing: "\(old.directory)/\(GraphDirectory.boardIDs)")
        let file = EdgeFile(edges: edges, pins: pins, boards: boards, memory: memory)
        try addEdges(of: old, kept, to: file)
        if let path = options.edges {
            file.pinsAreListedIn = options.pins
            file.boardsAreListedIn = options.newBoards ? nil : old.directory
            let phase = ProgressText("reading edges", total: TextBlocks.fileBytes(path), unit: "edges")
            try file.read(path: path) { bytes, edges in progress(phase.text(bytes, count: edges)) }
        }
        try file.writeIDs(to: folder)
        let rows = try GraphRows(
            edges, pinCount: pins.count, boardCount: boards.count, memory: memory, to: folder, progress: progress)
        let source = old.manifest.extra["features"] ?? "given"
        progress("writing features")
        func grow(_ structure: VectorTable, _ name: String) throws {
            let grown = try PinStructure.updated(structure, kept: kept, graph: rows, memory: memory, folder)
            try PinStructure.write(grown, to: "\(folder)/\(name)")
        }
        if let structure = old.structure { try grow(structure, GraphDirectory.structure) }
        if source == GraphDirectory.structureSource, let features = old.features {
            try grow(features, GraphDirectory.features)
        } else if source == "projected" {
            try PinFeatures.project(
                rows, width: old.manifest.featureWidth, memory: memory, to: "\(folder)/\(GraphDirectory.features)",
                progress: { _ in })
        } else {
            try writeFeatures(
                options, old, kept, newPins: pins.selecting(UInt32(kept.count)..<UInt32(pins.count)), to: folder)
        }
        let manifest = try GraphDirectory.finish(
            rows, featureWidth: old.manifest.featureWidth, featureSource: source,
            structureWidth: old.structure?.width ?? 0, ancestors: old.ancestors + [old.fingerprint],
            hasMovedPins: old.hasMovedPins || kept.count < old.pinCount, in: folder)
        return GraphUpdateResult(
            pins: pins.count, boards: boards.count, edges: rows.edgeCount, newPins: pins.count - kept.count,
            newBoards: boards.count - old.boardCount, removedPins: old.pinCount - kept.count,
            fingerprint: manifest.fingerprint)
    }

    /// The old rows of the old pins that stay, and their ids.
    private static func keptPins(
        _ options: GraphUpdateOptions, _ old: BipartiteGraph
    ) throws -> (rows: [UInt32], table: IDTable) {
        let table = try IDTable(listing: "\(old.directory)/\(GraphDirectory.pinIDs)")
        guard let path = options.remove else { return (Array(0..<UInt32(old.pinCount)), table) }
        var isRemoved = [Bool](repeating: false, count: old.pinCount)
        let lines = try LineReader(path: path)
        while let id = try unsafe lines.next() {
            guard let row = unsafe table.row(of: id) else {
                throw lines.place.bad(
                    "unknown pin", "an id of \(old.directory)", "'\(unsafe printable(id))'", "Drop the line")
            }
            isRemoved[Int(row)] = true
        }
        let rows = (0..<old.pinCount).filter { !isRemoved[$0] }.map { UInt32($0) }
        return (rows, table.selecting(rows))
    }

    /// Adds the edges of the pins that stay, under their new rows.
    private static func addEdges(of old: BipartiteGraph, _ kept: [UInt32], to file: EdgeFile) throws {
        for (row, pin) in kept.enumerated() {
            let boards = unsafe old.boards(of: pin)
            for i in 0..<boards.count {
                unsafe withUnsafePointer(to: UInt64(row) << 32 | UInt64(boards[i])) {
                    unsafe file.edges.append(UnsafeBufferPointer(start: $0, count: 1))
                }
            }
            if row & 0xFFFF == 0 { try file.makeRoom(for: old.directory) }
        }
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
