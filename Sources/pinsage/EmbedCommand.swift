import ArgumentParser
import Basics
import Foundation
import FrontDoor
import GraphStore
import Inference

/// `pinsage embed`: every pin's vector, each layer of each pin computed once.
struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed", abstract: "Compute every pin's embedding from a checkpoint.",
        discussion: """
            Works shard by shard: first every pin's neighbourhood, then for each layer a map and a reduce. Finished \
            shards lie in OUT.work until the end; after a kill the same command goes on with them.
            """)

    @Option(name: .customLong("run"), help: "Run directory: its newest checkpoint and its graph.")
    var runDirectory: String?

    @Flag(help: "Of the run, its best checkpoint: by validation where the run has one, else by loss.")
    var best = false

    @Option(help: "Checkpoint file; needs --graph.")
    var checkpoint: String?

    @Option(help: "Graph directory; with --run, another place of the run's graph.")
    var graph: String?

    @Option(help: "Embeddings directory to write; earlier embeddings there are replaced.")
    var out: String

    @Flag(help: "Also keep the neighbourhoods used: neighbors.npy, weights.npy, visits.npy.")
    var keepNeighbors = false

    @Option(help: "Threads, of each task with --engine spark. Changes no bit of the result. (default: all; on Spark 1)")
    var threads: Int?

    @Option(help: "Most memory for the process, mapped files included, as 8G or 512M. (default: no limit)")
    var memory: ByteCount?

    @Option(help: "Shards to cut the pins into, at least. Changes no bit. (default: as suits graph and memory)")
    var shards: Int?

    @Option(help: "Numbers of embeddings.npy: \(EmbeddingPrecision.allCases.map(\.rawValue).joined(separator: ", ")).")
    var precision = EmbeddingPrecision.float32

    @Option(help: "Folder of finished shards. (default: OUT.work)")
    var work: String?

    @Option(help: "Vectors of new pins alone: lines of pin TAB board, boards of the graph; with --features.")
    var pins: String?

    @Option(help: "Content of the new pins: .npy, one row each, by first appearance in --pins.")
    var features: String?

    @Option(help: "Earlier embeddings, with --keep-neighbors: rows that have not changed are taken from there.")
    var update: String?

    enum Engine: String, CaseIterable, ExpressibleByArgument { case local, spark }

    @Option(help: "local: this process. spark: a Spark job, a task for each shard and stage (docs/DISTRIBUTED.md).")
    var engine = Engine.local

    @Option(help: "With --engine spark: master URL. (default: local[*], or that of Spark's configuration)")
    var master: String?

    @Option(help: "With --engine spark: a setting of Spark, as spark.speculation=true; any number of times.")
    var sparkConf: [String] = []

    @Option(help: "With --engine spark: path of pinsage on the nodes. (default: that of this executable)")
    var executable: String?

    @Flag(help: "With --engine spark: rows travel through Spark's shuffle; the nodes need not share the work folder.")
    var blocks = false

    func validate() throws {
        guard (runDirectory == nil) != (checkpoint == nil) else {
            throw ValidationError("expected either --run DIR or --checkpoint FILE --graph DIR")
        }
        if checkpoint != nil && graph == nil { throw ValidationError("--checkpoint needs --graph DIR") }
        if best && runDirectory == nil { throw ValidationError("--best needs --run DIR") }
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads): expected 1 or more") }
        guard features == nil || pins != nil else { throw ValidationError("--features needs --pins FILE") }
        guard pins == nil || update == nil && !keepNeighbors && shards == nil && memory == nil && work == nil else {
            throw ValidationError(
                "--pins does not go with --update, --keep-neighbors, --shards, --memory or --work")
        }
        if let shards, !(1...99_999).contains(shards) {
            throw ValidationError("--shards is \(shards): expected 1 to 99999")
        }
        guard engine == .spark || master == nil && sparkConf.isEmpty && executable == nil && !blocks else {
            throw ValidationError("--master, --spark-conf, --executable and --blocks go with --engine spark")
        }
        guard engine == .local || memory == nil && pins == nil && update == nil else {
            throw ValidationError("--memory, --pins and --update are for --engine local")
        }
        if let memory, memory.bytes < ShardPlan.memoryBytesMin {
            let least = ShardPlan.memoryBytesMin >> 20
            throw ValidationError("--memory is \(memory.bytes) bytes: expected \(least)M or more")
        }
    }

    func run() throws {
        let source = try EmbedSource.find(
            run: runDirectory, best: best, checkpoint: checkpoint, graph: graph, note: writeToStandardError)
        if engine == .spark { try runOnSpark(source) }
        let stop = try StopToken()
        let line = ProgressLine()
        if let pins { return try embedNewPins(pins, source, stop, line) }
        var job = EmbedJob(
            graph: try openGraph(source.graph), checkpointPath: source.checkpoint, output: out,
            threads: threads ?? availableThreads(), keepNeighbors: keepNeighbors)
        job.memoryBytes = memory?.bytes
        job.shardCount = shards
        job.precision = precision
        job.work = work
        job.update = update
        do {
            let summary = try EmbedAllPins.run(
                job, note: { line.finish($0) }, isStopped: { stop.isStopped }, progress: { line.update($0) })
            line.finish("embedded \(summary.pinCount) pins in \(summary.width) dimensions: \(out)")
        } catch InferenceError.stopped(let work) {
            line.finish("embedding stopped before the end")
            throw StoppedBySignal("pinsage embed: \(InferenceError.stopped(work: work))")
        }
    }

    /// Becomes the script that plans the job; it comes back to `pinsage embed` to join the shards.
    private func runOnSpark(_ source: EmbedSource) throws {
        // What is wrong with checkpoint or graph is found here, not by every task.
        let graph = try openGraph(source.graph)
        _ = try TrainedModel.walks(path: source.checkpoint, for: graph)
        var arguments = [
            "--checkpoint", source.checkpoint, "--graph", source.graph, "--out", out,
            "--precision", precision.rawValue, "--threads", "\(threads ?? 1)",
            "--local-executable", ownExecutable,
        ]
        if let work { arguments += ["--work", work] }
        if let shards { arguments += ["--shards", "\(shards)"] }
        if let master { arguments += ["--master", master] }
        if let executable { arguments += ["--executable", executable] }
        arguments += sparkConf.flatMap { ["--conf", $0] }
        if keepNeighbors { arguments.append("--keep-neighbors") }
        if blocks { arguments.append("--blocks") }
        try PythonScript("spark/embed.py").run(arguments)
    }
}

