import Foundation

extension EvaluationReport {
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
        try container.encodeIfPresent(baselinesMissing, forKey: "baselines_missing")
        try pairs?.encode(to: encoder)
        try container.encodeIfPresent(boards, forKey: "heldout")
    }
}

extension PairReport: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TextKey.self)
        try container.encode(pairCount, forKey: "pairs")
        try container.encodeIfPresent(pairsSharingBoard, forKey: "pairs_sharing_board")
        try container.encodeIfPresent(pairsChecked, forKey: "pairs_checked")
        var results = container.nestedContainer(keyedBy: TextKey.self, forKey: "results")
        for row in rows { try results.encode(row.metrics, forKey: TextKey(row.key)) }
        var intervals = container.nestedContainer(keyedBy: TextKey.self, forKey: "intervals")
        for row in rows {
            var figures = intervals.nestedContainer(keyedBy: TextKey.self, forKey: TextKey(row.key))
            for (hit, interval) in zip(row.metrics.hitRates, row.hitRateIntervals) {
                try figures.encode([interval.lowerBound, interval.upperBound], forKey: TextKey("hit@\(hit.top)"))
            }
            let interval = row.reciprocalRankInterval
            try figures.encode([interval.lowerBound, interval.upperBound], forKey: "MRR")
        }
        var coverage = container.nestedContainer(keyedBy: TextKey.self, forKey: "coverage")
        for row in rows { try coverage.encodeIfPresent(row.coverage, forKey: TextKey(row.key)) }
        guard let coldPairCount else { return }
        var cold = container.nestedContainer(keyedBy: TextKey.self, forKey: "cold")
        try cold.encode(coldPairCount, forKey: "pairs")
        try cold.encode(Self.coldBoardsMax, forKey: "boards_max")
        var coldResults = cold.nestedContainer(keyedBy: TextKey.self, forKey: "results")
        for row in rows { try coldResults.encodeIfPresent(row.cold, forKey: TextKey(row.key)) }
    }
}

extension BoardReport: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TextKey.self)
        try container.encode(boardCount, forKey: "boards")
        try container.encode(edgeCount, forKey: "edges")
        var results = container.nestedContainer(keyedBy: TextKey.self, forKey: "results")
        for row in rows {
            let figures = ["recall@\(Self.top)": row.recall, "NDCG@\(Self.top)": row.ndcg]
            try results.encode(figures, forKey: TextKey(row.key))
        }
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
