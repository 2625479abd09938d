/// The project's hot float32 loops, with the vector instructions of one set and the threads of one team.
///
/// Results do not depend on the number of threads, bit for bit: every element is summed in an order
/// that the shapes alone decide. Every kernel takes any count from 0 and any stride, and neither reads
/// nor writes between rows. Shapes are checked; a wrong one traps with all shapes in the message.
/// Outputs must not overlap inputs unless a kernel says so.
public struct Kernels: Sendable {
    public let instructionSet: InstructionSet
    public let team: ThreadTeam
    /// Of the operands of `multiply`, `multiplyTransposedB` and `multiplyTransposedA`.
    public let precision: Precision
    let loops: VectorLoops
    /// Those on bfloat16 pairs, where `precision` asks for them.
    let pairLoops: PairLoops?
    let scratch = ScratchPool()
    /// Records every call where there is one.
    package var meter: KernelMeter?

    /// - Precondition: this CPU has the instruction set, and with `.bfloat16`, `Precision.hasBFloat16`.
    public init(
        instructionSet: InstructionSet = .best, team: ThreadTeam = ThreadTeam(threads: 1),
        precision: Precision = .float32
    ) {
        require(
            InstructionSet.available.contains(instructionSet),
            "Kernels: this CPU has no \(instructionSet), only \(InstructionSet.available)")
        self.instructionSet = instructionSet
        self.team = team
        require(
            precision == .float32 || instructionSet == .avx512 && Precision.hasBFloat16,
            "Kernels: no bfloat16 with \(instructionSet) on this CPU")
        self.precision = precision
        loops = VectorLoops.of(instructionSet)
        pairLoops = precision == .bfloat16 ? PairLoops.all : nil
    }

    /// Runs `body` on consecutive ranges of at most `size` out of `count`.
    func inBlocks(of size: Int, _ count: Int, _ body: (Range<Int>) -> Void) {
        team.run(chunks: (count + size - 1) / size) { chunk in
            body(chunk * size..<min((chunk + 1) * size, count))
        }
    }

    /// Segments that a sum over `rows` is cut into: a number that the shape alone decides, enough to
    /// share among threads. Each has its own partial sum; they are added in order.
    func segments(_ rows: Int, atLeast minimum: Int) -> (count: Int, rows: Int) {
        let wanted = max(1, min(8, rows / minimum))
        let size = max(1, (rows + wanted - 1) / wanted)
        return (max(1, (rows + size - 1) / size), size)
    }
}
