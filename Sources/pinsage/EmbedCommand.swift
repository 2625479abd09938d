import ArgumentParser
import Basics
import Foundation
import FrontDoor
import GraphStore
import Inference

/// `pinsage embed`: every pin's vector, each layer of each pin computed once.
struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed", abstract: "Compute every pin's embedding from a checkpoint.")

    @Option(name: .customLong("run"), help: "Run directory: its newest checkpoint and its graph.")
    var runDirectory: String?

    @Option(help: "Checkpoint file; needs --graph.")
    var checkpoint: String?

    @Option(help: "Graph directory; with --run, another place of the run's graph.")
    var graph: String?

    @Option(help: "Embeddings directory to write; earlier embeddings there are replaced.")
    var out: String

    @Flag(help: "Also keep the neighbourhoods used: neighbors.npy, weights.npy, visits.npy.")
    var keepNeighbors = false

    @Option(help: "Threads. Changes no bit of the result.")
    var threads = availableThreads()

    func validate() throws {
        guard (runDirectory == nil) != (checkpoint == nil) else {
            throw ValidationError("expected either --run DIR or --checkpoint FILE --graph DIR")
        }
        if checkpoint != nil && graph == nil { throw ValidationError("--checkpoint needs --graph DIR") }
        guard threads >= 1 else { throw ValidationError("--threads is \(threads): expected 1 or more") }
    }

    func run() throws {
        let stop = try StopToken()
        let source = try EmbedSource.find(
            run: runDirectory, checkpoint: checkpoint, graph: graph, note: writeToStandardError)
        let line = ProgressLine()
        let job = EmbedJob(
            graph: try BipartiteGraph(directory: source.graph), checkpointPath: source.checkpoint, output: out,
            threads: threads, keepNeighbors: keepNeighbors)
        do {
            let summary = try EmbedAllPins.run(job, isStopped: { stop.isStopped }, progress: { line.update($0) })
            line.finish("embedded \(summary.pinCount) pins in \(summary.width) dimensions: \(out)")
        } catch InferenceError.stopped {
            line.finish("embedding stopped before the end")
            throw StoppedBySignal("pinsage embed: stopped, nothing was written. Start again.")
        }
    }
}
