import ArgumentParser

/// `pinsage-bench step`.
struct StepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "step", abstract: "Time one training step.")
}
