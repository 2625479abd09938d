import Basics
import Foundation
import Kernels

/// How the cosines between random pairs of embeddings are spread: wide and flat when the model tells pins apart, all
/// at 1 when it has collapsed.
///
/// - Source: Ying et al. 2018, §4.2 and Fig. 4, which judges embeddings by the kurtosis of these cosines.
package struct CosineSpread: Equatable, Sendable {
    package var mean: Double
    /// Standard deviation.
    package var deviation: Double
    /// Excess kurtosis: 0 for a normal distribution, above 0 for a narrow peak with long tails.
    package var kurtosis: Double

    /// Whether nearly all pairs look alike.
    package var isCollapsed: Bool { mean > 0.995 || deviation < 0.005 }

    private static let pairCount = 4096
    private static let purpose: UInt32 = 0x434F_5350

    /// Measures `pairCount` pairs of distinct rows, drawn by `seed` and `batch` alone; rows of length 0 are left out.
    ///
    /// - Parameter embeddings: rows × d.
    /// - Returns: nil where there are not two rows of a length.
    /// - Complexity: O(pairCount · d).
    package init?(of embeddings: Matrix, seed: UInt64, batch: UInt64) {
        guard embeddings.rows > 1 else { return nil }
        var random = CounterBasedGenerator(seed: seed, purpose: Self.purpose, batch, 0)
        var cosines: [Double] = []
        for _ in 0..<Self.pairCount {
            let first = Int.random(in: 0..<embeddings.rows, using: &random)
            let second = (first + Int.random(in: 1..<embeddings.rows, using: &random)) % embeddings.rows
            if let cosine = Self.cosine(embeddings, first, second) { cosines.append(cosine) }
        }
        self.init(cosines: cosines)
    }

    /// - Returns: nil for fewer than two values.
    package init?(cosines: [Double]) {
        guard cosines.count > 1 else { return nil }
        let count = Double(cosines.count)
        let mean = cosines.reduce(0, +) / count
        let second = cosines.reduce(0) { $0 + pow($1 - mean, 2) } / count
        let fourth = cosines.reduce(0) { $0 + pow($1 - mean, 4) } / count
        self.mean = mean
        deviation = second.squareRoot()
        // Where all values are one value there is no shape to speak of.
        kurtosis = second > 1e-12 ? fourth / (second * second) - 3 : 0
    }

    private static func cosine(_ embeddings: Matrix, _ a: Int, _ b: Int) -> Double? {
        var (dot, aa, bb) = (0.0, 0.0, 0.0)
        for column in 0..<embeddings.columns {
            let (x, y) = (Double(embeddings[a, column]), Double(embeddings[b, column]))
            dot += x * y
            aa += x * x
            bb += y * y
        }
        return aa > 0 && bb > 0 ? dot / (aa * bb).squareRoot() : nil
    }
}
