import Artifacts
import Foundation

/// A pin–board graph: compressed rows in both directions, mapped and shared, never on the heap.
///
/// Shapes: P pins, B boards, E edges. Row p of `pinBoards` holds the boards of pin p, sorted, without repeats;
/// row b of `boardPins` the pins of board b.
@safe public final class BipartiteGraph: Sendable {
    public let directory: String
    public let manifest: Manifest
    public let pinCount: Int
    public let boardCount: Int
    public let edgeCount: Int
    /// The pins' content, row = pin (P × F); nil when the graph has none.
    public let features: VectorTable?
    /// The pins' places in the graph, row = pin (P × k), rows of length 1 or 0; nil when the graph has none beside
    /// its features.
    public let structure: VectorTable?

    /// (P + 1) starts of the pins' rows in `pinBoards`; the last is E. Valid while the graph lives.
    public nonisolated(unsafe) let pinOffsets: UnsafePointer<Int64>
    /// (E) boards, row after row.
    public nonisolated(unsafe) let pinBoards: UnsafePointer<UInt32>
    /// (B + 1) starts of the boards' rows in `boardPins`; the last is E.
    public nonisolated(unsafe) let boardOffsets: UnsafePointer<Int64>
    /// (E) pins, row after row.
    public nonisolated(unsafe) let boardPins: UnsafePointer<UInt32>

    /// The rows in the form that walks read fastest; nil when the folder has none.
    public let layout: WalkLayout?
    let layoutSource: WalkLayoutSource

    private let files: [NumpyFile]

    /// Maps a graph folder; O(1) in its size.
    ///
    /// Checks the manifest, every file's length, header, type and shape, and the first and last offsets. What lies
    /// between is trusted: `verify` reads it all.
    /// - Parameter usesLayout: whether a walk layout that is there is opened.
    /// - Throws: `ArtifactError` or `GraphError`, naming the file.
    public init(directory: String, usesLayout: Bool = true) throws {
        self.directory = directory
        guard FileManager.default.fileExists(atPath: "\(directory)/\(Manifest.fileName)") else {
            throw GraphError.bad(
                path: directory, problem: "no graph", expected: "a graph folder with \(Manifest.fileName)",
                found: "none", action: "Make one with `pinsage import` or `pinsage generate`")
        }
        let manifest = try Manifest.read(directory: directory, kind: GraphDirectory.kind)
        self.manifest = manifest
        try manifest.verifyLengths(directory: directory)
        pinCount = try Self.count("pins", manifest, directory)
        boardCount = try Self.count("boards", manifest, directory)
        let edgeCount = try Self.count("edges", manifest, directory)
        self.edgeCount = edgeCount

        func array(_ name: String, _ element: NumpyElement, _ count: Int) throws -> NumpyFile {
            let path = "\(directory)/\(name)"
            try Self.requireListed(name, manifest, directory)
            let file = try NumpyFile(path: path, elements: [element], rank: 1, advice: .hugePages)
            guard file.header.shape == [count] else {
                throw Self.bad(path, "wrong length", "\(count) entries", "\(file.header.shape[0])")
            }
            return file
        }
        let pinStarts = try array(GraphDirectory.pinOffsets, .int64, pinCount + 1)
        let pinRows = try array(GraphDirectory.pinBoards, .uint32, edgeCount)
        let boardStarts = try array(GraphDirectory.boardOffsets, .int64, boardCount + 1)
        let boardRows = try array(GraphDirectory.boardPins, .uint32, edgeCount)
        files = [pinStarts, pinRows, boardStarts, boardRows]
        unsafe pinOffsets = try Self.offsets(pinStarts, edgeCount)
        unsafe boardOffsets = try Self.offsets(boardStarts, edgeCount)
        unsafe pinBoards = Self.start(pinRows)
        unsafe boardPins = Self.start(boardRows)
        features = try Self.openTable(
            GraphDirectory.features, width: manifest.featureWidth, manifest, directory, pinCount)
        structure = try Self.openTable(GraphDirectory.structure, width: nil, manifest, directory, pinCount)
        layoutSource = WalkLayoutSource(
            fingerprint: manifest.fingerprintValue, pinCount: pinCount, boardCount: boardCount, edgeCount: edgeCount)
        layout = usesLayout ? try WalkLayout(of: layoutSource, directory: directory) : nil
    }

    /// XXH64 over the checksums of all files, 16 hexadecimal digits.
    public var fingerprint: String { manifest.fingerprint }
    public var fingerprintValue: UInt64 { manifest.fingerprintValue }

    /// Fingerprints of the graphs that this one was updated from, oldest first.
    public var ancestors: [String] { manifest.extra[Self.ancestorsKey]?.split(separator: " ").map(String.init) ?? [] }
    static let ancestorsKey = "ancestors"
    /// Whether some pin has another number than in its ancestors, because one before it was removed.
    public var hasMovedPins: Bool { manifest.extra[Self.movedPinsKey] != nil }
    static let movedPinsKey = "moved_pins"

