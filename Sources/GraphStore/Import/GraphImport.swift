import Artifacts
import Basics

/// What to import, and where to.
public struct GraphImportOptions: Sendable {
    /// Lines of pin TAB board: plain, `.gz` or `.zst`; `-` is standard input.
    public var edges: String
    /// One pin id a line; nil: pins are those of the edges, in order of first appearance.
    public var pins: String?
    /// `.npy` (P × F), float32 or float16, row = line of `pins`; nil: features are projected from the boards.
    public var features: String?
    /// The graph folder to write.
    public var output: String
    /// Width of projected features, at least 1. Default 64.
    public var featureWidth = 64
    /// Columns of the pins' structure (`PinStructure`); 0: none. Without `features` it takes their place.
    public var structureWidth = 0
    /// Replaces a graph that is already there. Default no.
    public var force = false
    /// Most memory for the process, mapped files included, at least 128 MB; nil: half of the machine's.
    public var memoryBytes: Int?
    /// Threads that parse and sort, at least 1; nil: one for each processor. Changes no byte.
    public var threads: Int?
    /// Edges of a piece of the spool, and entries of a round of sorting, where memory shall not say it.
    package var pieceEdges: Int?
    package var roundEntries: Int?
    /// Pins, and boards, that there may be: as many as have a number.
    package var idsMax = IDIndex.rowsMax

    public init(edges: String, output: String) {
        self.edges = edges
        self.output = output
    }
}

/// What an import made.
public struct GraphImportResult: Codable, Equatable, Sendable {
    public let pins: Int
    public let boards: Int
    public let edges: Int
    /// Lines that repeated an edge and were dropped.
    public let repeats: Int
    /// Pins listed without any edge.
    public let pinsWithoutBoards: Int
    public let featureWidth: Int
    public let structureWidth: Int
    public let fingerprint: String
}

/// Makes a graph folder from text and vectors.
public struct GraphImport {
    /// Reads everything, checks everything, and puts the finished folder in place in one step.
    ///
    /// Pins are numbered as in `pins.txt`, or by first appearance in the edges; boards by first appearance. Same
    /// input, same bytes, same fingerprint.
    /// - Parameter progress: called now and then with a few words.
    /// - Throws: `GraphError` or `ArtifactError`; then nothing is left behind and an older graph is as it was.
    /// - Complexity: O(edges) time. Memory: 20 to 40 bytes an id and its text while reading, 8 bytes a pin and board while
    ///   sorting, and of edges what has room: the others, 8 bytes each, go to a file until they are sorted.
    public static func run(
        _ options: GraphImportOptions, progress: @escaping (String) -> Void = { _ in }
    ) throws -> GraphImportResult {
        precondition(options.featureWidth > 0, "GraphImport: feature width \(options.featureWidth) is not positive")
        precondition(options.structureWidth >= 0, "GraphImport: structure width \(options.structureWidth)")
        precondition(options.features == nil || options.pins != nil, "GraphImport: features need pins")
        let lock = try GraphDirectory.claim(options.output, force: options.force)
        defer { withExtendedLifetime(lock) {} }
        let memory = ImportMemory(byteCount: options.memoryBytes, threads: options.threads)
        let limit = ResidentLimit(byteCount: memory.byteCount)
        defer { limit.end() }
        return try AtomicReplace.writeFolder(at: options.output, replacing: options.force) { folder in
            try GraphImport(options: options, memory: memory, folder: folder, progress: progress).write()
        }
    }

    private let options: GraphImportOptions
    private let memory: ImportMemory
    private let folder: String
    private let progress: (String) -> Void

    private func write() throws -> GraphImportResult {
        let target = "\(folder)/\(GraphDirectory.features)"
        var listed: IDTable?
        var width = options.featureWidth
        if let path = options.pins {
            progress("reading the list of pins")
            let table = try IDTable(listing: path, countMax: options.idsMax)
            listed = table
            // Before the edges, which take longest: a bad table is found early.
            if let features = options.features {
                progress("copying features")
                width = try PinFeatures.copy(from: features, to: target, pins: table, pinsPath: path)
            }
        }
        let rows = try sort(readEdges(pins: listed ?? IDTable(countMax: options.idsMax)))
        let hasContent = options.features != nil
        var source = hasContent ? "given" : GraphDirectory.projectedSource
        if options.structureWidth > 0 {
            try PinStructure.make(
                of: rows, width: options.structureWidth, memory: memory,
                to: hasContent ? "\(folder)/\(GraphDirectory.structure)" : target, folder, progress)
            if !hasContent { (source, width) = (GraphDirectory.structureSource, options.structureWidth) }
        } else if !hasContent {
            let phase = ProgressText("projecting board lists", total: rows.pins.rowCount, unit: "pins")
            try PinFeatures.project(rows, width: width, memory: memory, to: target) {
                progress(phase.text(Int($0 * Double(rows.pins.rowCount))))
            }
        }
        progress("checksums")
        let structureWidth = hasContent ? options.structureWidth : 0
        let manifest = try GraphDirectory.finish(
            rows, featureWidth: width, featureSource: source, structureWidth: structureWidth, in: folder)
        return GraphImportResult(
            pins: rows.pins.rowCount, boards: rows.boards.rowCount, edges: rows.edgeCount, repeats: rows.repeats,
            pinsWithoutBoards: rows.pins.emptyRows, featureWidth: width, structureWidth: structureWidth,
            fingerprint: manifest.fingerprint)
    }

    /// Reads the edges, and writes the ids, which need no memory afterwards.
    private func readEdges(pins: IDTable) throws -> (edges: EdgeSpool, pins: Int, boards: Int) {
        let edges = EdgeSpool(path: "\(folder)/\(GraphDirectory.spool)", pieceEdges: options.pieceEdges)
        let file = EdgeFile(
            edges: edges, pins: pins, boards: IDTable(countMax: options.idsMax), memory: memory,
            pinsAreListedIn: options.pins)
        let phase = ProgressText("reading edges", total: TextBlocks.fileBytes(options.edges), unit: "edges")
        try file.read(path: options.edges) { bytes, edges in progress(phase.text(bytes, count: edges)) }
        try file.writeIDs(to: folder)
        let counts = (file.pins.count, file.boards.count)
        file.pins.removeAll()
        file.boards.removeAll()
        return (edges, counts.0, counts.1)
    }

    private func sort(_ read: (edges: EdgeSpool, pins: Int, boards: Int)) throws -> GraphRows {
        try GraphRows(
            read.edges, pinCount: read.pins, boardCount: read.boards, memory: memory,
            roundEntries: options.roundEntries, to: folder, progress: progress)
    }
}
