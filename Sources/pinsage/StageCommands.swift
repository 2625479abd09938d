import ArgumentParser
import Basics
import FrontDoor
import GraphStore
import Inference

/// Options of one task of an embedding that is spread over several processes.
struct StageOptions: ParsableArguments {
    @Option(help: "Checkpoint file.")
    var checkpoint: String

    @Option(help: "Graph directory.")
    var graph: String

    @Option(help: "Work folder: shard files are read from it and written to it.")
    var work: String

    @Option(help: "Layer, 1 or 2.")
    var layer: Int

    @Option(help: "Shard of the pins, as 3/16; the first is 0.")
    var shard: ShardNumber

    @Option(help: "Slices of columns that messages are cut into; the same for every task.")
    var slices = 1

    @Flag(help: "Rows travel in blocks, one for each pair of shards.")
    var blocks = false

    @Option(help: "Threads. Changes no bit of the result.")
    var threads = availableThreads()

    func validate() throws {
        guard (1...LayerStages.layerCount).contains(layer) else {
            throw ValidationError("--layer is \(layer): expected 1 to \(LayerStages.layerCount)")
        }
        guard slices >= 1, !blocks || slices == 1 else {
            throw ValidationError("--slices is \(slices): expected 1 or more, and 1 with --blocks")
        }
        guard threads >= 1 else { throw ValidationError("--threads is \(threads): expected 1 or more") }
    }

    /// Runs one task with a progress line; a signal ends it with exit code 3.
    func run(_ command: String, precision: EmbeddingPrecision, _ task: (LayerStages) throws -> Void) throws {
        let stop = try StopToken()
        let graph = try BipartiteGraph(directory: graph)
        var job = StageJob(
            graph: graph, checkpointPath: checkpoint, work: work,
            plan: ShardPlan(pinCount: graph.pinCount, shardCount: shard.count, sliceCount: slices))
        job.threads = threads
        job.blocks = blocks
        job.precision = precision
        let line = ProgressLine()
        let stages = try LayerStages(
            job, note: { line.finish($0) }, isStopped: { stop.isStopped }, progress: { line.update($0) })
        try finishing(command, shard, line) { try task(stages) }
    }
}

/// Runs a shard's task and says how it ended.
func finishing(_ command: String, _ shard: ShardNumber, _ line: ProgressLine, _ task: () throws -> Void) throws {
    do {
        try task()
        line.finish("\(command): shard \(shard) is finished")
    } catch InferenceError.stopped {
        throw StoppedBySignal("pinsage \(command): shard \(shard): stopped, nothing was written. Start again.")
    }
}

/// `pinsage map`: the message of every pin of a shard, once.
struct MapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map", abstract: "One task of an embedding: the messages of one shard of the pins.",
        discussion: """
            Needs, in layer 1, the graph alone; in layer 2 the shard of `reduce --layer 1`. Does nothing where the shard \
            is finished; a damaged one is named and made again. With --blocks it also needs every shard's need-lists \
            for this one (`pinsage neighbors --needs`).
            """)

    @OptionGroup var options: StageOptions

    func run() throws {
        try options.run("map", precision: .float32) { try $0.map(layer: options.layer, shard: options.shard.index) }
    }
}

/// `pinsage reduce`: gather, pool, update; after the last layer the head.
struct ReduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reduce", abstract: "One task of an embedding: a layer of one shard of the pins.",
        discussion: """
            Needs the shard's neighbours, its rows of the layer before, and the messages that its neighbour lists name: \
            every shard of `map`, or with --blocks their blocks for this shard. Does nothing where the shard is finished.
            """)

    @OptionGroup var options: StageOptions

    @Option(help: "Numbers of the embeddings: \(EmbeddingPrecision.allCases.map(\.rawValue).joined(separator: ", ")).")
    var precision = EmbeddingPrecision.float32

    func run() throws {
        try options.run("reduce", precision: precision) {
            try $0.reduce(layer: options.layer, shard: options.shard.index)
        }
    }
}

extension ShardNumber: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
