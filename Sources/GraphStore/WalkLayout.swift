import Artifacts
import Foundation

/// The rows of a graph once more, in the form that a walk reads with the fewest cache lines.
///
/// A row is its length, its own id and its entries, and an entry is not the id but the place of the row that it leads
/// to: from row to row nothing else is read. Places count units of `1 << unitShift` words of 4 bytes from the start of
/// the pins' or the boards' rows, which lie in the order of the ids: the smaller place is the smaller id.
///
/// The file is derived: the graph's manifest and fingerprint do not know it, and a graph without it walks over its
/// compressed rows. `docs/FORMATS.md` gives its words.
@safe public final class WalkLayout: Sendable {
    public static let fileName = "walk_layout.npy"

    /// (P) place of each pin's row.
    public nonisolated(unsafe) let pinPlaces: UnsafePointer<UInt32>
    /// Rows of the pins: length, pin, places of its boards.
    public nonisolated(unsafe) let pinRows: UnsafePointer<UInt32>
    /// Rows of the boards: length, board, places of its pins.
    public nonisolated(unsafe) let boardRows: UnsafePointer<UInt32>
    /// Words of a unit, as a power of two.
    public let unitShift: Int

    let file: NumpyFile
    let plan: WalkLayoutPlan

    /// Words of a row before its entries.
    public static let rowHeaderWords = 2

    /// Maps the layout of a graph; O(1) in its size.
    ///
    /// Checks that it was made of this graph, and its length. What lies between is trusted: `BipartiteGraph.verify`
    /// reads it all.
    /// - Returns: nil when there is none.
    /// - Throws: `ArtifactError` or `GraphError`, naming the file.
    init?(of graph: WalkLayoutSource, directory: String) throws {
        let path = "\(directory)/\(Self.fileName)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        file = try NumpyFile(path: path, elements: [.uint32], rank: 1, advice: .hugePages)
        let words = unsafe file.elements(as: UInt32.self)
        guard words.count >= WalkLayoutHeader.words, let base = words.baseAddress else {
            throw Self.bad(path, "too short", "\(WalkLayoutHeader.words) words or more", "\(words.count)")
        }
        let header = unsafe WalkLayoutHeader(base)
        if let wrong = header.firstDifference(from: graph) {
            throw Self.bad(path, wrong.problem, wrong.expected, wrong.found)
        }
        plan = header.plan
        guard words.count == plan.wordCount else {
            throw Self.bad(path, "wrong length", "\(plan.wordCount) words", "\(words.count)")
        }
        unitShift = plan.unitShift
        unsafe pinPlaces = base + WalkLayoutHeader.words
        unsafe pinRows = base + plan.pinRowsStart
        unsafe boardRows = base + plan.boardRowsStart
    }

    /// Makes the layout of a graph, in place of one that is there.
    ///
    /// - Complexity: O(P + B + E) time; memory 4 bytes a pin or board, whichever are more.
    /// - Throws: `ArtifactError` when it cannot be written; then what was there is as it was.
    public static func write(for graph: BipartiteGraph, unitShift: Int = 1) throws {
        try write(for: graph, to: "\(graph.directory)/\(fileName)", unitShift: unitShift)
    }

    static func write(for graph: BipartiteGraph, to path: String, unitShift: Int = 1) throws {
        let words = WalkLayoutWords(graph, unitShift: unitShift)
        let writer = try NumpyWriter(path: path, elementType: .uint32, shape: [words.plan.wordCount])
        try unsafe words.forEachBlock { block in try unsafe writer.append(block) }
        try writer.close()
        // Pages that were written are small ones. Read anew, they come in as large as the kernel has them.
        MappedFile.forgetCached(path: path)
    }

    /// Compares every word with what the graph's rows say.
    ///
    /// - Throws: `GraphError` for the first that differs.
    func verify(_ graph: BipartiteGraph) throws {
        let found = unsafe file.elements(as: UInt32.self)
        var start = 0
        try unsafe WalkLayoutWords(graph, unitShift: unitShift).forEachBlock { block in
            guard let differing = block.indices.first(where: { unsafe block[$0] != found[start + $0] }) else {
                start += block.count
                return
            }
            let (expected, found) = unsafe (block[differing], found[start + differing])
            throw Self.bad(file.path, "word \(start + differing)", "\(expected), as the graph's rows say", "\(found)")
        }
    }

    private static func bad(_ path: String, _ problem: String, _ expected: String, _ found: String) -> GraphError {
        .bad(
            path: path, problem: problem, expected: expected, found: found,
            action: "Make it again with `pinsage layout`, or delete it: walks are slower without")
    }
}

