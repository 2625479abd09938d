import GraphStore

/// Held-out edges at rest: one `board TAB pin` a line, external ids; no edge of them is in the graph.
public struct HeldOutBoards: Sendable {
    /// Rows of the graph's boards that have held-out pins, ascending.
    public let boards: [UInt32]
    /// The held-out pins of each, ascending.
    public let positives: [[UInt32]]

    public var edgeCount: Int { positives.reduce(0) { $0 + $1.count } }

    /// Reads a file of held-out edges; a repeated line counts once.
    ///
    /// - Parameters:
    ///   - graph: what was trained on.
    ///   - row: the pin of an external id, nil for an unknown one.
    /// - Throws: `EvaluationError` with file and line for a line without two columns, an unknown pin or board, an edge
    ///   that the graph has; for a file without lines; `ArtifactError` or `GraphError` if a file cannot be read.
    public init(path: String, graph: BipartiteGraph, row: (String) -> UInt32?) throws {
        let boardIDs = try graph.boardIDs()
        var positives: [UInt32: Set<UInt32>] = [:]
        for (index, columns) in try TabLines.read(path).enumerated() {
            let line = index + 1
            guard columns.count == 2 else {
                throw EvaluationError.malformedEdge(path: path, line: line, columns: columns.count)
            }
            guard let board = boardIDs.row(of: columns[0]) else {
                throw EvaluationError.unknownBoard(path: path, line: line, id: columns[0])
            }
            guard let pin = row(columns[1]) else {
                throw EvaluationError.unknownPin(path: path, line: line, id: columns[1])
            }
            guard unsafe !graph.pins(of: board).contains(pin) else {
                throw EvaluationError.edgeInGraph(path: path, line: line, pin: columns[1], board: columns[0])
            }
            positives[board, default: []].insert(pin)
        }
        guard !positives.isEmpty else { throw EvaluationError.noHeldOut(path: path) }
        let boards = positives.keys.sorted()
        self.boards = boards
        self.positives = boards.map { (positives[$0] ?? []).sorted() }
    }
}
