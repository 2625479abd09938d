import Artifacts
import Basics
import Foundation

/// What graph to generate, and where to.
public struct GraphGeneratorOptions: Sendable {
    /// The graph folder to write.
    public var output: String
    /// Default 20,000; at least 10.
    public var pins = 20_000
    /// Default 8,000; at least 1.
    public var boards = 8_000
    /// Edges drawn, before pairs are held out. Default 100,000; at least 2 a board.
    public var edges = 100_000
    /// Default 32; at least 1.
    public var topics = 32
    /// Default 64; at least 1.
    public var featureWidth = 64
    /// Columns of the pins' structure (`PinStructure`), beside the features; default 0: none.
    public var structureWidth = 0
    /// Default 1.
    public var seed: UInt64 = 1
    /// Where held-out pairs go; nil: none are held out.
    public var pairs: String?
    /// Replaces a graph, and pairs, that are already there. Default no.
    public var force = false
    /// Most memory for sorting, at least 128 MB, beside 28 bytes a pin and 8 a board; nil: half of the machine's.
    public var memoryBytes: Int?
    /// Threads, at least 1; nil: one for each processor. Changes no byte.
    public var threads: Int?

    public init(output: String) { self.output = output }

    /// What is out of range, in words; nil when nothing is.
    public var problem: String? {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) -> String? {
            range.contains(value)
                ? nil : "--\(name): expected \(range.lowerBound) … \(range.upperBound), found \(value)."
        }
        return check("pins", pins, 10...1_000_000_000) ?? check("boards", boards, 1...1_000_000_000)
            ?? check("topics", topics, 1...1_000_000) ?? check("feature-width", featureWidth, 1...4096)
            ?? check("structure-width", structureWidth, 0...4096)
            ?? check("edges", edges, (2 * boards)...(boards * max(2, pins / 2))) ?? pairsProblem
    }

    private var pairsProblem: String? {
        guard let pairs else { return nil }
        let folder = URL(fileURLWithPath: output).standardizedFileURL.pathComponents
        return URL(fileURLWithPath: pairs).standardizedFileURL.pathComponents.starts(with: folder)
            ? "--pairs: expected a file outside of the graph folder \(output), found \(pairs)." : nil
    }
}

/// What a generator made.
public struct GraphGeneratorResult: Codable, Equatable, Sendable {
    public let pins: Int
    public let boards: Int
    /// Edges of the graph, without those held out.
    public let edges: Int
    /// Held-out pairs.
    public let pairs: Int
    public let featureWidth: Int
    public let structureWidth: Int
    public let fingerprint: String
}

/// Makes a graph with planted topics, on which content alone is a poor guide and the graph a good one.
///
/// Board sizes and pin popularity follow power laws. Each board has a sub-topic from which it takes 45 % of its pins,
/// 30 % come from the topic around it, the rest from anywhere. `TopicFeatures` says what the content gives away.
public enum GraphGenerator {
    /// At most so many pairs are held out; on a small graph at most one for each 20 edges.
    public static let heldOutPairsMax = 10_000

    /// Writes the graph folder and, if asked, `pairs.tsv`. A pure function of the options.
    ///
    /// - Throws: `GraphError` or `ArtifactError`; then nothing is left behind.
    /// - Complexity: O(edges + pins · width), and that of `AdjacencySVD` for structure; edges that do not fit into memory
    ///   wait in a file.
    public static func run(
        _ options: GraphGeneratorOptions, progress: @escaping (String) -> Void = { _ in }
    ) throws -> GraphGeneratorResult {
        precondition(options.problem == nil, "GraphGenerator: \(options.problem ?? "")")
        let lock = try GraphDirectory.claim(options.output, force: options.force)
        defer { withExtendedLifetime(lock) {} }
        guard let path = options.pairs else { return try write(options, pairs: nil, progress) }
        try requireFree(file: path, force: options.force)
        // The pairs' file is begun first and takes its name last: either both are there or neither.
        return try AtomicReplace.write(to: path) { try write(options, pairs: $0, progress) }
    }

    /// Writes the edges alone as lines of pin TAB board, board after board, to a file or standard output (`-`).
    ///
    /// An import of them, with the generated graph's `pins.txt` and features, gives the generated graph.
    /// - Returns: how many edges there are.
    public static func writeEdges(
        _ options: GraphGeneratorOptions, to path: String, progress: (String) -> Void = { _ in }
    ) throws -> Int {
        if path == "-" { return try unsafe writeEdges(options, progress) { try unsafe StandardOutput.write($0) } }
        try requireFree(file: path, force: options.force)
        return try AtomicReplace.write(to: path) { writer in
            try unsafe writeEdges(options, progress) { try unsafe writer.write($0) }
        }
    }