extension EmbedCommand {
    private func embedNewPins(_ edges: String, _ source: EmbedSource, _ stop: StopToken, _ line: ProgressLine) throws {
        var job = NewPinsJob(
            graph: try openGraph(source.graph), checkpointPath: source.checkpoint, edges: edges,
            features: features, output: out)
        job.threads = threads ?? availableThreads()
        job.precision = precision
        do {
            let summary = try EmbedNewPins.run(job, isStopped: { stop.isStopped }, progress: { line.update($0) })
            line.finish("embedded \(summary.pinCount) new pins in \(summary.width) dimensions: \(out)")
        } catch InferenceError.stopped {
            throw StoppedBySignal("pinsage embed: \(InferenceError.stopped(work: nil))")
        }
    }
}

extension EmbeddingPrecision: ExpressibleByArgument {}

/// A number of bytes: `8G`, `512M`, `65536K`, or a plain number.
struct ByteCount: ExpressibleByArgument {
    let bytes: Int

    init?(argument: String) {
        let units = ["K": 10, "M": 20, "G": 30, "T": 40]
        let shift = argument.last.flatMap { units[String($0).uppercased()] }
        guard let number = Int(shift == nil ? argument : String(argument.dropLast())), number > 0,
            number <= Int.max >> 40
        else { return nil }
        bytes = number << (shift ?? 0)
    }
}
