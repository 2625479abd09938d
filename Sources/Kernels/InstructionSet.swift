import CPlatform
import Glibc

/// The sets of vector instructions that kernels exist for, weakest first.
///
/// Each set gives its own bits (a fused multiply-add rounds once); within one set, results do not
/// depend on the number of threads.
public enum InstructionSet: Int, CaseIterable, Comparable, Sendable {
    /// What every CPU of the architecture has: 4 lanes.
    case baseline
    /// AVX2 and FMA (x86-64-v3): 8 lanes.
    case avx2
    /// AVX-512 F, BW, CD, DQ, VL (x86-64-v4): 16 lanes.
    case avx512

    /// What this CPU can run, weakest first.
    public static let available: [InstructionSet] = allCases.filter { $0.rawValue <= Int(platform_instruction_set()) }

    /// The strongest set of this CPU, or a weaker one named by the environment variable
    /// `PINSAGE_INSTRUCTION_SET` (`baseline`, `avx2`, `avx512`). Any other name ends the process: one line, code 1.
    public static let best: InstructionSet = {
        let strongest = available.last ?? .baseline
        guard let value = unsafe getenv("PINSAGE_INSTRUCTION_SET") else { return strongest }
        let name = unsafe String(cString: value)
        guard let wanted = allCases.first(where: { "\($0)" == name }) else {
            let names = allCases.map { "\($0)" }.joined(separator: ", ")
            let line = Array(
                ("kernels: PINSAGE_INSTRUCTION_SET: unknown instruction set: expected one of \(names), "
                    + "found \(name.debugDescription). Correct it, or unset it.\n").utf8)
            _ = unsafe write(STDERR_FILENO, line, line.count)
            exit(1)
        }
        return min(strongest, wanted)
    }()

    public static func < (a: InstructionSet, b: InstructionSet) -> Bool { a.rawValue < b.rawValue }
}