    /// Where features come from, as the manifest says it: `given`, `structure`, `projected` or `generated`.
    public var featureSource: String { manifest.extra["features"] ?? "given" }
    /// Whether features say what pins are, and are not made of the graph.
    var featuresAreGiven: Bool {
        ![GraphDirectory.structureSource, GraphDirectory.projectedSource].contains(featureSource)
    }

    /// The boards of a pin, sorted. Traps when there is no such pin.
    public func boards(of pin: UInt32) -> UnsafeBufferPointer<UInt32> {
        precondition(Int(pin) < pinCount, "BipartiteGraph: pin \(pin) is outside 0 ..< \(pinCount)")
        return unsafe Self.row(Int(pin), pinOffsets, pinBoards)
    }

    /// The pins of a board, sorted. Traps when there is no such board.
    public func pins(of board: UInt32) -> UnsafeBufferPointer<UInt32> {
        precondition(Int(board) < boardCount, "BipartiteGraph: board \(board) is outside 0 ..< \(boardCount)")
        return unsafe Self.row(Int(board), boardOffsets, boardPins)
    }

    /// The pins' external ids; reads through `pins.txt` once.
    public func pinIDs() throws -> ExternalIDs {
        try ExternalIDs(path: "\(directory)/\(GraphDirectory.pinIDs)", expectedCount: pinCount)
    }

    /// The boards' external ids; reads through `boards.txt` once.
    public func boardIDs() throws -> ExternalIDs {
        try ExternalIDs(path: "\(directory)/\(GraphDirectory.boardIDs)", expectedCount: boardCount)
    }

    @inline(__always)
    private static func row(
        _ row: Int, _ offsets: UnsafePointer<Int64>, _ entries: UnsafePointer<UInt32>
    ) -> UnsafeBufferPointer<UInt32> {
        let (start, end) = unsafe (Int(offsets[row]), Int(offsets[row + 1]))
        return unsafe UnsafeBufferPointer(start: entries + start, count: end - start)
    }

    private static func count(_ name: String, _ manifest: Manifest, _ directory: String) throws -> Int {
        let path = "\(directory)/\(Manifest.fileName)"
        guard let count = manifest.counts[name], count >= 0 else {
            throw bad(path, "missing count", "a number of \(name)", manifest.counts[name].map(String.init) ?? "none")
        }
        guard name == "edges" || count <= Int(UInt32.max) else {
            throw bad(path, "too many \(name)", "at most \(UInt32.max)", "\(count)")
        }
        return count
    }

    private static func requireListed(_ name: String, _ manifest: Manifest, _ directory: String) throws {
        guard manifest.files[name] != nil else {
            throw bad("\(directory)/\(Manifest.fileName)", "missing file", "an entry for \(name)", "none")
        }
    }

    private static func offsets(_ file: NumpyFile, _ edgeCount: Int) throws -> UnsafePointer<Int64> {
        let offsets = unsafe file.elements(as: Int64.self)
        guard let start = offsets.baseAddress, let first = unsafe offsets.first, let last = unsafe offsets.last,
            first == 0, last == edgeCount
        else {
            let found = unsafe "\(offsets.first ?? 0) and \(offsets.last ?? 0)"
            throw bad(file.path, "wrong offsets", "first 0 and last \(edgeCount)", found)
        }
        return unsafe start
    }

    private static func start(_ file: NumpyFile) -> UnsafePointer<UInt32> {
        // A graph without edges has no entries; its rows are all empty and the pointer is never followed.
        unsafe file.elements(as: UInt32.self).baseAddress ?? UnsafePointer(bitPattern: 64)!
    }

    /// A table of a row for each pin.
    ///
    /// - Parameter width: columns that it must have; nil: some.
    /// - Returns: nil where the manifest names none.
    private static func openTable(
        _ name: String, width: Int?, _ manifest: Manifest, _ directory: String, _ pinCount: Int
    ) throws -> VectorTable? {
        guard manifest.files[name] != nil else { return nil }
        let path = "\(directory)/\(name)"
        let table = try VectorTable(npyPath: path)
        guard table.rows == pinCount, width.map({ $0 == table.width }) ?? (table.width > 0) else {
            let expected = width.map { "(\(pinCount), \($0))" } ?? "\(pinCount) rows"
            throw bad(path, "wrong shape", expected, "(\(table.rows), \(table.width))")
        }
        return table
    }

    static func bad(_ path: String, _ problem: String, _ expected: String, _ found: String) -> GraphError {
        .bad(path: path, problem: problem, expected: expected, found: found, action: "Import the graph again")
    }
}
