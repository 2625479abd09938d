/// The project's hot float32 loops, with the vector instructions of one set and the threads of one team.
///
/// Results do not depend on the number of threads, bit for bit: work is cut by shape alone.
/// Every kernel takes any count from 0 and any stride, and neither reads nor writes between rows.
/// Shapes are checked; a wrong one traps with all shapes in the message. Outputs must not overlap
/// inputs unless a kernel says so.
public struct Kernels: Sendable {
    public let instructionSet: InstructionSet
    public let team: ThreadTeam

    /// - Precondition: this CPU has the instruction set.
    public init(instructionSet: InstructionSet = .best, team: ThreadTeam = ThreadTeam(threads: 1)) {
        precondition(
            InstructionSet.available.contains(instructionSet),
            "Kernels: this CPU has no \(instructionSet), only \(InstructionSet.available)")
        self.instructionSet = instructionSet
        self.team = team
    }
}
