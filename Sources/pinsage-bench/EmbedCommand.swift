import ArgumentParser
import Artifacts
import Basics
import Configuration
import Foundation
import FrontDoor
import GraphStore
import Inference
import Kernels
import PinSageModel

/// `pinsage-bench embed`: every layer of every pin once, beside the neighbourhood of each pin recomputed.
struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "Time embedding all pins layer by layer, beside recomputing each pin's two steps.",
        discussion: """
            Layer by layer is what `pinsage embed` does: neighbourhoods, map and reduce. The others compute, for each \
            pin or for minibatches of pins, everything within two steps of them, as a forward pass in training does. \
            Vectors are compared bit for bit. Operations are multiply-adds of products and pooling. The floor is what the \
            machine needs at least: products at its rate of multiply-adds, rows at the speed of reading in order, four \
            random cache lines for each step of a walk.
            """)

    @Option(help: ArgumentHelp("Pins of the generated graph, 1000 … 100000000.", valueName: "n"))
    var pins = 200_000

    @Option(help: ArgumentHelp("Pins embedded in minibatches; a tenth of them one by one.", valueName: "n"))
    var targets = 8192

    @Option(help: ArgumentHelp("Threads. (default: every processor)", valueName: "n"))
    var threads = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: ArgumentHelp("Hidden width m, 1 … 8192.", valueName: "m"))
    var hidden = 128

    @Option(help: ArgumentHelp("Output width d, 1 … 8192.", valueName: "d"))
    var output = 64

    @Option(help: ArgumentHelp("Keep graph, checkpoint and shards in this folder, which is new.", valueName: "folder"))
    var keep: String?

    @Flag(help: "Print the result as one JSON object on stdout.")
    var json = false

    func validate() throws {
        guard (1000...100_000_000).contains(pins), (10...pins).contains(targets) else {
            throw ValidationError(
                "--pins, --targets: expected 1000 … 100000000 and 10 … --pins, found \(pins) and \(targets).")
        }
        guard threads >= 1, (1...8192).contains(hidden), (1...8192).contains(output) else {
            throw ValidationError("--threads, --hidden, --output: expected 1 or more, and up to 8192.")
        }
    }

    func run() throws {
        let scratch = ScratchFolder(keeping: keep)
        defer { scratch.remove() }
        let fixture = try EmbedFixture(scratch.path, pins: pins, hidden: hidden, output: output)
        let line = ProgressLine()
        let ways = try [
            fixture.layerwise(threads, line), fixture.recomputing(batch: 1024, targets: targets, threads, line),
            fixture.recomputing(batch: 1, targets: targets / 10, threads, line),
        ]
        let report = EmbedReport(
            machine: Machine(.best), pins: fixture.graph.pinCount, edges: fixture.graph.edgeCount, threads: threads,
            ways: ways)
        line.finish("embedded in three ways")
        if json { try printJSON(report) } else { print(report.table) }
    }
}

/// How the ways compare.
struct EmbedReport: Encodable {
    struct Way: Encodable {
        let name: String
        let pins: Int
        let seconds: Double
        let multiplyAddsPerPin: Double
        var stages: Stages?
        var microsecondsPerPin: Double { 1e6 * seconds / Double(pins) }
    }

    /// Walks and layers apart, each beside its floor.
    struct Stages: Encodable {
        let walkSeconds: Double
        let layerSeconds: Double
        /// Four lines a step at the rate of all threads.
        let walkFloor: Double
        /// Of the layers: multiply-adds at the limit.
        let productFloor: Double
        /// Of the layers: rows gathered, read and written, at the speed of reading in order.
        let byteFloor: Double
        var layerFloor: Double { max(productFloor, byteFloor) }

