import Basics
import Kernels

/// What this machine can do at most, measured in the same run as the kernels: each figure the best of all rounds.
struct MachineLimits {
    /// Multiply-adds in registers, float32, and on pairs of bfloat16 where the CPU has them. Operations a second.
    private(set) var float32 = 0.0
    private(set) var bfloat16: Double?
    /// Reading in order from memory, bytes a second.
    private(set) var read = 0.0

    /// Reading rows of 512 bytes here and there, bytes a second.
    private(set) var readRows = 0.0

    private static let buffer = FloatBuffer(count: 1 << 26)
    private static let rows: ScatteredRows = {
        var random = CounterBasedGenerator(seed: 1, purpose: 0, 0, 0)
        let rows = (0..<1 << 18).map { _ in Int32(random.next() % UInt64(buffer.count / ScatteredRows.width)) }
        return ScatteredRows(rows, in: buffer)
    }()

    /// Operations a second that products on such operands can reach.
    func operations(_ precision: Precision) -> Double { precision == .float32 ? float32 : bfloat16 ?? float32 }

    /// Measures again; keeps the best.
    mutating func measure(_ kernels: Kernels) {
        let rounds = 1 << 18
        var done = 0.0
        let registers = time { done = kernels.multiplyAddsInRegisters(rounds: rounds) }
        float32 = max(float32, done / registers)
        var dots: Double?
        let pairs = time { dots = kernels.pairDotsInRegisters(rounds: rounds) }
        bfloat16 = dots.map { max(bfloat16 ?? 0, $0 / pairs) }
        let reading = time { done = kernels.read(Self.buffer) }
        read = max(read, done / reading)
        let gathering = time { done = kernels.read(Self.rows) }
        readRows = max(readRows, done / gathering)
    }
}
