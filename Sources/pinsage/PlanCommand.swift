import ArgumentParser
import Configuration
import Foundation

/// `pinsage plan`: what a catalogue will take, before there is one.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Estimate samplers, hours, memory and disk for a number of pins and edges.",
        discussion: """
            Arithmetic on shapes and rates. The rates, printed with the plan, were measured on one machine; replace \
            them by your own with --rate. Storage and network are taken to keep up.
            """)

    @Option(help: "Pins, as 3e9.")
    var pins: Double

    @Option(help: "Edges.")
    var edges: Double

    @Option(help: "Boards. (default: half of the pins)")
    var boards: Double?

    @Option(help: "Columns of the features.")
    var featureWidth = 128.0

    @Option(help: "Bytes of a feature: 4 or 2.")
    var featureBytes = 4.0

    @Option(help: "Columns of the structure, as of import --structure-width.")
    var structureWidth = 0.0

    @Option(help: "Positive pairs to learn from. (default: a fifteenth of the edges)")
    var trainingPairs: Double?

    @Option(help: "Cores of the trainer.")
    var trainerCores = 16.0

    @Option(help: "Cores of the Spark cluster.")
    var sparkCores = 256.0

    @Option(help: "Settings: walks, model and batch are taken. (default: every default)")
    var config: String?

    @Option(help: "A rate of your own, as map=900000; any number of times. Names are those that the plan prints.")
    var rate: [String] = []

    func validate() throws {
        for (name, value) in [
            ("pins", pins), ("edges", edges), ("boards", boards ?? 1), ("feature-width", featureWidth),
            ("training-pairs", trainingPairs ?? 1), ("trainer-cores", trainerCores), ("spark-cores", sparkCores),
        ] where !(value.isFinite && value >= 1) {
            throw ValidationError("--\(name) is \(value): expected 1 or more")
        }
        guard (0...4096).contains(structureWidth) else {
            throw ValidationError("--structure-width is \(structureWidth): expected 0 … 4096")
        }
        guard [2, 4].contains(featureBytes) else {
            throw ValidationError("--feature-bytes is \(featureBytes): expected 2 or 4")
        }
        _ = try rates()
    }

    func run() throws {
        var plan = CapacityPlan(pins: pins, edges: edges)
        if let boards { plan.boards = boards }
        if let trainingPairs { plan.trainingPairs = trainingPairs }
        if let config { plan.settings = try PipelineSettings.load(path: config) }
        (plan.featureWidth, plan.featureBytes) = (featureWidth, featureBytes)
        plan.structureWidth = structureWidth
        (plan.trainerCores, plan.sparkCores) = (trainerCores, sparkCores)
        plan.rates = try rates()
        for (name, value, note) in Self.rows(plan) { print(Self.line(name, value, note)) }
        print("\nrates, of one core")
        for rate in plan.rates.all {
            print(Self.line(rate.name, "\(Self.number(rate.value)) \(rate.unit)", rate.source))
        }
    }

    private func rates() throws -> UnitRates {
        var rates = UnitRates()
        for text in rate {
            let parts = text.split(separator: "=").map(String.init)
            guard parts.count == 2, let value = Double(parts[1]), value.isFinite, value > 0,
                rates.set(parts[0], to: value)
            else {
                let names = rates.all.map(\.name).joined(separator: ", ")
                throw ValidationError("--rate is \(text): expected NAME=NUMBER above 0, NAME one of \(names)")
            }
        }
        return rates
    }

    private static func rows(_ plan: CapacityPlan) -> [(String, String, String)] {
        var rows = [
            ("graph", bytes(plan.graphBytes), "both directions, on disk"),
            ("walk layout", bytes(plan.layoutBytes), "mapped by each sampler host and Spark node of the walk stage"),
            ("features", bytes(plan.featureTableBytes), "mapped by the trainer, or sent with the batches"),
            ("batches", number(plan.batches), "of \(plan.settings.batch.pairs) pairs"),
            (
                "trainer", "\(number(plan.trainerHours)) h",
                "on \(number(plan.trainerCores)) cores; no pin twice in a batch"
            ),
            ("samplers", "\(number(plan.samplerCores.rounded(.up))) cores", "to keep it busy"),
            ("a batch", bytes(plan.batchBytes), "without features; credit × samplers of them wait at most"),
            (
                "embedding", "\(number(plan.sparkCoreHours)) core-hours",
                "neighbourhoods \(number(plan.neighborhoodCoreHours)), map \(number(plan.mapCoreHours)), "
                    + "reduce \(number(plan.reduceCoreHours))"
            ),
            ("on Spark", "\(number(plan.sparkCoreHours / plan.sparkCores)) h", "on \(number(plan.sparkCores)) cores"),
            ("work folder", bytes(plan.workBytes), "while embedding"),
            ("gathered", bytes(plan.gatheredBytes), "rows, at most: out of mapped tables, or by shuffle with --blocks"),
            ("embeddings", bytes(plan.embeddingBytes), "float32; half with --precision float16"),
        ]
        if plan.structureWidth > 0 {
            rows.append(
                (
                    "structure", bytes(plan.structureBytes),
                    "on disk, and in the embeddings; \(bytes(plan.factorizingBytes)) of memory to make it"
                ))
        }
        if plan.pins > CapacityPlan.pinsMax {
            rows.append(
                ("too many", number(plan.pins), "pins: neighbour lists number at most \(Int32.max) in this version"))
        }
        return rows
    }

    private static func line(_ name: String, _ value: String, _ note: String) -> String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        return padded(name, 14) + padded(value, 32) + note
    }

    private static func number(_ value: Double) -> String {
        if value >= 1e6 { return String(format: "%.2f M", value / 1e6) }
        return String(format: value < 100 ? "%.2g" : "%.0f", value)
    }

    private static func bytes(_ value: Double) -> String {
        value >= 1e12 ? String(format: "%.2f TB", value / 1e12) : String(format: "%.2f GB", value / 1e9)
    }
}
