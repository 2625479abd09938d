/// What can be wrong with the input of an evaluation.
public enum EvaluationError: Error, Equatable, CustomStringConvertible {
    case malformedPair(path: String, line: Int, columns: Int)
    case unknownPin(path: String, line: Int, id: String)
    case samePin(path: String, line: Int, id: String)
    case noPairs(path: String)
    case pairInGraph(path: String, line: Int, board: String)
    case malformedEdge(path: String, line: Int, columns: Int)
    case unknownBoard(path: String, line: Int, id: String)
    case edgeInGraph(path: String, line: Int, pin: String, board: String)
    case noHeldOut(path: String)
    case foreignGraph(path: String, expected: String, found: String)
    case noGraphRecorded
    case graphNeeded(path: String, reason: String)
    case noValidationPairs(graph: String, hidden: Int, boards: Int)

    public var description: String {
        switch self {
        case .malformedPair(let path, let line, let columns):
            "evaluation: \(path):\(line): malformed pair: expected query, positive and perhaps a board, found \(columns) "
                + "tab-separated \(columns == 1 ? "column" : "columns"). Separate ids by tabs."
        case .unknownPin(let path, let line, let id):
            "evaluation: \(path):\(line): unknown pin: expected an id of the embeddings' pins.txt, found \"\(id)\". "
                + "Drop the line, or evaluate embeddings of the pairs' graph."
        case .samePin(let path, let line, let id):
            "evaluation: \(path):\(line): query and positive are the same pin: expected two pins, found \"\(id)\" twice. Drop the line."
        case .noPairs(let path):
            "evaluation: \(path): no pairs: expected lines of query, tab, positive, found an empty file. Name the file of pairs."
        case .pairInGraph(let path, let line, let board):
            "evaluation: \(path):\(line): pair in the graph: expected no edges of both pins to their board, found both "
                + "on \"\(board)\". Train on a graph without them, or drop the line."
        case .malformedEdge(let path, let line, let columns):
            "evaluation: \(path):\(line): malformed edge: expected board TAB pin, found \(columns) "
                + "tab-separated \(columns == 1 ? "column" : "columns"). Separate two ids by a tab."
        case .unknownBoard(let path, let line, let id):
            "evaluation: \(path):\(line): unknown board: expected an id of the graph's boards.txt, found \"\(id)\". "
                + "Drop the line: a board needs pins in the graph."
        case .edgeInGraph(let path, let line, let pin, let board):
            "evaluation: \(path):\(line): edge in the graph: expected one that was held out, found \"\(pin)\" "
                + "on \"\(board)\". Train on a graph without it, or drop the line."
        case .noHeldOut(let path):
            "evaluation: \(path): no held-out edges: expected lines of board TAB pin, found an empty file. "
                + "Name the file of edges."
        case .foreignGraph(let path, let expected, let found):
            "evaluation: \(path): another graph: expected fingerprint \(expected), found \(found). "
                + "Name the right one with --graph."
        case .noGraphRecorded:
            "evaluation: embeddings: no graph: expected graph and graph_fingerprint in manifest.json, found none. "
                + "Embed again."
        case .graphNeeded(let path, let reason):
            "evaluation: \(path): no graph: expected that of the embeddings, found none (\(reason)). Name it with --graph."
        case .noValidationPairs(let graph, let hidden, let boards):
            "evaluation: \(graph): no validation pairs: expected a held-out board with two pins that have another board, "
                + "found none among \(hidden) of \(boards) boards. Raise validation.share."
        }
    }
}
