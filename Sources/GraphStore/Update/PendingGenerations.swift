import Artifacts
import Basics

/// The generations of a graph folder that are not in its rows yet, oldest first.
public struct PendingGenerations: Sendable {
    /// One of them in numbers.
    public struct Entry: Codable, Equatable, Sendable {
        /// From 1.
        public let generation: Int
        /// Edges added, repeats among them.
        public let edges: Int
        public let newPins: Int
        public let removedPins: Int
    }

    public let entries: [Entry]
    /// Fingerprint of the newest, or of the graph: what the next one follows.
    let fingerprint: String
    private let graph: String

    /// Lists them and checks that they belong to the graph, each to the one before; their bytes are read by `open`.
    ///
    /// - Throws: `ArtifactError` or `GraphError` for what is no generation or one of another graph.
    public init(of graph: BipartiteGraph) throws {
        self.graph = graph.directory
        var (entries, fingerprint) = ([Entry](), graph.fingerprint)
        for (index, name) in try Self.names(in: graph.directory).enumerated() {
            let expected = Self.name(index + 1)
            guard name == expected else {
                throw Generation.bad(
                    "\(graph.directory)/\(GraphDirectory.generations)", "generations out of order", "\(expected)", name)
            }
            let manifest = try Manifest.read(
                directory: Self.path(index + 1, of: graph.directory), kind: Generation.kind)
            guard manifest.extra[Generation.followsKey] == fingerprint else {
                throw Generation.bad(
                    Self.path(index + 1, of: graph.directory), "not a generation of this graph",
                    "one that follows \(fingerprint)", manifest.extra[Generation.followsKey] ?? "none")
            }
            fingerprint = manifest.fingerprint
            func count(_ key: String) throws -> Int {
                guard let count = manifest.counts[key], (0...Generation.countMax).contains(count) else {
                    throw Generation.bad(
                        Self.path(index + 1, of: graph.directory), "bad count of \(key)", "0 to \(Generation.countMax)",
                        manifest.counts[key].map(String.init) ?? "none")
                }
                return count
            }
            try entries.append(
                Entry(
                    generation: index + 1, edges: count(Generation.Counts.edges),
                    newPins: count(Generation.Counts.newPins), removedPins: count(Generation.Counts.removedPins)))
        }
        (self.entries, self.fingerprint) = (entries, fingerprint)
    }

    /// One line on what is pending and what to do; nil when nothing is.
    public var notice: String? {
        guard !entries.isEmpty else { return nil }
        let edges = entries.reduce(0) { $0 + $1.edges }
        let (new, removed) = entries.reduce(into: (0, 0)) { $0 = ($0.0 + $1.newPins, $0.1 + $1.removedPins) }
        return "\(graph): \(entries.count) pending \(entries.count == 1 ? "generation" : "generations"), "
            + "\(edges) edges, \(new) new and \(removed) removed pins, not in the graph until "
            + "`pinsage compact \(graph)`"
    }

    /// Opens all of them and checks every byte.
    func open() throws -> [Generation] {
        try entries.map { try Generation(path: Self.path($0.generation, of: graph)) }
    }

    /// Checks every byte of all of them.
    ///
    /// - Throws: `ArtifactError` or `GraphError` for the first thing that is wrong.
    public func verify() throws { _ = try open() }

    /// The folder of a generation, from 1.
    static func path(_ number: Int, of graph: String) -> String {
        "\(graph)/\(GraphDirectory.generations)/\(name(number))"
    }

    private static func name(_ number: Int) -> String { zeroPadded(number, 6) }

    /// The names of the generations of a graph folder, sorted; what was being written when its process ended is none.
    static func names(in graph: String) throws -> [String] {
        try (AtomicReplace.entries(ofFolder: "\(graph)/\(GraphDirectory.generations)") ?? [])
            .filter { !AtomicReplace.isTemporary($0) }
    }
}
