import Artifacts
import Foundation
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

    /// Opens a folder: reads the manifest, maps the table, checks lengths, shapes and that every number is finite.
    ///
    /// - Throws: `ArtifactError` or `SearchError` naming the file.
    /// - Complexity: O(P · d): reads the table once.
    public init(path: String) throws {
        self.path = path
        guard FileManager.default.fileExists(atPath: "\(path)/\(Manifest.fileName)") else {
            throw SearchError.noEmbeddings(path: path)
        }
        manifest = try Manifest.read(directory: path, kind: Self.kind)
        try manifest.verifyLengths(directory: path)
        table = try VectorTable(npyPath: path + "/embeddings.npy")
        let shape = [manifest.counts["pins"] ?? 0, manifest.featureWidth]
        guard [table.rows, table.width] == shape else {
            throw SearchError.wrongShape(path: table.path, expected: shape, found: [table.rows, table.width])
        }
        if let bad = table.firstNotFinite() {
            throw SearchError.notFinite(path: table.path, row: bad.row, value: bad.value)
        }
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
        if let row = bias.firstIndex(where: { !$0.isFinite }) {
            throw SearchError.notFinite(path: path, row: row, value: bias[row])
        }
        return bias
    }
}

/// What can be wrong with embeddings or a question about them.
public enum SearchError: Error, Equatable, CustomStringConvertible {
    case noEmbeddings(path: String)
    case unknownMetric(String, path: String)
    case biasCount(path: String, expected: Int, found: Int)
    /// Pins and width of the embeddings.
    case wrongShape(path: String, expected: [Int], found: [Int])
    case notFinite(path: String, row: Int, value: Float)
    case unknownPin(id: String, path: String)
    case spaceInID(id: String, path: String)

    public var description: String {
        switch self {
        case .noEmbeddings(let path):
            "search: \(path): no embeddings: expected a folder with manifest.json, found none. "
                + "Make it with `pinsage embed`."
        case .unknownMetric(let found, let path):
            "search: \(path)/manifest.json: unknown metric: expected cosine or dot, found \(found). Embed again."
        case .biasCount(let path, let expected, let found):
            "search: \(path): wrong length: expected one value for each of \(expected) pins, found \(found). Embed again."
        case .wrongShape(let path, let expected, let found):
            "search: \(path): wrong shape: expected (\(expected[0]), \(expected[1])), "
                + "found (\(found[0]), \(found[1])). Embed again."
        case .notFinite(let path, let row, let value):
            "search: \(path): row \(row): expected finite numbers, found \(value). Embed again."
        case .unknownPin(let id, let path):
            "search: \(path): unknown pin: expected an id in this file, found \"\(id)\". Name another pin."
        case .spaceInID(let id, let path):
            "search: \(path): pin '\(id)': expected an id without spaces, which end it in this format, found one. "
                + "Export to Parquet."
        }
    }
}
