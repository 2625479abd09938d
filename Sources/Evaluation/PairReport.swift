import GraphStore
import Kernels
import Search

/// How well held-out pairs rank: one row for the model, one for each simple method, all on the same pairs.
public struct PairReport: Equatable, Sendable {
    /// A positive on at most so many boards of the graph is cold.
    public static let coldBoardsMax = 2
    /// Length of the lists whose pins count as covered.
    public static let coverageTop = 10

    public struct Row: Equatable, Sendable {
        /// As the table shows it.
        public let name: String
        /// As JSON names it.
        public let key: String
        public let metrics: Metrics
        /// 95 % intervals of the hit-rates, in their order, and of the mean reciprocal rank.
        public let hitRateIntervals: [ClosedRange<Double>]
        public let reciprocalRankInterval: ClosedRange<Double>
        /// Of the pairs whose positive is cold; nil where there is none, or no graph.
        public let cold: Metrics?
        /// Share of the pins that are in the list of any query; only of the model. 0 … 1.
        public let coverage: Double?
    }

    /// The model first.
    public let rows: [Row]
    public let pairCount: Int
    /// Pairs whose two pins are on a common board of the graph; nil without a graph.
    public let pairsSharingBoard: Int?
    /// Pairs that name their board and are not both on it in the graph; nil without a graph.
    public let pairsChecked: Int?

    /// Pairs whose positive is cold; nil without a graph.
    public let coldPairCount: Int?

    /// A method and how it ranks the pairs; `search` only where its coverage counts.
    struct Method {
        let name: String
        let key: String
        var search: ExactSearch?
        let ranks: () -> [Double]
    }

    /// - Throws: as `PairsFile.checkHeldOut`.
    static func measure(
        _ file: PairsFile, methods: [Method], graph: BipartiteGraph?, top: [Int], team: ThreadTeam,
        progress: (String) -> Void
    ) throws -> PairReport {
        let pairs = file.pairs
        let checked = try graph.map { try file.checkHeldOut(from: $0) }
        let cold = graph.map { graph in
            pairs.indices.filter { unsafe graph.boards(of: pairs[$0].positive).count <= coldBoardsMax }
        }
        let queries = Set(pairs.map(\.query)).sorted()
        let rows = methods.map { method in
            progress(method.name)
            let ranks = method.ranks()
            let columns = top.map { Metrics.hits(ranks, top: $0) } + [Metrics.reciprocals(ranks)]
            let intervals = Bootstrap.intervals(columns, team: team)
            let coldRanks = (cold ?? []).map { ranks[$0] }
            return Row(
                name: method.name, key: method.key, metrics: Metrics(ranks: ranks, top: top),
                hitRateIntervals: Array(intervals.dropLast()), reciprocalRankInterval: intervals[top.count],
                cold: coldRanks.isEmpty ? nil : Metrics(ranks: coldRanks, top: top),
                coverage: method.search.map { coverage($0, of: queries) })
        }
        return PairReport(
            rows: rows, pairCount: pairs.count,
            pairsSharingBoard: graph.map { Baselines.pairsSharingBoard(pairs, graph: $0) }, pairsChecked: checked,
            coldPairCount: cold?.count)
    }

    private static func coverage(_ search: ExactSearch, of queries: [UInt32]) -> Double {
        let found = search.nearest(to: queries, count: coverageTop)
        return Double(Set(found.joined().map(\.row)).count) / Double(search.table.rows)
    }
}