    private static func writeEdges(
        _ options: GraphGeneratorOptions, _ progress: (String) -> Void,
        _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        let (_, boards, memory) = planted(options)
        let phase = ProgressText("drawing edges", total: options.edges, unit: "edges")
        var count = 0
        try inWaves(boards.blocks.count, threads: memory.threads) { block in
            var (text, lines) = (NumberedText(capacity: 1 << 20), 0)
            boards.draw(block: block) { pin, board in
                text.append(UInt8(ascii: "p"), pin, UInt8(ascii: "\t"))
                text.append(UInt8(ascii: "b"), board, UInt8(ascii: "\n"))
                lines += 1
            }
            return (text.bytes, lines)
        } use: { _, block in
            try unsafe block.0.withUnsafeBytes { try unsafe write($0) }
            count += block.1
            progress(phase.text(count))
        }
        return count
    }

    private static func planted(
        _ options: GraphGeneratorOptions
    ) -> (topics: PlantedTopics, boards: PlantedBoards, memory: ImportMemory) {
        let topics = PlantedTopics(pinCount: options.pins, topicCount: options.topics, seed: options.seed)
        let boards = PlantedBoards(
            topics, boardCount: options.boards, edgeCount: options.edges, seed: options.seed)
        return (topics, boards, ImportMemory(byteCount: options.memoryBytes, threads: options.threads))
    }

    /// Refuses a place for a file where something would be lost.
    private static func requireFree(file path: String, force: Bool) throws {
        var isFolder: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return }
        guard force, !isFolder.boolValue else {
            throw GraphError.bad(
                path: path, problem: "output file in use", expected: "no file",
                found: isFolder.boolValue ? "a folder" : "one",
                action: isFolder.boolValue ? "Name another file" : "Add --force to replace it")
        }
    }

    private static func write(
        _ options: GraphGeneratorOptions, pairs: FileWriter?, _ progress: @escaping (String) -> Void
    ) throws -> GraphGeneratorResult {
        let (topics, boards, memory) = planted(options)
        return try AtomicReplace.writeFolder(at: options.output, replacing: options.force) { folder in
            let edges = EdgeSpool(path: "\(folder)/\(GraphDirectory.spool)")
            try draw(boards, options.edges, memory, to: edges, progress)
            let heldOut = try holdOut(edges, options, memory, folder, pairs, progress)
            let rows = try GraphRows(
                edges, pinCount: options.pins, boardCount: options.boards, memory: memory, to: folder,
                progress: progress)
            let phase = ProgressText("drawing features", total: options.pins, unit: "pins")
            try TopicFeatures(topics, width: options.featureWidth, seed: options.seed)
                .write(to: "\(folder)/\(GraphDirectory.features)", threads: memory.threads) {
                    progress(phase.text($0))
                }
            try NumberedText.writeIDs("p", count: options.pins, to: "\(folder)/\(GraphDirectory.pinIDs)")
            try NumberedText.writeIDs("b", count: options.boards, to: "\(folder)/\(GraphDirectory.boardIDs)")
            if options.structureWidth > 0 {
                try PinStructure.make(
                    of: rows, width: options.structureWidth, memory: memory,
                    to: "\(folder)/\(GraphDirectory.structure)", folder, progress)
            }
            progress("checksums")
            let manifest = try GraphDirectory.finish(
                rows, featureWidth: options.featureWidth, featureSource: "generated",
                structureWidth: options.structureWidth, in: folder)
            return GraphGeneratorResult(
                pins: options.pins, boards: options.boards, edges: rows.edgeCount, pairs: heldOut,
                featureWidth: options.featureWidth, structureWidth: options.structureWidth,
                fingerprint: manifest.fingerprint)
        }
    }

    private static func draw(
        _ boards: PlantedBoards, _ count: Int, _ memory: ImportMemory, to spool: EdgeSpool,
        _ progress: (String) -> Void
    ) throws {
        let phase = ProgressText("drawing edges", total: count, unit: "edges")
        try inWaves(boards.blocks.count, threads: memory.threads) { block in
            var edges: [UInt64] = []
            boards.draw(block: block) { pin, board in edges.append(UInt64(pin) << 32 | UInt64(board)) }
            return edges
        } use: { _, edges in
            unsafe edges.withUnsafeBufferPointer { unsafe spool.append($0) }
            try spool.shrink(to: memory.tableBytes / 2)
            progress(phase.text(spool.count))
        }
    }

    /// Takes pairs out of the edges, if they have a file to go to.
    /// - Returns: how many pairs.
    private static func holdOut(
        _ edges: EdgeSpool, _ options: GraphGeneratorOptions, _ memory: ImportMemory, _ folder: String,
        _ pairs: FileWriter?, _ progress: (String) -> Void
    ) throws -> Int {
        guard let pairs else { return 0 }
        let whole = "\(folder)/whole"
        _ = try MadeFolders(upTo: whole)
        let rows = try GraphRows(
            edges, pinCount: options.pins, boardCount: options.boards, memory: memory, to: whole, progress: progress)
        let heldOut = try HeldOutPairs(
            rows, pairsMax: min(heldOutPairsMax, rows.edgeCount / 20), seed: options.seed)
        try heldOut.addRemaining(rows, to: edges, memory: memory)
        try AtomicReplace.removeTree(whole)
        for (query, positive) in heldOut.pairs { try pairs.write("p\(query)\tp\(positive)\n") }
        return heldOut.pairs.count
    }
}
