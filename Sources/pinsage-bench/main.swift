import ArgumentParser
import Basics
import FrontDoor

/// How fast the arithmetic is, beside what the machine can do at most.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pinsage-bench",
        abstract: "Times the kernels, the training step and embedding beside the machine's own limits.",
        version: Build.version,
        subcommands: [KernelsCommand.self, StepCommand.self, EmbedCommand.self, GraphCommand.self],
        defaultSubcommand: KernelsCommand.self)
}

runFrontDoor(Bench.self)
