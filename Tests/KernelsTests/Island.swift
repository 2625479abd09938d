import Kernels

/// A matrix that starts off any boundary and has NaN on all sides, in rows' gaps too: what a kernel
/// reads there spoils its results, what it writes there is seen.
final class Island {
    private static let sea = Float(bitPattern: 0x7FC0_0BAD)
    private let storage: FloatBuffer
    private let lead: Int
    let matrix: Matrix

    /// - Parameters:
    ///   - gap: elements between rows.
    ///   - lead: elements before the first row, at least; the matrix starts 4 bytes past a boundary.
    init(_ rows: Int, _ columns: Int, gap: Int = 3, fill: (Int, Int) -> Float) {
        let stride = columns + gap
        lead = 17
        storage = FloatBuffer(count: 17 + rows * stride + 80)
        let base = storage.base
        for i in 0..<storage.count { base[i] = Self.sea }
        // The last row has a gap too, so the buffer holds whole rows of `stride` and the view takes their start.
        matrix = Matrix(storage, rows: rows, columns: stride, offset: 17).columns(0..<columns)
        for row in 0..<rows {
            for column in 0..<columns { matrix[row, column] = fill(row, column) }
        }
    }

    /// Random elements from −1 to 1.
    convenience init(_ rows: Int, _ columns: Int, gap: Int = 3, random: inout Numbers) {
        self.init(rows, columns, gap: gap) { _, _ in random.nextFloat() }
    }

    /// Nothing but NaN: an output whose old content must not matter.
    convenience init(unset rows: Int, _ columns: Int, gap: Int = 3) {
        self.init(rows, columns, gap: gap) { _, _ in .nan }
    }

    /// The same elements elsewhere.
    func copy(_ transform: (Float) -> Float = { $0 }) -> Island {
        Island(matrix.rows, matrix.columns) { transform(matrix[$0, $1]) }
    }

    var base: UnsafeMutablePointer<Float> { matrix.base }

    var values: [Float] {
        (0..<matrix.rows).flatMap { row in (0..<matrix.columns).map { matrix[row, $0] } }
    }

    var bits: [UInt32] { values.map(\.bitPattern) }

    /// Whether all elements around the matrix are as they were.
    var isSeaUntouched: Bool {
        for i in 0..<storage.count {
            let (row, column) = (i - lead).quotientAndRemainder(dividingBy: max(1, matrix.stride))
            let isLand = i >= lead && row < matrix.rows && column < matrix.columns
            if !isLand && storage.base[i].bitPattern != Self.sea.bitPattern { return false }
        }
        return true
    }
}

/// Repeatable random numbers (SplitMix64).
struct Numbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func nextFloat() -> Float { Float.random(in: -1...1, using: &self) }
}

extension InstructionSet {
    var lanes: Int { [.baseline: 4, .avx2: 8, .avx512: 16][self] ?? 4 }

    /// 0 … 4 · lanes + 1: every remainder of a vector and of a tile.
    var awkwardCounts: ClosedRange<Int> { 0...4 * lanes + 1 }
}

/// Where `found` lies further from `expected` than rounding explains, or nil.
///
/// - Parameter sizes: Σ |terms| of each element; `terms` roundings of half a unit may add up.
func firstDifference(_ found: Island, _ expected: Island, sizes: Island, terms: Int) -> String? {
    for row in 0..<expected.matrix.rows {
        for column in 0..<expected.matrix.columns {
            let (f, e) = (found.matrix[row, column], expected.matrix[row, column])
            let tolerance = Float(terms + 4) * 0x1p-23 * sizes.matrix[row, column]
            if !(abs(f - e) <= tolerance) {
                return "(\(row), \(column)) of \(expected.matrix.shape): expected \(e), found \(f), ± \(tolerance)"
            }
        }
    }
    return found.isSeaUntouched ? nil : "elements outside of \(expected.matrix.shape) were written"
}
