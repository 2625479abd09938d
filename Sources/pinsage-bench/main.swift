import ArgumentParser
import Basics
import FrontDoor

/// How fast arithmetic and walks are, beside what the machine can do at most.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pinsage-bench",
        abstract: "Times kernels, training step, samplers, walks, embedding and import beside the machine's limits.",
        version: Build.version,
        subcommands: [
            KernelsCommand.self, StepCommand.self, EmbedCommand.self, NeighborhoodsCommand.self, SamplersCommand.self,
            ImportCommand.self, WalksCommand.self, GraphCommand.self,
        ],
        defaultSubcommand: KernelsCommand.self)
}

runFrontDoor(Bench.self)
