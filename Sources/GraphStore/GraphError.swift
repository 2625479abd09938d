/// What can be wrong with a graph, or with what a graph is made from.
public enum GraphError: Error, Equatable, CustomStringConvertible {
    /// A line of a text file cannot be used; lines count from 1.
    case badLine(path: String, line: Int, problem: String, expected: String, found: String, action: String)
    /// A file or folder cannot be used.
    case bad(path: String, problem: String, expected: String, found: String, action: String)

    public var description: String {
        switch self {
        case .badLine(let path, let line, let problem, let expected, let found, let action):
            "graph: \(path):\(line): \(problem): expected \(expected), found \(found). \(action)."
        case .bad(let path, let problem, let expected, let found, let action):
            "graph: \(path): \(problem): expected \(expected), found \(found). \(action)."
        }
    }
}
