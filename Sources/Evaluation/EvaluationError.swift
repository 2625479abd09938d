/// What can be wrong with the input of an evaluation.
public enum EvaluationError: Error, Equatable, CustomStringConvertible {
    case malformedPair(path: String, line: Int, columns: Int)
    case unknownPin(path: String, line: Int, id: String)
    case samePin(path: String, line: Int, id: String)
    case noPairs(path: String)
    case unequalCounts(what: String, path: String, expected: Int, found: Int)

    public var description: String {
        switch self {
        case .malformedPair(let path, let line, let columns):
            "evaluation: \(path):\(line): malformed pair: expected a query, a tab and a positive, found \(columns) "
                + "tab-separated \(columns == 1 ? "column" : "columns")."
        case .unknownPin(let path, let line, let id):
            "evaluation: \(path):\(line): unknown pin: expected an id of the embeddings' pins.txt, found \"\(id)\"."
        case .samePin(let path, let line, let id):
            "evaluation: \(path):\(line): query and positive are the same pin: expected two pins, found \"\(id)\" twice."
        case .noPairs(let path):
            "evaluation: \(path): no pairs: expected lines of query, tab, positive, found an empty file."
        case .unequalCounts(let what, let path, let expected, let found):
            "evaluation: \(path): \(what): expected \(expected), found \(found)."
        }
    }
}
