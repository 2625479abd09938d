import ArgumentParser
import Basics
import Configuration
import Foundation
import FrontDoor
import GraphStore
import Minibatches

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
        let process = ProcessInfo.processInfo
        let worker = try name.map(checked) ?? "\(process.hostName)-\(process.processIdentifier)"
        let log = try RunLog.bootstrap(label: worker, path: nil, alsoStandardError: true)
        try SamplerWorker(name: worker, settings: settings, graph: graph, stop: stop, log: log).run()
    }
}

/// A worker's name, which is its address too and stands in logs.
/// - Throws: `ConfigError` unless it has 1 to 255 bytes and no control characters.
private func checked(_ name: String) throws -> String {
    guard WorkerDescription.isName(name) else {
        throw ConfigError(
            place: "--name", subject: "worker name", expected: "1 to 255 bytes of plain text",
            found: name.isEmpty ? "nothing" : "\(name.utf8.count) bytes: \(name)", action: "Choose another name")
    }
    return name
}

runFrontDoor(SamplerCommand.self)
