/// How two vectors are compared.
public enum Metric: String, CaseIterable, Sendable {
    /// Dot product of the rows scaled to length 1.
    case cosine
    /// Dot product of the rows as they are.
    case dot
}

/// A candidate and how well it fits a query.
public struct Neighbor: Equatable, Sendable {
    public let row: UInt32
    public let score: Float

    public init(row: UInt32, score: Float) {
        self.row = row
        self.score = score
    }

    /// The order of an answer: higher scores first, among equal scores the smaller row.
    package func precedes(_ other: Neighbor) -> Bool {
        score == other.score ? row < other.row : score > other.score
    }
}

/// A query and the row that ought to lie near it.
public struct RowPair: Hashable, Sendable {
    public let query: UInt32
    public let positive: UInt32

    public init(query: UInt32, positive: UInt32) {
        self.query = query
        self.positive = positive
    }
}
