/// What can keep embeddings from being made.
public enum InferenceError: Error, Equatable, CustomStringConvertible {
    case foreignGraph(checkpoint: String, expected: String, graph: String, found: String)
    case featureWidth(checkpoint: String, expected: Int, graph: String, found: Int)
    case noFeatures(graph: String)
    case noRun(path: String)
    case noCheckpoint(run: String, found: String)
    case noBest(run: String)
    case badConfiguration(checkpoint: String, problem: String)
    case notFinite(pin: UInt32, checkpoint: String)
    /// A number of this pin is too large for float16.
    case beyondFloat16(pin: UInt32)
    case occupied(path: String, found: String)
    /// A shard that another stage reads is not there, or is of another run; `command` makes it.
    case unfinished(path: String, expected: String, found: String, command: String)
    /// Earlier embeddings that an update cannot start from.
    case notUpdatable(path: String, expected: String, found: String)
    /// The checkpoint holds vectors by pin number, and pins were removed from the graph since.
    case movedPins(checkpoint: String, graph: String)
    /// All pins of `edges` are in the graph.
    case noNewPins(edges: String, graph: String)
    /// `work` holds finished shards; nil where there are none.
    case stopped(work: String?)

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
        case .noBest(let run):
            "inference: \(run): no best checkpoint: expected checkpoints/best to name one, found none. "
                + "Leave --best out, or train on until an epoch has been validated."
        case .badConfiguration(let checkpoint, let problem):
            "inference: \(checkpoint): unusable settings: expected the run's configuration as JSON, found: \(problem) "
                + "Use another checkpoint."
        case .notFinite(let pin, let checkpoint):
            "inference: \(checkpoint): pin row \(pin): expected a vector of finite numbers, found others. "
                + "Use an earlier checkpoint."
        case .beyondFloat16(let pin):
            "inference: pin row \(pin): beyond float16: expected numbers up to 65504, found larger ones. "
                + "Use --precision float32."
        case .occupied(let path, let found):
            "inference: \(path): output folder in use: expected none, an empty one or embeddings, found \(found). "
                + "Name another folder."
        case .unfinished(let path, let expected, let found, let command):
            "inference: \(path): unfinished shard: expected \(expected), found \(found). Run `\(command)` first."
        case .notUpdatable(let path, let expected, let found):
            "inference: \(path): cannot be updated: expected \(expected), found \(found). Embed without --update."
        case .movedPins(let checkpoint, let graph):
            "inference: \(checkpoint): learned vectors of other pins: expected the pins it was trained on, "
                + "found some removed from \(graph). Train again."
        case .noNewPins(let edges, let graph):
            "inference: \(edges): no new pins: expected pins that are not in \(graph), found none. Name other edges."
        case .stopped(let work?):
            "inference: stopped before the end; finished shards are in \(work). Start again to go on."
        case .stopped(nil):
            "inference: stopped before the end; nothing was written. Start again."
        }
    }
}
