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
    /// Whether what is pending in the graph folder comes first; without, it is as if it were not there. Default yes.
    public var foldsPending = true
    /// Most memory for the process, mapped files included, at least 128 MB; nil: half of the machine's.
    public var memoryBytes: Int?
    /// Threads, at least 1; nil: one for each processor. Changes no byte.
    public var threads: Int?

    public init(graph: String) { self.graph = graph }
}

/// What an update or a compaction made.
public struct GraphUpdateResult: Codable, Equatable, Sendable {
    public let pins: Int
    public let boards: Int
    public let edges: Int
    public let newPins: Int
    public let newBoards: Int
    public let removedPins: Int
    /// Updates that were folded in: 1, and those that were pending before.
    public let generations: Int
    public let fingerprint: String
}

/// Adds edges, pins and boards to a graph, and takes pins away with all their edges: at once, or in two steps of which
/// the first takes as long as the addition is large (`append`) and the second as long as the graph is (`compact`).
///
/// The files are those that an import writes of the old edges and then the new ones, with `pins.txt` listing the old
/// pins that stay and then the new ones; boards keep their order, those that lose all pins stay, empty. The manifest
/// also names the graphs that it came from, so that their checkpoints embed it.
public enum GraphUpdate {
    /// Puts the new graph in place in one step, with all that was pending.
    ///
    /// - Throws: `GraphError` or `ArtifactError`; then the graph is as it was.
    /// - Complexity: that of an import of all edges.
    @discardableResult
    public static func run(
        _ options: GraphUpdateOptions, progress: (String) -> Void = { _ in }
    ) throws -> GraphUpdateResult {
        let (old, lock) = try open(options.graph, isReplaced: options.output == nil)
        defer { withExtendedLifetime(lock) {} }
        let pending = options.foldsPending ? try PendingGenerations(of: old) : nil
        return try rewrite(old, options, progress: progress) { folder, memory in
            let before = try pending?.open() ?? []
            let path = "\(folder)/\(GraphDirectory.generations)"
            try AtomicReplace.writeFolder(at: path) { staged in
                try GenerationWriter(options: options, graph: old, pending: before, memory: memory).write(
                    to: staged, follows: pending?.fingerprint ?? old.fingerprint, progress: progress)
            }
            return before + [try Generation(path: path)]
        }
    }

    /// Writes down what to add and take away, beside the rows, for `compact` to fold in.
    ///
    /// - Throws: `GraphError` or `ArtifactError`; then the graph is as it was.
    /// - Complexity: O(addition + bytes of the graph's ids + what is pending).
    @discardableResult
    public static func append(
        _ options: GraphUpdateOptions, progress: (String) -> Void = { _ in }
    ) throws -> PendingGenerations.Entry {
        precondition(options.output == nil && options.foldsPending, "GraphUpdate: an append has no other output")
        let (graph, lock) = try open(options.graph, isReplaced: true)
        defer { withExtendedLifetime(lock) {} }
        let pending = try PendingGenerations(of: graph)
        AtomicReplace.removeLeftovers(in: "\(graph.directory)/\(GraphDirectory.generations)")
        let memory = ImportMemory(byteCount: options.memoryBytes, threads: options.threads)
        let limit = ResidentLimit(byteCount: memory.byteCount)
        defer { limit.end() }
        let before = try pending.open()
        try AtomicReplace.writeFolder(at: PendingGenerations.path(before.count + 1, of: graph.directory)) { folder in
            try GenerationWriter(options: options, graph: graph, pending: before, memory: memory).write(
                to: folder, follows: pending.fingerprint, progress: progress)
        }
        return try PendingGenerations(of: graph).entries[before.count]
    }

    /// Puts the graph with all that is pending in place in one step: the bytes of that many updates, one after the other.
    ///
    /// - Parameter options: `graph`, `memoryBytes` and `threads` alone count.
    /// - Returns: nil when nothing was pending.
    /// - Throws: `GraphError` or `ArtifactError`; then the graph and what is pending are as they were.
    /// - Complexity: that of an import of all edges; where pins have structure, so often as generations bring new pins.
    @discardableResult
    public static func compact(
        _ options: GraphUpdateOptions, progress: (String) -> Void = { _ in }
    ) throws -> GraphUpdateResult? {
        let (old, lock) = try open(options.graph, isReplaced: true)
        defer { withExtendedLifetime(lock) {} }
        let pending = try PendingGenerations(of: old)
        guard !pending.entries.isEmpty else { return nil }
        return try rewrite(old, options, progress: progress) { _, _ in try pending.open() }
    }

    /// Opens a graph, alone where it is going to be changed.
    private static func open(_ path: String, isReplaced: Bool) throws -> (BipartiteGraph, FolderLock?) {
        let graph = try BipartiteGraph(directory: path)
        guard isReplaced else { return (graph, nil) }
        let lock = try FolderLock(path: path)
        // What was opened before the lock may have been replaced since.
        return (try BipartiteGraph(directory: path), lock)
    }

    private static func rewrite(
        _ old: BipartiteGraph, _ options: GraphUpdateOptions, progress: (String) -> Void,
        _ generations: (_ folder: String, _ memory: ImportMemory) throws -> [Generation]
    ) throws -> GraphUpdateResult {
        let output = options.output ?? options.graph
        try GraphDirectory.requireFree(output, force: options.output == nil, hasGenerations: true)
        AtomicReplace.removeLeftovers(of: output)
        let memory = ImportMemory(byteCount: options.memoryBytes, threads: options.threads)
        let limit = ResidentLimit(byteCount: memory.byteCount)
        defer { limit.end() }
        return try AtomicReplace.writeFolder(at: output, replacing: options.output == nil) { folder in
            let result = try GraphFold.run(old, generations(folder, memory), memory, to: folder, progress: progress)
            try AtomicReplace.removeTree("\(folder)/\(GraphDirectory.generations)")
            return result
        }
    }
}