/// What a layout must agree with: counts and fingerprint of its graph.
struct WalkLayoutSource: Equatable {
    let fingerprint: UInt64
    let pinCount: Int
    let boardCount: Int
    let edgeCount: Int
}

/// Where the parts of a layout lie, in words of 4 bytes. Every part begins at a multiple of 16: a cache line.
struct WalkLayoutPlan: Equatable {
    let unitShift: Int
    let pinRowsStart: Int
    let boardRowsStart: Int
    let wordCount: Int

    init(unitShift: Int, pinCount: Int, pinRowWords: Int, boardRowWords: Int) {
        self.unitShift = unitShift
        pinRowsStart = Self.lines(WalkLayoutHeader.words + pinCount)
        boardRowsStart = pinRowsStart + Self.lines(pinRowWords)
        wordCount = boardRowsStart + Self.lines(boardRowWords)
    }

    static func lines(_ words: Int) -> Int { (words + 15) & ~15 }
}

/// The first line of a layout.
struct WalkLayoutHeader {
    static let words = 16
    /// "PSWL", and the only version there is.
    private static let magic: UInt32 = 0x4C57_5350
    private static let version: UInt32 = 1
    /// A row of 2³² entries is longer than a graph can have, and a unit of 2²⁰ words than it can need.
    private static let unitShiftMax = 20

    private let start: [UInt32]
    private let source: WalkLayoutSource
    private let pinRowWords: Int
    private let boardRowWords: Int

    init(source: WalkLayoutSource, unitShift: Int, pinRowWords: Int, boardRowWords: Int) {
        start = [Self.magic, Self.version, UInt32(unitShift)]
        self.source = source
        (self.pinRowWords, self.boardRowWords) = (pinRowWords, boardRowWords)
    }

    init(_ base: UnsafePointer<UInt32>) {
        func wide(_ index: Int) -> UInt64 { unsafe UInt64(base[index]) | UInt64(base[index + 1]) << 32 }
        func count(_ index: Int) -> Int { Int(truncatingIfNeeded: wide(index)) }
        start = (0..<3).map { unsafe base[$0] }
        source = WalkLayoutSource(
            fingerprint: wide(4), pinCount: count(6), boardCount: count(8), edgeCount: count(10))
        (pinRowWords, boardRowWords) = (count(12), count(14))
    }

    var plan: WalkLayoutPlan {
        WalkLayoutPlan(
            unitShift: Int(start[2]), pinCount: source.pinCount, pinRowWords: pinRowWords,
            boardRowWords: boardRowWords)
    }

    var encoded: [UInt32] {
        func halves(_ value: UInt64) -> [UInt32] { [UInt32(truncatingIfNeeded: value), UInt32(value >> 32)] }
        let counts = [source.pinCount, source.boardCount, source.edgeCount, pinRowWords, boardRowWords]
        return start + [0] + halves(source.fingerprint) + counts.flatMap { halves(UInt64($0)) }
    }

    /// What no layout of `graph` says.
    func firstDifference(from graph: WalkLayoutSource) -> (problem: String, expected: String, found: String)? {
        guard start[0] == Self.magic else { return ("not a walk layout", "\(Self.magic)", "\(start[0])") }
        guard start[1] == Self.version else { return ("unknown version", "\(Self.version)", "\(start[1])") }
        guard source.fingerprint == graph.fingerprint else {
            return (
                "made of another graph", "fingerprint \(Checksum.hex(graph.fingerprint))",
                Checksum.hex(source.fingerprint)
            )
        }
        guard source == graph else { return ("wrong counts", "\(graph)", "\(source)") }
        guard (1...Self.unitShiftMax).contains(Int(start[2])) else {
            return ("wrong unit", "1 … \(Self.unitShiftMax)", "\(start[2])")
        }
        let most = Self.wordsMax(graph, unitShift: Int(start[2]))
        guard (0...most).contains(pinRowWords), (0...most).contains(boardRowWords) else {
            return ("wrong length of rows", "0 … \(most) words", "\(pinRowWords) and \(boardRowWords)")
        }
        return nil
    }

    /// Words that the rows of one side can take at most.
    private static func wordsMax(_ graph: WalkLayoutSource, unitShift: Int) -> Int {
        graph.edgeCount + max(graph.pinCount, graph.boardCount) * (WalkLayout.rowHeaderWords + 1 << unitShift)
    }
}
