import ArgumentParser
import Artifacts
import Basics
import Configuration
import Evaluation
import Foundation
import FrontDoor
import GraphStore
import Sampling

/// `pinsage train`: one trainer and its samplers, supervised.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train: start one trainer and samplers.count workers, and look after them.",
        discussion: """
            Ctrl-C stops everything after the running step, with a checkpoint; --resume continues from the newest one.
            A second Ctrl-C kills at once.
            RUN/queue_depth.log tells which side is the bottleneck (`make watch` follows it).
            """)

    @OptionGroup var options: RunOptions

    @Flag(help: "Continue from the newest checkpoint of the run.")
    var resume = false

    @Option(help: "Seconds that the trainer may stand still while it stops, before it is killed.")
    var stopSeconds = 20.0

    @OptionGroup var supervision: SupervisionOptions

    func run() throws {
        let stop = try StopToken()
        try supervision.follow()
        let settings = try options.settings()
        try requireDescriptors(64 + 4 * settings.samplers.count)
        // Open what the children will open, so that what is missing is said once and at once.
        if settings.samplers.count > 0 {
            let graph = try openGraph(settings.graph)
            let recipe = settings.recipe(graphFingerprint: graph.fingerprintValue)
            _ = try MinibatchAssembler(graph: graph, settings: settings, recipe: recipe)
        }
        let hasCompanion = settings.needsCompanion && FileManager.default.fileExists(atPath: settings.graph)
        if settings.validates, hasCompanion {
            _ = try ValidationPairs(graph: BipartiteGraph(directory: settings.graph), settings: settings)
        }
        let supervisor = Supervisor(
            trainer: role("trainer", arguments: resume ? ["--resume"] : [], logPath: nil),
            samplers: (0..<settings.samplers.count).map { index in
                role(
                    "sampler", name: "sampler\(index)", arguments: ["--name", "sampler\(index)"],
                    logPath: "\(settings.run)/logs/sampler\(index).log")
            }, companion: hasCompanion ? companion(logPath: "\(settings.run)/logs/companion.log") : nil,
            latestCheckpoint: settings.run + "/checkpoints/latest", stopSeconds: stopSeconds)
        for role in [supervisor.trainer] + supervisor.samplers
        where !FileManager.default.isExecutableFile(atPath: role.executable) {
            throw SupervisorError.missingExecutable(path: role.executable)
        }
        try supervisor.run(stop: stop) {
            if supervisor.samplers.isEmpty {
                writeToStandardError(
                    "samplers.count is 0: waiting for workers at \(settings.endpoints.batches). "
                        + "Start them with `\((["pinsage-sampler"] + common).joined(separator: " "))`.")
            }
            if settings.needsCompanion, !hasCompanion {
                writeToStandardError(
                    "no graph at \(settings.graph): the companion works where there is one, with this run's folder. "
                        + "Start `\((["pinsage", "mine"] + common).joined(separator: " "))` there.")
            }
        }
    }

    /// Options that say the same to every process.
    private var common: [String] { ["--config", options.config] + options.allOverrides.flatMap { ["--set", $0] } }

    private func role(_ kind: String, name: String? = nil, arguments: [String], logPath: String?) -> Supervisor.Role {
        Supervisor.Role(
            name: name ?? kind, executable: Self.sibling("pinsage-\(kind)"),
            arguments: common + arguments + ["--supervisor", "\(getpid())"], logPath: logPath)
    }

    private func companion(logPath: String) -> Supervisor.Role {
        Supervisor.Role(
            name: "companion", executable: ownExecutable,
            arguments: ["mine"] + common + ["--supervisor", "\(getpid())"], logPath: logPath)
    }

    /// An executable in the folder of this one.
    private static func sibling(_ name: String) -> String {
        URL(fileURLWithPath: ownExecutable).deletingLastPathComponent().appendingPathComponent(name).path
    }
}
