import ArgumentParser
import Basics
import Configuration
import Foundation
import FrontDoor
import GraphStore

/// `pinsage mine`: the companion of a training run.
struct MineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mine",
        abstract: "Follow a run: at each epoch's end embed all pins, mine hard negatives, validate.",
        discussion: """
            `pinsage train` starts it where the config asks for hard negatives by embedding rank or has a \
            validation.share. By hand it works wherever the graph and the run's folder are; it may be stopped and \
            started at any time.
            """)

    @OptionGroup var options: RunOptions

    @Option(help: "Threads. Changes no bit of the result.")
    var threads = availableThreads()

    @OptionGroup var supervision: SupervisionOptions

    func validate() throws {
        guard threads >= 1 else { throw ValidationError("--threads is \(threads): expected 1 or more") }
    }

    func run() throws {
        let stop = try StopToken()
        try supervision.follow()
        let settings = try options.settings()
        let graph = try openGraph(settings.graph)
        let log = try RunLog.bootstrap(label: "companion", path: nil, alsoStandardError: true)
        if let plan = try settings.hardNegativePlan(pinCount: graph.pinCount) {
            log.notice("hard negatives", metadata: ["plan": "\(plan)"])
        }
        // One line for each thing that is done at an epoch's end.
        var duties: [any EpochDuty] = []
        if settings.usesHardNegatives, settings.hardNegatives.source == .ann {
            duties.append(try HardNegativeDuty(settings: settings, graph: graph, threads: threads, log: log))
        }
        if settings.validates {
            duties.append(try ValidationDuty(settings: settings, graph: graph, threads: threads))
        }
        try EpochCompanion(
            settings: settings, graph: graph, threads: threads, duties: duties, stop: stop, log: log
        ).run()
    }
}

extension PipelineSettings {
    /// Whether a run needs the companion.
    var needsCompanion: Bool { validates || usesHardNegatives && hardNegatives.source == .ann }
}
