import Kernels

/// What this machine can do at most, measured in the same run as the kernels: each figure the best of all rounds.
struct MachineLimits {
    /// Multiply-adds in registers, float32, and on pairs of bfloat16 where the CPU has them. Operations a second.
    private(set) var float32 = 0.0
    private(set) var bfloat16: Double?
    /// Reading in order from memory, bytes a second.
    private(set) var read = 0.0

    private static let buffer = FloatBuffer(count: 1 << 26)

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
    }
}
