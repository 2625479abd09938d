import Glibc

/// A mean over few seeds, with its 95 % interval by Student's t.
public struct Estimate: Equatable, Sendable {
    public let mean: Double
    /// mean ± t · s / √n, s² with n − 1; of a ratio the same of its logarithm. Nil for a single value.
    public let interval: ClosedRange<Double>?

    /// Most values: as far as the quantiles go.
    public static let countMax = quantiles.count + 1

    /// t₀.₉₇₅ for 1, 2, … degrees of freedom.
    private static let quantiles = [
        12.706204736174694, 4.302652729749462, 3.182446305283708, 2.776445105197793, 2.5705818356363146,
        2.4469118511449786, 2.3646242515927849, 2.306004135204166, 2.262157162798205, 2.228138851986274,
        2.200985160091639, 2.1788128296672284, 2.1603686564627917, 2.1447866879177932, 2.1314495455597742,
        2.1199052992210118, 2.1098155778331808, 2.1009220402410382, 2.093024054408263, 2.0859634472658364,
    ]

    /// - Precondition: 1 … `countMax` values.
    public init(_ values: [Double]) {
        precondition((1...Self.countMax).contains(values.count), "Estimate: \(values.count) values")
        let n = Double(values.count)
        let mean = values.reduce(0, +) / n
        self.mean = mean
        guard values.count > 1 else {
            interval = nil
            return
        }
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)
        let half = Self.quantiles[values.count - 2] * (variance / n).squareRoot()
        interval = mean - half...mean + half
    }

    /// How many times `below` goes into `above`, where values at one place are of one seed: the geometric mean of their
    /// ratios. What is the same for all seeds is given once. Nil where a value is not above 0.
    ///
    /// - Precondition: as many values in both, or one in either.
    public static func ratio(_ above: [Double], to below: [Double]) -> Estimate? {
        let count = max(above.count, below.count)
        func spread(_ values: [Double]) -> [Double] {
            values.count == 1 ? Array(repeating: values[0], count: count) : values
        }
        let (above, below) = (spread(above), spread(below))
        precondition(above.count == below.count, "Estimate: \(above.count) values over \(below.count)")
        guard (above + below).allSatisfy({ $0 > 0 }) else { return nil }
        let logarithm = Estimate(zip(above, below).map { log($0 / $1) })
        return Estimate(
            mean: exp(logarithm.mean), interval: logarithm.interval.map { exp($0.lowerBound)...exp($0.upperBound) })
    }

    private init(mean: Double, interval: ClosedRange<Double>?) {
        (self.mean, self.interval) = (mean, interval)
    }
}

extension Estimate: Encodable {
    private enum CodingKeys: String, CodingKey { case mean, low, high }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(mean, forKey: .mean)
        try container.encodeIfPresent(interval?.lowerBound, forKey: .low)
        try container.encodeIfPresent(interval?.upperBound, forKey: .high)
    }
}
