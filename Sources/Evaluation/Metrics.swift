/// How well held-out positives rank: hit-rates, reciprocal ranks, median.
public struct Metrics: Equatable, Sendable {
    public struct HitRate: Equatable, Sendable {
        /// Length of the list that counts as a hit.
        public let top: Int
        /// Share of the pairs whose positive ranks within `top`. 0 … 1.
        public let rate: Double
    }

    /// In the order asked for.
    public let hitRates: [HitRate]
    /// Mean of 1/rank.
    public let meanReciprocalRank: Double
    /// Mean of 1/⌈rank/100⌉: forgiving of ranks that differ by less than 100.
    /// - Source: Ying et al. 2018, §4.2.
    public let scaledReciprocalRank: Double
    public let medianRank: Double
    public let pairCount: Int

    /// - Parameters:
    ///   - ranks: one for each pair, from 1; a half where an odd number of candidates ties.
    ///   - top: lengths K of the hit-rates.
    /// - Precondition: at least one rank.
    public init(ranks: [Double], top: [Int]) {
        precondition(!ranks.isEmpty, "Metrics: no ranks")
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(ranks.count) }
        hitRates = top.map { k in HitRate(top: k, rate: mean(Self.hits(ranks, top: k))) }
        meanReciprocalRank = mean(Self.reciprocals(ranks))
        scaledReciprocalRank = mean(ranks.map { 1 / ($0 / 100).rounded(.up) })
        let sorted = ranks.sorted()
        medianRank = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
        pairCount = ranks.count
    }

    /// 1 for each rank within `top`, 0 for the others.
    static func hits(_ ranks: [Double], top: Int) -> [Double] { ranks.map { $0 <= Double(top) ? 1 : 0 } }

    static func reciprocals(_ ranks: [Double]) -> [Double] { ranks.map { 1 / $0 } }
}