        var table: String {
            let rows = [
                ("walks", walkSeconds, walkFloor), ("layers, with their files", layerSeconds, layerFloor),
                ("together", walkSeconds + layerSeconds, walkFloor + layerFloor),
            ]
            let lines = rows.map { name, seconds, floor in
                "| \(name) | " + String(format: "%.2f | %.2f | %.0f %% |", seconds, floor, 100 * floor / seconds)
            }
            let note = String(
                format: "Floor of the layers: products %.2f s, bytes %.2f s; the larger.", productFloor, byteFloor)
            return (["| layer by layer | s | floor, s | share |", "|---|---|---|---|"] + lines + ["", note])
                .joined(separator: "\n")
        }
    }

    let machine: Machine
    let pins: Int
    let edges: Int
    let threads: Int
    let ways: [Way]

    var table: String {
        var lines = [
            "\(machine.cpu), \(machine.instructionSet), \(threads) threads; \(pins) pins, \(edges) edges", "",
            "| way | pins | multiply-adds a pin | × | µs a pin | × |", "|---|---|---|---|---|---|",
        ]
        guard let first = ways.first else { return "" }
        for way in ways {
            let figures = [
                way.multiplyAddsPerPin / 1e6, way.multiplyAddsPerPin / first.multiplyAddsPerPin,
                way.microsecondsPerPin, way.microsecondsPerPin / first.microsecondsPerPin,
            ]
            let text = zip(figures, ["%.3f M", "%.1f", "%.2f", "%.1f"]).map { String(format: $1, $0) }
            lines.append("| \(way.name) | \(way.pins) | \(text.joined(separator: " | ")) |")
        }
        if let stages = first.stages { lines += ["", stages.table] }
        return lines.joined(separator: "\n")
    }
}

/// A generated graph and a model of random parameters.
private struct EmbedFixture {
    let graph: BipartiteGraph
    private let folder: String
    private let settings: PipelineSettings
    private let shape: ModelShape

    private var checkpoint: String { folder + "/step-00000000.safetensors" }
    private var work: String { folder + "/shards" }

    init(_ folder: String, pins: Int, hidden: Int, output: Int) throws {
        self.folder = folder
        var options = GraphGeneratorOptions(output: folder + "/graph")
        (options.pins, options.boards, options.edges) = (pins, pins / 4, 10 * pins)
        _ = try GraphGenerator.run(options)
        graph = try BipartiteGraph(directory: folder + "/graph")
        var settings = PipelineSettings()
        (settings.model.hiddenWidth, settings.model.outputWidth) = (hidden, output)
        self.settings = settings
        shape = ModelShape(featureWidth: options.featureWidth, settings.features, settings.model)
        try Checkpoint.write(
            path: folder + "/step-00000000.safetensors", parameters: .initialised(shape: shape, seed: settings.seed),
            adam: Adam(shape: shape),
            metadata: CheckpointMetadata(
                step: 0, epoch: 0, batch: 0, seed: settings.seed, config: #"{"seed":\#(settings.seed)}"#,
                graphFingerprint: graph.fingerprint, revision: Build.version))
    }

    /// Neighbourhoods, map and reduce, in one shard; layers with what opens the model.
    func layerwise(_ threads: Int, _ line: ProgressLine) throws -> EmbedReport.Way {
        let start = steadySeconds()
        var job = StageJob(
            graph: graph, checkpointPath: checkpoint, work: work,
            plan: ShardPlan(pinCount: graph.pinCount, shardCount: 1))
        job.threads = threads
        let stages = try LayerStages(job, note: { line.finish($0) }, progress: { line.update($0) })
        let opened = steadySeconds()
        try stages.finishNeighborhoods()
        let walkSeconds = steadySeconds() - opened
        try stages.finishLayers()
        let end = steadySeconds()
        let neighbors = try NumpyFile(path: shard("neighborhoods", "neighbors.npy"), elements: [.int32])
        let entries = withExtendedLifetime(neighbors) {
            unsafe neighbors.elements(as: Int32.self).reduce(0) { $0 + ($1 < 0 ? 0 : 1) }
        }
        let pins = [graph.pinCount, graph.pinCount]
        let operations = shape.multiplyAdds(messages: pins, updates: pins, entries: 2 * entries)
        var limits = MachineLimits()
        let kernels = Kernels(team: ThreadTeam(threads: threads))
        for _ in 0..<5 { limits.measure(kernels) }
        return try EmbedReport.Way(
            name: "layer by layer", pins: graph.pinCount, seconds: end - start,
            multiplyAddsPerPin: Double(operations) / Double(graph.pinCount),
            stages: EmbedReport.Stages(
                walkSeconds: walkSeconds, layerSeconds: end - start - walkSeconds, walkFloor: walkFloor(threads),
                productFloor: 2 * Double(operations) / limits.float32,
                byteFloor: layerBytes(entries: entries) / limits.read))
    }

