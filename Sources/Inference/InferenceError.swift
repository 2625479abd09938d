/// What can keep embeddings from being made.
public enum InferenceError: Error, Equatable, CustomStringConvertible {
    case foreignGraph(checkpoint: String, expected: String, graph: String, found: String)
    case featureWidth(checkpoint: String, expected: Int, graph: String, found: Int)
    case noFeatures(graph: String)
    case noRun(path: String)
    case noCheckpoint(run: String, found: String)
    case badConfiguration(checkpoint: String, problem: String)
    case notFinite(pin: UInt32, checkpoint: String)
    case occupied(path: String, found: String)
    case noSpace(path: String, byteCount: Int, reason: String)
    case stopped

    public var description: String {
        switch self {
        case .foreignGraph(let checkpoint, let expected, let graph, let found):
            "inference: \(checkpoint): trained on another graph: expected fingerprint \(expected), "
                + "found \(found) in \(graph). Name the graph it was trained on."
        case .featureWidth(let checkpoint, let expected, let graph, let found):
            "inference: \(checkpoint): other features: expected width \(expected), found \(found) in \(graph). "
                + "Name the graph it was trained on."
        case .noFeatures(let graph):
            "inference: \(graph): no features: expected features.npy, found none. Import the graph with features."
        case .noRun(let path):
            "inference: \(path): not a run: expected a run directory with config.yaml, found none. "
                + "Train first, or name another with --run."
        case .noCheckpoint(let run, let found):
            "inference: \(run): no checkpoint: expected checkpoints/latest to name a complete file, found \(found). "
                + "Train the run first, or name a file with --checkpoint."
        case .badConfiguration(let checkpoint, let problem):
            "inference: \(checkpoint): unusable settings: expected the run's configuration as JSON, found: \(problem) "
                + "Use another checkpoint."
        case .notFinite(let pin, let checkpoint):
            "inference: \(checkpoint): pin row \(pin): expected a vector of finite numbers, found others. "
                + "Use an earlier checkpoint."
        case .occupied(let path, let found):
            "inference: \(path): output folder in use: expected none, an empty one or embeddings, found \(found). "
                + "Name another folder."
        case .noSpace(let path, let byteCount, let reason):
            "inference: \(path): cannot reserve space: expected \(byteCount) bytes, found: \(reason). Free some or choose another --out."
        case .stopped:
            "inference: stopped before the end; nothing was written."
        }
    }
}
