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
        func mean(_ value: (Double) -> Double) -> Double { ranks.reduce(0) { $0 + value($1) } / Double(ranks.count) }
        hitRates = top.map { k in HitRate(top: k, rate: mean { $0 <= Double(k) ? 1 : 0 }) }
        meanReciprocalRank = mean { 1 / $0 }
        scaledReciprocalRank = mean { 1 / ($0 / 100).rounded(.up) }
        let sorted = ranks.sorted()
        medianRank = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
        pairCount = ranks.count
    }
}
