import ArgumentParser
import Artifacts
import Basics
import Configuration
import Foundation
import FrontDoor
import GraphStore

/// `pinsage train`: one trainer and its samplers, supervised.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train: start one trainer and samplers.count workers, and look after them.",
        discussion: """
            Ctrl-C stops everything within two seconds, with a checkpoint; --resume continues from the newest one.
            RUN/queue_depth.log tells which side is the bottleneck (`make watch` follows it).
            """)

    @OptionGroup var options: RunOptions

    @Flag(help: "Continue from the newest checkpoint of the run.")
    var resume = false

    func run() throws {
        let stop = try StopToken()
        let settings = try options.settings()
        // Open what the children will open, so that what is missing is said once and at once.
        if settings.samplers.count > 0 || settings.trainer.features == .mapped {
            _ = try BipartiteGraph(directory: settings.graph)
        }
        let logs = settings.run + "/logs"
        do {
            try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        } catch {
            throw SupervisorError.cannotStart(executable: "trainer", reason: "\(logs) cannot be made")
        }
        let supervisor = Supervisor(
            trainer: role("trainer", arguments: resume ? ["--resume"] : [], logPath: nil),
            samplers: (0..<settings.samplers.count).map { index in
                role(
                    "sampler", name: "sampler\(index)", arguments: ["--name", "sampler\(index)"],
                    logPath: "\(logs)/sampler\(index).log")
            })
        try supervisor.run(stop: stop)
    }

    private func role(_ kind: String, name: String? = nil, arguments: [String], logPath: String?) -> Supervisor.Role {
        let common = ["--config", options.config] + options.allOverrides.flatMap { ["--set", $0] }
        return Supervisor.Role(
            name: name ?? kind, executable: Self.sibling("pinsage-\(kind)"),
            arguments: common + arguments + ["--supervisor", "\(getpid())"], logPath: logPath)
    }

    /// An executable in the folder of this one.
    private static func sibling(_ name: String) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
    }
}
