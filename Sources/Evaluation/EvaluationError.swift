/// What can be wrong with the input of an evaluation.
public enum EvaluationError: Error, Equatable, CustomStringConvertible {
    case malformedPair(path: String, line: Int, columns: Int)
    case unknownPin(path: String, line: Int, id: String)
    case samePin(path: String, line: Int, id: String)
    case noPairs(path: String)
    case foreignGraph(path: String, expected: String, found: String)
    case noGraphRecorded

    public var description: String {
        switch self {
        case .malformedPair(let path, let line, let columns):
            "evaluation: \(path):\(line): malformed pair: expected a query, a tab and a positive, found \(columns) "
                + "tab-separated \(columns == 1 ? "column" : "columns"). Separate two ids by a tab."
        case .unknownPin(let path, let line, let id):
            "evaluation: \(path):\(line): unknown pin: expected an id of the embeddings' pins.txt, found \"\(id)\". "
                + "Drop the line, or evaluate embeddings of the pairs' graph."
        case .samePin(let path, let line, let id):
            "evaluation: \(path):\(line): query and positive are the same pin: expected two pins, found \"\(id)\" twice. Drop the line."
        case .noPairs(let path):
            "evaluation: \(path): no pairs: expected lines of query, tab, positive, found an empty file. Name the file of pairs."
        case .foreignGraph(let path, let expected, let found):
            "evaluation: \(path): another graph: expected fingerprint \(expected), found \(found). "
                + "Name the right one with --graph."
        case .noGraphRecorded:
            "evaluation: embeddings: no graph: expected graph and graph_fingerprint in manifest.json, found none. "
                + "Embed again."
        }
    }
}
