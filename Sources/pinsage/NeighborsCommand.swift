import ArgumentParser
import Basics
import Configuration
import Foundation
import FrontDoor
import GraphStore
import Inference
import PinSageModel
import Sampling

/// `pinsage neighbors`: the importance neighbourhood of one pin, or of all pins as files.
struct NeighborsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "neighbors",
        abstract: "Find the pins that random walks from a pin visit most.",
        discussion: """
            With --pin, prints visits, importance weight and id of each neighbour, most visited first. With --all, writes \
            neighbors.npy (int32, -1 past the end), weights.npy (float32) and visits.npy (int32), one row a pin: the \
            neighbourhoods from which `pinsage embed` makes embeddings. With --shard, --out is the work folder of \
            `pinsage map` and `pinsage reduce`, and one shard of the pins is written.
            """)

    @Argument(help: "Graph directory.")
    var graph: String

    @Option(help: "External id of a pin.")
    var pin: String?

    @Flag(help: "All pins; needs --out.")
    var all = false

    @Option(help: "Directory for the files of --all.")
    var out: String?

    @Option(help: "Walks from each pin, 1 to 10000.")
    var walks = WalkSettings().count

    @Option(help: "Steps of each walk, 1 to 10000.")
    var steps = WalkSettings().steps

    @Option(help: "Neighbours kept, 1 to 1000.")
    var top = WalkSettings().top

    @Option(help: "Probability that a walk returns to its pin after a step, 0 to below 1.")
    var restart = WalkSettings().restart

    @Option(help: "Key of the random numbers.")
    var seed: UInt64 = PipelineSettings().seed

    @Option(help: "With --all: one shard, as 3/16; --out is the work folder.")
    var shard: ShardNumber?

    @Option(help: "With --shard: a checkpoint whose walk settings and seed are taken.")
    var checkpoint: String?

    @Flag(help: "With --shard: also the need-lists for `pinsage map --blocks`.")
    var needs = false

    @Option(help: "With --shard: threads. Changes no bit of the result.")
    var threads = availableThreads()

    @Flag(help: "Print one JSON object on standard output.")
    var json = false

    func validate() throws {
        guard shard == nil || all else { throw ValidationError("--shard goes with --all --out WORK.") }
        guard shard != nil || checkpoint == nil && !needs else {
            throw ValidationError("--checkpoint and --needs go with --shard.")
        }
        guard threads >= 1 else { throw ValidationError("--threads is \(threads): expected 1 or more.") }
        guard all == (pin == nil) else { throw ValidationError("Give either --pin ID or --all --out DIR.") }
        guard all == (out != nil) else { throw ValidationError("--all and --out DIR go together.") }
        for (name, value, range) in [
            ("walks", walks, 1...10_000), ("steps", steps, 1...10_000), ("top", top, 1...1000),
        ]
        where !range.contains(value) {
            throw ValidationError("--\(name) is \(value): expected \(range.lowerBound) to \(range.upperBound).")
        }
        guard restart >= 0 && restart < 1 else {
            throw ValidationError("--restart is \(restart): expected 0 or more and less than 1.")
        }
    }

    private var settings: WalkSettings {
        var settings = WalkSettings()
        settings.count = walks
        settings.steps = steps
        settings.top = top
        settings.restart = restart
        return settings
    }

    func run() throws {
        let graph = try openGraph(graph)
        if let pin {
            try printNeighborhood(of: pin, graph)
        } else if let out, let shard {
            try writeShard(shard, of: graph, work: out)
        } else if let out {
            try writeAll(graph, to: out)
        }
    }

    private func printNeighborhood(of id: String, _ graph: BipartiteGraph) throws {
        let ids = try graph.pinIDs()
        guard let pin = ids.row(of: id) else { throw SamplingError.unknownPin(id: id, graph: graph.directory) }
        let sampler = NeighborhoodSampler(graph: graph, walks: settings, seed: seed)
        let table = NeighborhoodTable()
        let row = Int(pin)
        sampler.sample(range: row..<(row + 1), window: NeighborhoodSampler.embeddingWindow, into: table)
        let weights = table.weights(of: 0, pooling: settings.pooling)
        let neighbors = zip(table.pins(of: 0), zip(table.visits(of: 0), weights)).map { pin, counts in
            Answer.Neighbor(pin: ids.id(Int(pin)), visits: counts.0, weight: counts.1)
        }
        if json {
            try printJSON(Answer(pin: id, neighbors: neighbors))
        } else {
            for neighbor in neighbors {
                print(String(format: "%6d  %.6f  ", neighbor.visits, neighbor.weight) + neighbor.pin)
            }
        }
    }

    private func writeAll(_ graph: BipartiteGraph, to directory: String) throws {
        let progress = ProgressLine()
        let start = ContinuousClock.now
        try NeighborhoodFiles.write(graph: graph, walks: settings, seed: seed, to: directory) { done in
            progress.update("neighbors: \(done) of \(graph.pinCount) pins")
        }
        let seconds = String(format: "%.1f", (ContinuousClock.now - start) / .seconds(1))
        progress.finish("neighbors: \(graph.pinCount) pins in \(seconds) s, files in \(directory)")
        if json { try printJSON(Summary(pins: graph.pinCount, top: top, directory: directory)) }
    }

    private func writeShard(_ shard: ShardNumber, of graph: BipartiteGraph, work: String) throws {
        let stop = try StopToken()
        let line = ProgressLine()
        let walks = try checkpoint.map { try TrainedModel.walks(path: $0, for: graph) } ?? (settings, seed)
        let stage = NeighborhoodStage(
            graph: graph, walks: walks.0, seed: walks.1, work: work, shardCount: shard.count, threads: threads)
        try finishing("neighbors", shard, line) {
            try stage.run(
                shard: shard.index, needs: needs, note: { line.finish($0) }, isStopped: { stop.isStopped },
                progress: { line.update($0) })
        }
    }

    private func printJSON(_ answer: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(answer), as: UTF8.self))
    }

    private struct Answer: Encodable {
        struct Neighbor: Encodable {
            let pin: String
            let visits: Int32
            let weight: Float
        }
        let pin: String
        let neighbors: [Neighbor]
    }

    private struct Summary: Encodable {
        let pins: Int
        let top: Int
        let directory: String
    }
}
