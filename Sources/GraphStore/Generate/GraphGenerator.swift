import Artifacts
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
    /// Default 1.
    public var seed: UInt64 = 1
    /// Where held-out pairs go; nil: none are held out.
    public var pairs: String?
    /// Replaces a graph, and pairs, that are already there. Default no.
    public var force = false

    public init(output: String) { self.output = output }

    /// What is out of range, in words; nil when nothing is.
    public var problem: String? {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) -> String? {
            range.contains(value)
                ? nil : "--\(name): expected \(range.lowerBound) … \(range.upperBound), found \(value)."
        }
        return check("pins", pins, 10...1_000_000_000) ?? check("boards", boards, 1...1_000_000_000)
            ?? check("topics", topics, 1...1_000_000) ?? check("feature-width", featureWidth, 1...4096)
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
    /// - Complexity: O(edges · log pins + pins · width); about 40 bytes an edge.
    public static func run(
        _ options: GraphGeneratorOptions, progress: (String) -> Void = { _ in }
    ) throws -> GraphGeneratorResult {
        precondition(options.problem == nil, "GraphGenerator: \(options.problem ?? "")")
        try GraphDirectory.requireFree(options.output, force: options.force)
        if let path = options.pairs { try requireFree(pairs: path, force: options.force) }
        progress("drawing \(options.edges) edges")
        let topics = PlantedTopics(pinCount: options.pins, topicCount: options.topics, seed: options.seed)
        let edges = PlantedBoards.draw(
            topics, boardCount: options.boards, edgeCount: options.edges, seed: options.seed)
        var rows = BipartiteRows(edges, pinCount: options.pins, boardCount: options.boards)
        guard let path = options.pairs else { return try write(rows, topics, pairs: 0, options, progress) }

        let limit = min(heldOutPairsMax, rows.pinBoards.count / 20)
        let heldOut = HeldOutPairs(rows, pairsMax: limit, seed: options.seed)
        rows = BipartiteRows(heldOut.remaining, pinCount: options.pins, boardCount: options.boards)
        // The pairs' file is begun first and takes its name last: either both are there or neither.
        return try AtomicReplace.write(to: path) { writer in
            for (query, positive) in heldOut.pairs { try writer.write("p\(query)\tp\(positive)\n") }
            return try write(rows, topics, pairs: heldOut.pairs.count, options, progress)
        }
    }

    /// Refuses a place for the pairs where something would be lost.
    private static func requireFree(pairs path: String, force: Bool) throws {
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
        _ rows: BipartiteRows, _ topics: PlantedTopics, pairs: Int, _ options: GraphGeneratorOptions,
        _ progress: (String) -> Void
    ) throws -> GraphGeneratorResult {
        let manifest = try AtomicReplace.writeFolder(at: options.output, replacing: options.force) { folder in
            progress("writing \(options.pins) rows of features")
            try TopicFeatures(topics, width: options.featureWidth, seed: options.seed)
                .write(to: "\(folder)/\(GraphDirectory.features)")
            return try GraphDirectory.write(
                rows, pinIDs: IDTable(numbered: "p", options.pins), boardIDs: IDTable(numbered: "b", options.boards),
                featureWidth: options.featureWidth, featureSource: "generated", to: folder)
        }
        return GraphGeneratorResult(
            pins: options.pins, boards: options.boards, edges: rows.pinBoards.count, pairs: pairs,
            featureWidth: options.featureWidth, fingerprint: manifest.fingerprint)
    }
}

extension IDTable {
    /// The ids `prefix0`, `prefix1`, …
    init(numbered prefix: String, _ count: Int) {
        self.init()
        for row in 0..<count {
            _ = unsafe Array("\(prefix)\(row)".utf8).withUnsafeBytes { unsafe insert($0)?.row }
        }
    }
}
