import Foundation
import GraphStore
import Kernels
import Search

/// What an evaluation found: one row for the model, one for each simple method, all on the same pairs.
public struct EvaluationReport: Equatable, Sendable {
    public struct Row: Equatable, Sendable {
        /// As the table shows it.
        public let name: String
        /// As JSON names it.
        public let key: String
        public let metrics: Metrics
    }

    /// The model first.
    public let rows: [Row]
    public let metric: Metric
    public let pinCount: Int
    public let pairCount: Int
    /// Pairs whose two pins are on a common board of the graph; nil without a graph.
    public let pairsSharingBoard: Int?
    /// Why there are no baselines; nil where they were measured.
    public let baselinesMissing: String?

    /// Ranks every pair by the embeddings and, where there is a graph, by each baseline.
    ///
    /// - Parameters:
    ///   - plainModel: the same embeddings without the popularity prior; nil where there is none.
    ///   - graph: the graph the embeddings were made from, or why it is not at hand.
    ///   - top: lengths K of the hit-rates.
    ///   - progress: told the name of what is measured next.
    public static func measure(
        model: ExactSearch, plainModel: ExactSearch? = nil, pairs: [RowPair], graph: GraphAtHand, top: [Int],
        kernels: Kernels,
        progress: (String) -> Void = { _ in }
    ) -> EvaluationReport {
        var rows: [Row] = []
        func add(_ name: String, _ key: String, _ ranks: () -> [Double]?) {
            progress(name)
            if let ranks = ranks() { rows.append(Row(name: name, key: key, metrics: Metrics(ranks: ranks, top: top))) }
        }
        add("model", "model") { model.ranks(of: pairs) }
        add("model, no prior", "model_no_prior") { plainModel?.ranks(of: pairs) }
        var sharing: Int?
        var missing: String?
        switch graph {
        case .found(let graph):
            // Projected features come from the boards, not from content, and may stand in its row only by their name.
            let content = graph.manifest.extra["features"] == "projected" ? "projected boards" : "content only"
            add(content, "content") { Baselines.contentRanks(pairs, graph: graph, kernels: kernels) }
            add("popularity", "popularity") { Baselines.popularityRanks(pairs, graph: graph) }
            add("item-kNN", "item_knn") { Baselines.itemNeighborRanks(pairs, graph: graph, team: kernels.team) }
            sharing = Baselines.pairsSharingBoard(pairs, graph: graph)
        case .missing(let reason):
            missing = reason
        }
        return EvaluationReport(
            rows: rows, metric: model.metric, pinCount: model.table.rows, pairCount: pairs.count,
            pairsSharingBoard: sharing, baselinesMissing: missing)
    }
}

extension EvaluationReport {
    /// Aligned columns for people, several lines.
    public var table: String {
        let top = rows.first?.metrics.hitRates.map { "hit@\($0.top)" } ?? []
        var cells = [[""] + top + ["MRR", "MRR/100", "median rank"]]
        for row in rows {
            let metrics = row.metrics
            cells.append(
                [row.name] + metrics.hitRates.map { String(format: "%.2f %%", 100 * $0.rate) }
                    + [
                        String(format: "%.4f", metrics.meanReciprocalRank),
                        String(format: "%.4f", metrics.scaledReciprocalRank),
                        String(format: "%.1f", metrics.medianRank),
                    ])
        }
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        let lines = cells.map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + space : space + cell
            }.joined(separator: "   ")
        }
        var notes = ["\(pairCount) pairs ranked among \(pinCount) pins by \(metric.rawValue), ties counted half"]
        if let pairsSharingBoard { notes.append("\(pairsSharingBoard) pairs share a board in the graph") }
        if let baselinesMissing { notes.append("no baselines: \(baselinesMissing)") }
        return (lines + notes).joined(separator: "\n")
    }

    /// One JSON object on one line, keys sorted: `{"metric":…,"pairs":…,"results":{"model":{"hit@10":…,"MRR":…},…}}`.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension EvaluationReport: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TextKey.self)
        try container.encode(metric.rawValue, forKey: "metric")
        try container.encode(pinCount, forKey: "pins")
        try container.encode(pairCount, forKey: "pairs")
        try container.encodeIfPresent(pairsSharingBoard, forKey: "pairs_sharing_board")
        try container.encodeIfPresent(baselinesMissing, forKey: "baselines_missing")
        var results = container.nestedContainer(keyedBy: TextKey.self, forKey: "results")
        for row in rows { try results.encode(row.metrics, forKey: TextKey(row.key)) }
    }
}

extension Metrics: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TextKey.self)
        for hit in hitRates { try container.encode(hit.rate, forKey: TextKey("hit@\(hit.top)")) }
        try container.encode(meanReciprocalRank, forKey: "MRR")
        try container.encode(scaledReciprocalRank, forKey: "MRR100")
        try container.encode(medianRank, forKey: "median_rank")
        try container.encode(pairCount, forKey: "n")
    }
}

/// A JSON key that is only known when the program runs.
private struct TextKey: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ text: String) { stringValue = text }
    init(stringLiteral text: String) { stringValue = text }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
