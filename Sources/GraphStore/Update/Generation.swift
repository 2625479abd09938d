import Artifacts

/// What one update adds to a graph and takes away, on disk and whole: `generations/000001/` of the graph folder.
///
/// Ids are written out and edges number those of the generation alone, so its size is that of the addition and it means
/// the same whatever the graph's rows are. Pins that are removed go first: one of the new pins may have the id of one.
struct Generation {
    static let kind = "generation"
    static let edges = "edges.npy"
    static let edgePins = "edge_pins.txt"
    static let edgeBoards = "edge_boards.txt"
    static let newPins = "new_pins.txt"
    static let removedPins = "removed_pins.txt"
    static let features = "features.npy"
    /// Key of the manifest: the fingerprint of the generation before, of the first that of the graph.
    static let followsKey = "follows"

    let path: String
    let manifest: Manifest
    /// (E × 2) uint32: a line of `edgePins`, a line of `edgeBoards`.
    let edges: NumpyFile
    let edgePins: ExternalIDs
    let edgeBoards: ExternalIDs
    let newPins: ExternalIDs
    let removedPins: ExternalIDs
    /// A row for each of `newPins`; nil where there are none, or where features are made of the graph.
    let features: VectorTable?

    /// Opens a generation and checks every byte of it.
    ///
    /// - Throws: `ArtifactError` or `GraphError`, naming the file.
    /// - Complexity: O(bytes).
    init(path: String) throws {
        self.path = path
        let manifest = try Manifest.read(directory: path, kind: Self.kind)
        self.manifest = manifest
        try manifest.verifyChecksums(directory: path)
        func ids(_ name: String, _ count: String?) throws -> ExternalIDs {
            try ExternalIDs(path: "\(path)/\(name)", expectedCount: count.map { manifest.counts[$0] ?? 0 })
        }
        edges = try NumpyFile(path: "\(path)/\(Self.edges)", elements: [.uint32], rank: 2, advice: .sequential)
        edgePins = try ids(Self.edgePins, nil)
        edgeBoards = try ids(Self.edgeBoards, nil)
        newPins = try ids(Self.newPins, Counts.newPins)
        removedPins = try ids(Self.removedPins, Counts.removedPins)
        features = try manifest.files[Self.features].map { _ in try VectorTable(npyPath: "\(path)/\(Self.features)") }
        let shape = [manifest.counts[Counts.edges] ?? 0, 2]
        guard edges.header.shape == shape else {
            throw Self.bad(edges.path, "wrong shape", "\(shape)", "\(edges.header.shape)")
        }
        if let features, (features.rows, features.width) != (newPins.count, manifest.featureWidth) {
            throw Self.bad(
                features.path, "wrong shape", "(\(newPins.count), \(manifest.featureWidth))",
                "(\(features.rows), \(features.width))")
        }
    }

    /// Keys of the manifest's counts.
    enum Counts {
        static let edges = "edges"
        static let newPins = "new_pins"
        static let removedPins = "removed_pins"
    }

    /// More edges than there are numbers for; sums of counts below it have room.
    static let countMax = 1 << 48

    static func bad(_ path: String, _ problem: String, _ expected: String, _ found: String) -> GraphError {
        .bad(
            path: path, problem: problem, expected: expected, found: found,
            action: "Remove this generation and those after it, and append them again")
    }
}