    /// Seconds that the walks' cache lines take, four a step, each anywhere in a table as large as the layout.
    private func walkFloor(_ threads: Int) throws -> Double {
        let table = try RandomLines(byteCount: WalkRounds.byteCount("\(graph.directory)/\(WalkLayout.fileName)"))
        let rate = RandomLines.chainCounts.dropFirst().map { table.rate(chains: $0, lines: 1 << 24) }.max() ?? 0
        return Double(4 * graph.pinCount * settings.walks.count * settings.walks.steps) / (rate * Double(threads))
    }

    /// Bytes that both layers must move: rows that a map reads and writes; a reducer's lists, the messages that they
    /// name, its own rows and what it writes.
    private func layerBytes(entries: Int) -> Double {
        let (pins, top) = (graph.pinCount, settings.walks.top)
        let (input, hidden, output) = (shape.inputWidth, shape.hiddenWidth, shape.outputWidth)
        let maps = pins * (input + hidden) + pins * (hidden + hidden)
        let reductions = pins * (input + hidden) + pins * (hidden + output) + 2 * entries * hidden
        let lists = 2 * pins * top * 2
        return 4 * Double(maps + reductions + lists)
    }

    /// Pins all over the graph, `batch` at a time; checks that their vectors are those of the shards.
    func recomputing(batch: Int, targets: Int, _ threads: Int, _ line: ProgressLine) throws -> EmbedReport.Way {
        let chosen = try ChosenPins(
            graph: graph, checkpointPath: checkpoint, kernels: Kernels(team: ThreadTeam(threads: threads)))
        let table = try VectorTable(npyPath: shard("embeddings", "embeddings.npy"))
        let pins = (0..<targets).map { UInt32($0 * graph.pinCount / targets) }
        var seconds = 0.0
        for start in stride(from: 0, to: targets, by: batch) {
            line.update("\(start) of \(targets) pins in batches of \(batch)")
            let wanted = Array(pins[start..<min(start + batch, targets)])
            let before = steadySeconds()
            let found = try chosen.embed(wanted)
            seconds += steadySeconds() - before
            try compare(found, wanted, table)
        }
        return EmbedReport.Way(
            name: batch == 1 ? "each pin recomputed" : "minibatches of \(batch) recomputed", pins: targets,
            seconds: seconds, multiplyAddsPerPin: Double(chosen.work.multiplyAdds) / Double(targets))
    }

    private func compare(_ found: Matrix, _ pins: [UInt32], _ table: VectorTable) throws {
        var expected = [Float](repeating: 0, count: table.width)
        for (row, pin) in pins.enumerated() {
            unsafe expected.withUnsafeMutableBufferPointer {
                if let base = $0.baseAddress {
                    unsafe table.copyRange(start: Int(pin), count: 1, into: base, rowStride: table.width)
                }
            }
            for column in 0..<table.width where found[row, column].bitPattern != expected[column].bitPattern {
                throw BenchError.wrong(
                    kernel: "embed", difference: "pin \(pin): \(expected[column]), \(found[row, column])")
            }
        }
    }

    private func shard(_ stage: String, _ name: String) -> String { "\(work)/\(stage)/00000-of-00001/\(name)" }
}
