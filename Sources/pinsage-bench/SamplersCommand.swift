import ArgumentParser
import Basics
import Configuration
import Foundation
import FrontDoor
import GraphStore

/// What samplers cost and give: this process plays a trainer that takes every batch and learns nothing.
struct SamplersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "samplers",
        abstract: "Starts real samplers on a graph, more and more of them, and takes their batches.",
        discussion: """
            Prints batches and pairs a second, end to end, of all samplers together, the time from a sampler's start to its \
            first batch, and its proportional share of memory, and how much that grew for each sampler added. Memory comes \
            and goes with each batch: it is looked at four times a second, as long again as batches are counted.
            """)

    @Option(help: ArgumentHelp("Graph folder.", valueName: "folder"))
    var graph: String

    @Option(help: ArgumentHelp("Numbers of samplers, ascending, separated by commas.", valueName: "n,…"))
    var count = "1,2,4"

    @Option(help: "Seconds that batches are counted for with each number, 1 … 3600.")
    var seconds = 10.0

    @Option(help: ArgumentHelp("A setting, as batch.refresh_batches=10; as often as you like.", valueName: "key=value"))
    var set: [String] = []

    @Flag(help: "Print one JSON object to standard output.")
    var json = false

    func validate() throws {
        guard (1...3600).contains(seconds), let counts = parseThreads(count), counts == counts.sorted() else {
            throw ValidationError(
                "--count, --seconds: expected ascending numbers and 1 … 3600, found \(count) and \(seconds).")
        }
    }

    func run() throws {
        let scratch = ScratchFolder()
        defer { scratch.remove() }
        let folder = scratch.path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let own = ["graph=\(graph)", "run=\(folder)", "samplers.endpoint=ipc://\(folder)/batches"]
        let settings = try PipelineSettings.load(text: "seed: 1", path: "--set", overrides: set + own)
        let config = folder + "/config.yaml"
        try settings.resolvedYAML().write(toFile: config, atomically: true, encoding: .utf8)
        let edges = try BipartiteGraph(directory: graph).edgeCount
        let trainer = try IdleTrainer(settings: settings)
        var samplers: [SamplerProcess] = []
        defer { trainer.stop(samplers) }
        var rows: [SamplerRow] = []
        for wanted in parseThreads(count) ?? [] {
            var firstBatch = 0.0
            while samplers.count < wanted {
                let sampler = try SamplerProcess(name: "sampler\(samplers.count)", config: config)
                samplers.append(sampler)
                firstBatch = max(firstBatch, try trainer.secondsToFirstBatch(of: sampler))
            }
            rows.append(try measure(samplers, trainer, settings, firstBatch: firstBatch, fewer: rows.last))
        }
        let report = SamplersReport(
            machine: Machine(.best), graph: "\(edges) edges", cacheMb: settings.samplers.cacheMB,
            refreshBatches: settings.batch.refreshBatches, rows: rows)
        if json { try printJSON(report) } else { print(report.table) }
    }

    private func measure(
        _ samplers: [SamplerProcess], _ trainer: IdleTrainer, _ settings: PipelineSettings, firstBatch: Double,
        fewer: SamplerRow?
    ) throws -> SamplerRow {
        _ = try trainer.takeBatches(seconds: max(1, seconds / 4))
        let reused = trainer.reuse
        let before = samplers.reduce(0) { $0 + $1.processorSeconds }
        let taken = try trainer.takeBatches(seconds: seconds)
        let worked = samplers.reduce(0) { $0 + $1.processorSeconds } - before
        let reuse = trainer.reuse
        let memory = try watchMemory(samplers, trainer)
        let added = samplers.count - (fewer?.samplers ?? 0)
        let rate = Double(taken.batches) / taken.seconds
        return SamplerRow(
            samplers: samplers.count, batchesPerSecond: rate, pairsPerSecond: rate * Double(settings.batch.pairs),
            processorSecondsEach: worked / Double(max(taken.batches, 1)),
            batchMb: taken.batches == 0 ? 0 : Double(taken.bytes) / Double(taken.batches) / 1e6,
            firstBatchSeconds: firstBatch, proportionalMb: memory.proportional / 1e6,
            grownMbEach: (memory.proportional / 1e6 - (fewer?.proportionalMb ?? 0)) / Double(max(added, 1)),
            reuse: (reuse.found - reused.found) / max(reuse.asked - reused.asked, 1),
            privateMbEach: memory.anonymous / 1e6 / Double(samplers.count), privateMbMost: memory.most / 1e6)
    }

    /// Means of the memory of all samplers together while they work, and the most that one had of its own; bytes.
    private func watchMemory(
        _ samplers: [SamplerProcess], _ trainer: IdleTrainer
    ) throws -> (proportional: Double, anonymous: Double, most: Double) {
        let looks = max(4, Int(seconds * 4))
        var memory = (proportional: 0.0, anonymous: 0.0, most: 0.0)
        for _ in 0..<looks {
            try trainer.serve(seconds: 0.25)
            for each in samplers.map(\.memory) {
                memory.proportional += each.proportional / Double(looks)
                memory.anonymous += each.anonymous / Double(looks)
                memory.most = max(memory.most, each.anonymous)
            }
        }
        return memory
    }
}

/// What was measured with a number of samplers.
struct SamplerRow: Encodable {
    let samplers: Int
    let batchesPerSecond: Double
    let pairsPerSecond: Double
    /// Of the samplers, for a batch.
    let processorSecondsEach: Double
    let batchMb: Double
    /// The slowest of those that were added.
    let firstBatchSeconds: Double
    /// Of all samplers together, in the mean; a page of the graph counts once, whoever maps it.
    let proportionalMb: Double
    /// For each sampler that was added; for the first ones, the graph's pages among it.
    let grownMbEach: Double
    /// Share of the neighbourhoods that had been walked before in their window.
    let reuse: Double
    /// Memory that is no file's, of each sampler, in the mean; and the most that one had.
    let privateMbEach: Double
    let privateMbMost: Double
}

struct SamplersReport: Encodable {
    let machine: Machine
    let graph: String
    let cacheMb: Int
    let refreshBatches: Int
    let rows: [SamplerRow]

    /// For people: Markdown.
    var table: String {
        var lines = [
            "\(machine.cpu), \(machine.processors) processors; \(graph), cache_mb \(cacheMb), refresh_batches \(refreshBatches)",
            "",
            "| samplers | batches/s | pairs/s | CPU s a batch | MB a batch | first batch s | PSS of all MB | PSS grown MB each | own MB each | own MB at most | reused |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for row in rows {
            lines.append(
                String(
                    format: "| %d | %.2f | %.0f | %.2f | %.1f | %.2f | %.0f | %.1f | %.1f | %.1f | %.0f %% |",
                    row.samplers,
                    row.batchesPerSecond, row.pairsPerSecond, row.processorSecondsEach, row.batchMb,
                    row.firstBatchSeconds, row.proportionalMb,
                    row.grownMbEach, row.privateMbEach, row.privateMbMost, 100 * row.reuse))
        }
        return lines.joined(separator: "\n")
    }
}
