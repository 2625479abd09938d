import Artifacts

/// What to import, and where to.
public struct GraphImportOptions: Sendable {
    /// Lines of pin TAB board: plain, `.gz` or `.zst`.
    public var edges: String
    /// One pin id a line; nil: pins are those of the edges, in order of first appearance.
    public var pins: String?
    /// `.npy` (P × F), float32 or float16, row = line of `pins`; nil: features are projected from the boards.
    public var features: String?
    /// The graph folder to write.
    public var output: String
    /// Width of projected features, at least 1. Default 64.
    public var featureWidth = 64
    /// Replaces a graph that is already there. Default no.
    public var force = false
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
    public let fingerprint: String
}

/// Makes a graph folder from text and vectors.
public enum GraphImport {
    /// Reads everything, checks everything, and puts the finished folder in place in one step.
    ///
    /// Pins are numbered as in `pins.txt`, or by first appearance in the edges; boards by first appearance. Same
    /// input, same bytes, same fingerprint.
    /// - Parameter progress: called now and then with a few words.
    /// - Throws: `GraphError` or `ArtifactError`; then nothing is left behind and an older graph is as it was.
    /// - Complexity: O(edges) time; 8 bytes an edge while reading, 20 while sorting, and the ids.
    public static func run(
        _ options: GraphImportOptions, progress: (String) -> Void = { _ in }
    ) throws -> GraphImportResult {
        precondition(options.featureWidth > 0, "GraphImport: feature width \(options.featureWidth) is not positive")
        precondition(options.features == nil || options.pins != nil, "GraphImport: features need pins")
        try GraphDirectory.requireFree(options.output, force: options.force)
        return try AtomicReplace.writeFolder(at: options.output, replacing: options.force) { folder in
            try write(options, to: folder, progress: progress)
        }
    }

    private static func write(
        _ options: GraphImportOptions, to folder: String, progress: (String) -> Void
    ) throws -> GraphImportResult {
        let target = "\(folder)/\(GraphDirectory.features)"
        var listed: IDTable?
        var width = options.featureWidth
        if let path = options.pins {
            let table = try IDTable(listing: path, countMax: options.idsMax)
            listed = table
            // Before the edges, which take longest: a bad table is found early.
            if let features = options.features {
                progress("copying features")
                width = try PinFeatures.copy(from: features, to: target, pins: table, pinsPath: path)
            }
        }
        let idsMax = options.idsMax
        var file = EdgeFile(pins: listed ?? IDTable(countMax: idsMax), boards: IDTable(countMax: idsMax))
        file.pinsAreListedIn = options.pins
        try file.read(path: options.edges) { progress("\($0) edges read") }
        progress("sorting \(file.edges.pins.count) edges")
        let (pinCount, boardCount) = (file.pins.count, file.boards.count)
        let rows = BipartiteRows(file.takeEdges(), pinCount: pinCount, boardCount: boardCount)
        if options.features == nil {
            progress("projecting board lists to \(width) features")
            try PinFeatures.project(rows, width: width, to: target)
        }
        let manifest = try GraphDirectory.write(
            rows, pinIDs: file.pins, boardIDs: file.boards, featureWidth: width,
            featureSource: options.features == nil ? "projected" : "given", to: folder)
        return GraphImportResult(
            pins: file.pins.count, boards: file.boards.count, edges: rows.pinBoards.count, repeats: rows.repeats,
            pinsWithoutBoards: rows.emptyPins, featureWidth: width, fingerprint: manifest.fingerprint)
    }
}

extension BipartiteRows {
    /// The number of pins that have no board.
    var emptyPins: Int { zip(pinOffsets, pinOffsets.dropFirst()).count { $0 == $1 } }
}
