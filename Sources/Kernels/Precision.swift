import CPlatform

/// What the operands of products are rounded to. Sums, and all that is stored, are float32 either way.
public enum Precision: String, CaseIterable, Sendable {
    case float32
    /// 8 bits of significand; twice the multiply-adds per instruction.
    case bfloat16

    /// Whether this CPU has the instructions, beside those of AVX-512.
    public static var hasBFloat16: Bool {
        #if canImport(KernelsBFloat16)
            InstructionSet.best == .avx512 && platform_has_bfloat16() != 0
        #else
            false
        #endif
    }
}
