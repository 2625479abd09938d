import Artifacts
import GraphStore

/// The graph that embeddings were made from, or one line on why it cannot be used.
public enum GraphAtHand: Sendable {
    case found(BipartiteGraph)
    case missing(String)

    /// Opens the graph that an embeddings manifest records, or another copy of it.
    ///
    /// - Parameters:
    ///   - manifest: of the embeddings; `graph` is the folder at the time, `graph_fingerprint` tells whether
    ///     what is found is still the same graph.
    ///   - path: where to look instead of the recorded folder.
    /// - Throws: why the graph at `path` cannot be used. The recorded one may be gone: then it is `missing`.
    public static func open(_ manifest: Manifest, path: String?) throws -> GraphAtHand {
        if let path { return .found(try graph(at: path, of: manifest)) }
        do {
            guard let recorded = manifest.extra["graph"] else { throw EvaluationError.noGraphRecorded }
            return .found(try graph(at: recorded, of: manifest))
        } catch {
            return .missing("\(error)")
        }
    }

    /// The graph; an error that names `path`, what needs it, where there is none.
    public func required(by path: String) throws -> BipartiteGraph {
        switch self {
        case .found(let graph): return graph
        case .missing(let reason): throw EvaluationError.graphNeeded(path: path, reason: reason)
        }
    }

    private static func graph(at path: String, of manifest: Manifest) throws -> BipartiteGraph {
        guard let expected = manifest.extra["graph_fingerprint"] else { throw EvaluationError.noGraphRecorded }
        let graph = try BipartiteGraph(directory: path)
        guard graph.fingerprint == expected else {
            throw EvaluationError.foreignGraph(path: path, expected: expected, found: graph.fingerprint)
        }
        return graph
    }
}
