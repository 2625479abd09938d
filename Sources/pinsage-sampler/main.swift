import ArgumentParser
import Basics
import Configuration
import Foundation
import FrontDoor
import GraphStore

/// One worker: walks the graph, assembles the minibatches that the trainer asks for, and sends them.
struct SamplerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pinsage-sampler",
        abstract: "Makes minibatches for a trainer. Start as many as you like, wherever the graph is.",
        version: Build.version)

    @OptionGroup var options: RunOptions

    @Option(help: "Name of this worker in logs; each worker's is its own. Default: HOST-PID.")
    var name: String?

    @OptionGroup var supervision: SupervisionOptions

    func run() throws {
        let stop = try StopToken()
        try supervision.follow()
        let settings = try options.settings()
        try requireDescriptors(64)
        let graph = try BipartiteGraph(directory: settings.graph)
        let worker = name ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
        let log = try RunLog.bootstrap(label: worker, path: nil, alsoStandardError: true)
        try SamplerWorker(name: worker, settings: settings, graph: graph, stop: stop, log: log).run()
    }
}

runFrontDoor(SamplerCommand.self)
