import Basics
import Kernels

/// 95 % intervals of means over pairs, by the percentile bootstrap: pairs are drawn with replacement, as many as there
/// are, again and again; the interval leaves out the 2.5 % of the means at either end.
///
/// Draws are keyed by the resample, and the same for every method. Pairs count as independent.
/// - Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, §13.3.
public enum Bootstrap {
    public static let resampleCount = 1_000

    /// - Parameters:
    ///   - columns: values of one figure each, one for each pair; all of one length, above 0.
    /// - Returns: the interval of each column's mean.
    /// - Complexity: O(resamples · pairs · columns) additions.
    public static func intervals(_ columns: [[Double]], seed: UInt64 = 0, team: ThreadTeam) -> [ClosedRange<Double>] {
        let count = columns.first?.count ?? 0
        precondition(columns.allSatisfy { $0.count == count && count > 0 }, "Bootstrap: columns of unequal length")
        var means = [Double](repeating: 0, count: columns.count * resampleCount)
        unsafe means.withUnsafeMutableBufferPointer { means in
            team.run(chunks: resampleCount) { resample in
                let times = draws(resample, of: count, seed: seed)
                for (index, column) in columns.enumerated() {
                    var sum = 0.0
                    for pair in 0..<count { sum += times[pair] * column[pair] }
                    unsafe means[index * resampleCount + resample] = sum / Double(count)
                }
            }
        }
        let cut = resampleCount / 40
        return columns.indices.map { index in
            let sorted = means[index * resampleCount..<(index + 1) * resampleCount].sorted()
            return sorted[cut]...sorted[resampleCount - 1 - cut]
        }
    }

    /// How often each pair is drawn in a resample.
    static func draws(_ resample: Int, of count: Int, seed: UInt64) -> [Double] {
        var random = CounterBasedGenerator(seed: seed, purpose: 10, UInt64(resample), 0)
        var times = [Double](repeating: 0, count: count)
        for _ in 0..<count { times[Int.random(in: 0..<count, using: &random)] += 1 }
        return times
    }
}
