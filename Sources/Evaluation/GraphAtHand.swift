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
    public static func open(_ manifest: Manifest, path: String?) -> GraphAtHand {
        guard let path = path ?? manifest.extra["graph"], let expected = manifest.extra["graph_fingerprint"] else {
            return .missing("the embeddings record no graph: expected one in manifest.json. Embed again.")
        }
        do {
            let graph = try BipartiteGraph(directory: path)
            guard graph.fingerprint == expected else {
                return .missing(
                    "\(path): another graph: expected fingerprint \(expected), found \(graph.fingerprint). "
                        + "Name the right one with --graph.")
            }
            return .found(graph)
        } catch {
            return .missing("\(error)")
        }
    }
}
