import Glibc
import Kernels
import Testing

@Suite struct InstructionSetTests {
    @Test("an unknown instruction set in the environment is one line and code 1", arguments: ["mmx", "", "avx2\n"])
    func unknown(name: String) async {
        let result = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
            [name = name as String] in
            setenv("PINSAGE_INSTRUCTION_SET", name, 1)
            _ = Kernels()
        }
        let line = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(
            line.contains(
                "kernels: PINSAGE_INSTRUCTION_SET: unknown instruction set: expected one of baseline, avx2, avx512, "
                    + "found \(name.debugDescription). Correct it, or unset it.\n"), "\(line)")
    }

    @Test("a known one is used where the CPU has it")
    func known() async {
        await #expect(processExitsWith: .success) {
            setenv("PINSAGE_INSTRUCTION_SET", "baseline", 1)
            precondition(Kernels().instructionSet == .baseline)
        }
    }
}
