import Kernels

/// One kernel at one shape: how to run it, what it does, and what its formula says.
struct KernelCase {
    enum Work {
        /// Floating-point operations of one call, and the bytes that must move at least.
        case operations(Double, bytes: Double)
        /// Bytes that one call reads and writes at least.
        case bytes(Double)
        /// The same, most of them in rows all over a table.
        case scattered(Double)
    }

    /// As a sentence: "nn 65536×64×64".
    let name: String
    /// Kernel and sizes, for other programs that run the same: `nn`, [65536, 64, 64].
    let kernel: String
    var precision = Precision.float32
    let sizes: [Int]
    let work: Work
    let run: (Kernels) -> Void
    /// The formula on a part of the work, `scalarShare` of it.
    let scalar: () -> Void
    let scalarShare: Double
    /// Compares the results of the last `run` and of `scalar`; nil or what differs.
    let difference: () -> String?
}

/// Numbers from −1 to 1, the same in every run.
func randomBuffer(_ count: Int, seed: UInt64) -> FloatBuffer {
    let buffer = FloatBuffer(count: count)
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    for i in 0..<count {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        unsafe buffer.base[i] = Float(Int64(bitPattern: state) >> 40) / Float(1 << 23)
    }
    return buffer
}

/// Where `found` is further than `tolerance` from `expected`, or not a number; nil if nowhere.
func firstDifference(_ found: Matrix, _ expected: Matrix, tolerance: Float) -> String? {
    for row in 0..<expected.rows {
        for column in 0..<expected.columns {
            let (f, e) = (found[row, column], expected[row, column])
            if !(abs(f - e) <= tolerance) { return "(\(row), \(column)): expected \(e), found \(f), ± \(tolerance)" }
        }
    }
    return nil
}
