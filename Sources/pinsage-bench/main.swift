import ArgumentParser
import Basics
import FrontDoor

/// How fast arithmetic and walks are, beside what the machine can do at most.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pinsage-bench",
        abstract: "Times the kernels, the training step, embedding and walks beside the machine's own limits.",
        version: Build.version,
        subcommands: [KernelsCommand.self, StepCommand.self, EmbedCommand.self, WalksCommand.self, GraphCommand.self],
        defaultSubcommand: KernelsCommand.self)
}

runFrontDoor(Bench.self)
