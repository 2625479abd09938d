import Artifacts

/// How many neighbours the pins or the boards have: five ranks of the sorted degrees.
public struct DegreeSummary: Codable, Equatable, Sendable {
    public let min: Int
    public let p50: Int
    public let p90: Int
    public let p99: Int
    public let max: Int
    public let mean: Double

    /// Nearest-rank percentiles of degrees; all zero when there are none.
    init(_ degrees: [Int]) {
        let sorted = degrees.sorted()
        func percentile(_ percent: Int) -> Int {
            sorted.isEmpty ? 0 : sorted[Swift.max(0, (sorted.count * percent + 99) / 100 - 1)]
        }
        min = sorted.first ?? 0
        p50 = percentile(50)
        p90 = percentile(90)
        p99 = percentile(99)
        max = sorted.last ?? 0
        mean = sorted.isEmpty ? 0 : Double(sorted.reduce(0, +)) / Double(sorted.count)
    }
}

/// What the feature table looks like.
public struct FeatureSummary: Codable, Equatable, Sendable {
    public let width: Int
    /// NumPy's name of the element type.
    public let elementType: String
    /// `given`, `structure`, `projected` or `generated`.
    public let source: String
    /// Rows of zeros only.
    public let zeroRows: Int
    /// Over all rows.
    public let meanLength: Double
}

/// A graph in a few numbers.
public struct GraphSummary: Codable, Equatable, Sendable {
    public let directory: String
    public let fingerprint: String
    public let pins: Int
    public let boards: Int
    public let edges: Int
    public let pinsWithoutBoards: Int
    /// Boards of each pin.
    public let pinDegrees: DegreeSummary
    /// Pins of each board.
    public let boardDegrees: DegreeSummary
    public let features: FeatureSummary?
    /// Whether the folder has the rows in the form that walks read fastest.
    public let hasWalkLayout: Bool
    /// What is not in the graph yet, oldest first.
    public let pending: [PendingGenerations.Entry]

    /// - Complexity: O(P log P + B log B + P · F).
    public init(_ graph: BipartiteGraph, pending: [PendingGenerations.Entry] = []) {
        let pinDegrees = (0..<graph.pinCount).map { unsafe Int(graph.pinOffsets[$0 + 1] - graph.pinOffsets[$0]) }
        let boardDegrees = (0..<graph.boardCount).map {
            unsafe Int(graph.boardOffsets[$0 + 1] - graph.boardOffsets[$0])
        }
        directory = graph.directory
        fingerprint = graph.fingerprint
        pins = graph.pinCount
        boards = graph.boardCount
        edges = graph.edgeCount
        pinsWithoutBoards = pinDegrees.count { $0 == 0 }
        self.pinDegrees = DegreeSummary(pinDegrees)
        self.boardDegrees = DegreeSummary(boardDegrees)
        hasWalkLayout = graph.layout != nil
        self.pending = pending
        features = graph.features.map { Self.summary($0, source: graph.featureSource) }
    }

    private static func summary(_ table: VectorTable, source: String) -> FeatureSummary {
        var row = [Float](repeating: 0, count: table.width)
        var (zeroRows, total) = (0, 0.0)
        for pin in 0..<table.rows {
            unsafe row.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                unsafe table.copyRange(start: pin, count: 1, into: base, rowStride: table.width)
            }
            let squares = row.reduce(0.0) { $0 + Double($1) * Double($1) }
            if squares == 0 { zeroRows += 1 }
            total += squares.squareRoot()
        }
        return FeatureSummary(
            width: table.width, elementType: table.elementType.name, source: source, zeroRows: zeroRows,
            meanLength: table.rows == 0 ? 0 : total / Double(table.rows))
    }
}
