import GraphStore
import Search

/// Held-out pairs at rest: one `query TAB positive` a line, external ids; perhaps a third column, the board whose two
/// edges were taken out.
public struct PairsFile: Sendable {
    public let path: String
    /// In the order of the lines.
    public let pairs: [RowPair]
    /// The third column of each line; nil where there is none.
    public let boards: [String?]

    /// Reads a pairs file; a carriage return before a line's end is dropped.
    ///
    /// - Parameter row: the row of an external id, nil for an unknown one.
    /// - Throws: `EvaluationError` with file and line for a line without two or three columns, an unknown id,
    ///   or a query that is its own positive; for a file without lines; `ArtifactError` if it cannot be read.
    public init(path: String, row: (String) -> UInt32?) throws {
        var pairs: [RowPair] = []
        var boards: [String?] = []
        for (index, columns) in try TabLines.read(path).enumerated() {
            guard columns.count == 2 || columns.count == 3 else {
                throw EvaluationError.malformedPair(path: path, line: index + 1, columns: columns.count)
            }
            let rows = try columns.prefix(2).map { id in
                guard let row = row(id) else {
                    throw EvaluationError.unknownPin(path: path, line: index + 1, id: id)
                }
                return row
            }
            guard rows[0] != rows[1] else {
                throw EvaluationError.samePin(path: path, line: index + 1, id: columns[0])
            }
            pairs.append(RowPair(query: rows[0], positive: rows[1]))
            boards.append(columns.count == 3 ? columns[2] : nil)
        }
        guard !pairs.isEmpty else { throw EvaluationError.noPairs(path: path) }
        (self.path, self.pairs, self.boards) = (path, pairs, boards)
    }

    /// Makes sure that no pair is on its own board in the graph: training could have read it there.
    ///
    /// - Returns: how many pairs name their board; the others cannot be checked. A board that the graph does not have
    ///   has no edge left.
    /// - Throws: `EvaluationError.pairInGraph` for the first pair of which both pins are on its board;
    ///   `GraphError` if the boards' ids cannot be read.
    public func checkHeldOut(from graph: BipartiteGraph) throws -> Int {
        let named = boards.count { $0 != nil }
        if named == 0 { return 0 }
        let ids = try graph.boardIDs()
        for (index, pair) in pairs.enumerated() {
            guard let id = boards[index], let board = ids.row(of: id) else { continue }
            if unsafe graph.pins(of: board).contains(pair.query) && graph.pins(of: board).contains(pair.positive) {
                throw EvaluationError.pairInGraph(path: path, line: index + 1, board: id)
            }
        }
        return named
    }
}
