import Artifacts
import Kernels

/// A folder of finished embeddings: `embeddings.npy` float32 [P, d], `pins.txt`, `manifest.json`, perhaps `bias.npy`.
public struct EmbeddingDirectory: Sendable {
    /// The manifest's kind of folder.
    public static let kind = "embeddings"

    public let path: String
    public let manifest: Manifest
    /// (P × d), row = pin.
    public let table: VectorTable
    public let metric: Metric
    /// Added to each candidate's score; nil without a popularity prior.
    public let bias: [Float]?

    /// External ids, one a line in row order.
    public var pinsPath: String { path + "/pins.txt" }

    /// Opens a folder: reads the manifest, maps the table, checks lengths and shapes.
    ///
    /// - Throws: `ArtifactError` or `SearchError` naming the file.
    public init(path: String) throws {
        self.path = path
        manifest = try Manifest.read(directory: path, kind: Self.kind)
        try manifest.verifyLengths(directory: path)
        table = try VectorTable(npyPath: path + "/embeddings.npy")
        let named = manifest.extra["metric"] ?? "none"
        guard let metric = Metric(rawValue: named) else { throw SearchError.unknownMetric(named, path: path) }
        self.metric = metric
        bias = manifest.files["bias.npy"] == nil ? nil : try Self.readBias(path + "/bias.npy", rows: table.rows)
    }

    /// Exact search over the table as the manifest says: metric and, unless it is left out, bias.
    public func search(withBias: Bool = true, kernels: Kernels) -> ExactSearch {
        ExactSearch(table: table, metric: metric, bias: withBias ? bias : nil, kernels: kernels)
    }

    private static func readBias(_ path: String, rows: Int) throws -> [Float] {
        let file = try NumpyFile(path: path, elements: [.float32], rank: 1)
        let bias = withExtendedLifetime(file) { unsafe Array(file.elements(as: Float.self)) }
        guard bias.count == rows else { throw SearchError.biasCount(path: path, expected: rows, found: bias.count) }
        if let row = bias.firstIndex(where: { !$0.isFinite }) { throw SearchError.biasNotFinite(path: path, row: row) }
        return bias
    }
}

/// What can be wrong with embeddings or a question about them.
public enum SearchError: Error, Equatable, CustomStringConvertible {
    case unknownMetric(String, path: String)
    case biasCount(path: String, expected: Int, found: Int)
    case biasNotFinite(path: String, row: Int)
    case unknownPin(id: String, path: String)

    public var description: String {
        switch self {
        case .unknownMetric(let found, let path):
            "search: \(path)/manifest.json: unknown metric: expected cosine or dot, found \(found). Embed again."
        case .biasCount(let path, let expected, let found):
            "search: \(path): wrong length: expected one value for each of \(expected) pins, found \(found). Embed again."
        case .biasNotFinite(let path, let row):
            "search: \(path): row \(row) is not finite: expected finite values. Embed again."
        case .unknownPin(let id, let path):
            "search: \(path): unknown pin: expected an id in this file, found \"\(id)\". Name another pin."
        }
    }
}
