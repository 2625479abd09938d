import Artifacts
import Configuration
import GraphStore

/// Writes neighbourhoods as three files that NumPy opens, row = pin, K = `walks.top` columns:
/// `neighbors.npy` int32 (−1 past the end), `weights.npy` float32 and `visits.npy` int32 (0 past the end).
///
/// Rows are appended block by block; the files take their names on `close`, when every row is there.
public final class NeighborhoodFiles {
    public static let neighbors = "neighbors.npy"
    public static let weights = "weights.npy"
    public static let visits = "visits.npy"
    public static let names = [neighbors, visits, weights]

    private let top: Int
    private let pooling: WalkSettings.Pooling
    private let neighborWriter: NumpyWriter
    private let weightWriter: NumpyWriter
    private let visitWriter: NumpyWriter

    /// - Parameters:
    ///   - directory: an existing folder.
    ///   - isDurable: see `NumpyWriter`.
    /// - Throws: `SamplingError.tooManyPins` when a pin does not fit int32; `ArtifactError` when a file cannot be
    ///   created.
    public init(directory: String, pinCount: Int, walks: WalkSettings, isDurable: Bool = true) throws {
        guard pinCount <= Int(Int32.max) else { throw SamplingError.tooManyPins(pinCount: pinCount) }
        top = walks.top
        pooling = walks.pooling
        let shape = [pinCount, top]
        func writer(_ name: String, _ type: NumpyElement) throws -> NumpyWriter {
            try NumpyWriter(path: "\(directory)/\(name)", elementType: type, shape: shape, isDurable: isDurable)
        }
        neighborWriter = try writer(Self.neighbors, .int32)
        weightWriter = try writer(Self.weights, .float32)
        visitWriter = try writer(Self.visits, .int32)
    }

    /// Appends the table's lists as the next rows.
    ///
    /// - Precondition: no list is longer than K.
    public func append(_ table: NeighborhoodTable) throws(ArtifactError) {
        var neighbors = [Int32](repeating: -1, count: table.count * top)
        var weights = [Float](repeating: 0, count: table.count * top)
        var visits = [Int32](repeating: 0, count: table.count * top)
        for list in 0..<table.count {
            let entries = table.entries(of: list)
            precondition(entries.count <= top, "NeighborhoodFiles: a list of \(entries.count), not \(top)")
            let listWeights = table.weights(of: list, pooling: pooling)
            for (column, entry) in entries.enumerated() {
                neighbors[list * top + column] = unsafe Int32(table.pins[entry])
                weights[list * top + column] = listWeights[column]
                visits[list * top + column] = unsafe table.visits[entry]
            }
        }
        try neighborWriter.append(neighbors)
        try weightWriter.append(weights)
        try visitWriter.append(visits)
    }

    /// Gives the files their names.
    ///
    /// - Throws: `ArtifactError` when rows are missing or a file cannot be written.
    public func close() throws(ArtifactError) {
        try neighborWriter.close()
        try weightWriter.close()
        try visitWriter.close()
    }

    /// What a manifest says of the files once they are closed, by name.
    ///
    /// - Precondition: they need not be durable.
    public var described: [String: Manifest.File] {
        [
            Self.neighbors: neighborWriter.described, Self.visits: visitWriter.described,
            Self.weights: weightWriter.described,
        ]
    }

    /// Samples every pin in the window of the final embeddings and writes the files; the folder appears whole or not
    /// at all.
    ///
    /// - Parameters:
    ///   - directory: missing, empty, or a folder of just these files, which is then replaced.
    ///   - progress: called with the number of pins done.
    /// - Throws: `SamplingError.occupied` when the folder holds anything else; `ArtifactError`.
    /// - Complexity: memory for one block of rows, whatever the graph's size.
    public static func write(
        graph: BipartiteGraph, walks: WalkSettings, seed: UInt64, to directory: String,
        progress: (Int) -> Void = { _ in }
    ) throws {
        let names = try AtomicReplace.entries(ofFolder: directory) ?? []
        if let stranger = names.first(where: { !Self.names.contains($0) }) {
            throw SamplingError.occupied(path: directory, file: stranger)
        }
        try AtomicReplace.writeFolder(at: directory, replacing: !names.isEmpty) { folder in
            let files = try NeighborhoodFiles(directory: folder, pinCount: graph.pinCount, walks: walks)
            let sampler = NeighborhoodSampler(graph: graph, walks: walks, seed: seed)
            let table = NeighborhoodTable()
            for start in stride(from: 0, to: graph.pinCount, by: blockRows) {
                let block = start..<min(start + blockRows, graph.pinCount)
                table.removeAll()
                sampler.sample(range: block, window: NeighborhoodSampler.embeddingWindow, into: table)
                try files.append(table)
                progress(block.upperBound)
            }
            try files.close()
        }
    }

    private static let blockRows = 4096
}
