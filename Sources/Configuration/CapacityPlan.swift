/// How much of one machine's or a cluster's time, memory and disk a catalogue takes, from measured costs of a unit.
///
/// Counts no pin twice where that is certain, and no luck: neighbourhoods of a batch are taken to share no pin, which
/// small graphs do. Everything but the rates is arithmetic on the shapes.
public struct CapacityPlan: Sendable {
    public var pins: Double
    public var edges: Double
    /// Default: half of the pins, as the paper has.
    public var boards: Double
    public var featureWidth = 128.0
    /// 4 (float32) or 2 (float16).
    public var featureBytes = 4.0
    /// Columns of the pins' structure; 0: none.
    public var structureWidth = 0.0
    /// Positive pairs learned from. Default: one for each 15 edges, as the paper has.
    public var trainingPairs: Double
    public var trainerCores = 16.0
    public var sparkCores = 256.0
    /// Walks, widths and the batch.
    public var settings = PipelineSettings()
    public var rates = UnitRates()

    public init(pins: Double, edges: Double) {
        self.pins = pins
        self.edges = edges
        boards = pins / 2
        trainingPairs = edges / 15
    }

    /// Most pins that neighbour lists number, as int32.
    public static let pinsMax = Double(Int32.max)

    private var top: Double { Double(settings.walks.top) }
    private var hidden: Double { Double(settings.model.hiddenWidth) }
    /// Steps of all walks, and multiply-adds of a layer, beside those that the rates were measured with.
    private var neighborhoodsPerSecond: Double {
        rates.neighborhoods.value * 500 / Double(settings.walks.count * settings.walks.steps)
    }
    private var widthFactor: Double { hidden * hidden / (128 * 128) }
    private var output: Double { Double(settings.model.outputWidth) }

    // MARK: Training

    public var batches: Double { (trainingPairs / Double(settings.batch.pairs)).rounded(.up) }
    /// Pins of a batch whose embeddings it compares, those and their neighbours, and those and theirs.
    var targets: Double { min(pins, Double(2 * settings.batch.pairs + settings.batch.sharedNegatives)) }
    var hiddenPins: Double { min(pins, targets * (1 + top)) }
    var inputPins: Double { min(pins, hiddenPins * (1 + top)) }

    /// Multiply-adds of a step's products, forward and backward, counted as two.
    var stepFLOP: Double {
        let (m, f) = (hidden, featureWidth + 1)
        let head = m * m + m * output
        let forward =
            inputPins * f * m + hiddenPins * (f + m) * m + hiddenPins * m * m + targets * (2 * m * m + head)
        // Weights take as much again; inputs too, but for the features.
        let backward = forward + hiddenPins * 2 * m * m + targets * (2 * m * m + head)
        return 2 * (forward + backward)
    }

    public var trainerHours: Double {
        let speed = trainerCores == 1 ? 1 : trainerCores * rates.threadShare.value
        return batches * stepFLOP / (rates.training.value * 1e9 * speed) / 3600
    }

    /// Cores of samplers that keep the trainer busy.
    public var samplerCores: Double {
        batches * hiddenPins / neighborhoodsPerSecond / (trainerHours * 3600)
    }

    // MARK: Bytes

    /// Both directions as compressed rows.
    public var graphBytes: Double { 8 * (pins + boards + 2) + 8 * edges }
    /// The same for walks, and the place of each pin.
    public var layoutBytes: Double { 8 * (pins + boards + edges) + 4 * pins }
    public var featureTableBytes: Double { pins * featureWidth * featureBytes }
    /// A minibatch, features not among its arrays: 12 bytes a list entry and 8 a pin.
    public var batchBytes: Double { inputPins * 8 + (hiddenPins + targets) * top * 8 }
    /// All stages' shards, which stay until the end: lists, two tables of messages, one of hidden rows, embeddings.
    public var workBytes: Double { pins * (12 * top + 3 * 4 * hidden + 4 * output) }
    public var structureBytes: Double { pins * 4 * structureWidth }
    /// Most memory that `import` needs beside its bounded sort: four matrices of the decomposition.
    public var factorizingBytes: Double { structureWidth > 0 ? 16 * (pins + boards) * (structureWidth + 16) : 0 }
    public var embeddingBytes: Double { pins * 4 * (output + structureWidth) }
    /// Rows that reducers gather in both layers, at most: each list is whole, and no two lists of a shard share a pin.
    public var gatheredBytes: Double { 2 * pins * top * 4 * hidden }

    // MARK: Embedding

    public var neighborhoodCoreHours: Double { pins / neighborhoodsPerSecond / 3600 }
    public var mapCoreHours: Double { 2 * pins * widthFactor / rates.map.value / 3600 }
    public var reduceCoreHours: Double { 2 * pins * widthFactor / rates.reduce.value / 3600 }
    public var sparkCoreHours: Double { neighborhoodCoreHours + mapCoreHours + reduceCoreHours }
}

/// What one core does in a second, as it was measured: with 10 walks of 50 steps, hidden width 128, 25 neighbours.
///
/// Other walks and widths are extrapolated in proportion to steps and to the square of the width.
public struct UnitRates: Sendable {
    public struct Rate: Sendable {
        public let name: String
        public var value: Double
        public let unit: String
        public var source: String
    }

    private static let machine = "AMD EPYC family 26 (avx512), 2 processors, 2026-11-30"
    private static let graph = "1 M pins, 12 M edges, 128 features, all in memory, processor time of one thread"

    public var neighborhoods = Rate(
        name: "neighborhoods", value: 204_000, unit: "pins/s", source: "\(machine): neighbors --shard, \(graph)")
    public var map = Rate(
        name: "map", value: 2_600_000, unit: "pins/s of a layer", source: "\(machine): map --layer 1 and 2, \(graph)")
    public var reduce = Rate(
        name: "reduce", value: 960_000, unit: "pins/s of a layer",
        source: "\(machine): reduce --layer 1 and 2, \(graph)")
    public var training = Rate(
        name: "training", value: 163, unit: "GFLOP/s of a step",
        source: "\(machine): make bench, 5.7 GFLOP in 35.1 ms (docs/results/bench.md)")
    public var threadShare = Rate(
        name: "thread-share", value: 0.9, unit: "of a core's rate, each",
        source: "\(machine): make bench, 35.1 ms to 19.5 ms with 2 threads; more than 2 are extrapolated")

    public init() {}

    public var all: [Rate] { [neighborhoods, map, reduce, training, threadShare] }

    /// Replaces a rate; false where there is none of that name.
    public mutating func set(_ name: String, to value: Double) -> Bool {
        for path in [\UnitRates.neighborhoods, \.map, \.reduce, \.training, \.threadShare]
        where self[keyPath: path].name == name {
            self[keyPath: path].value = value
            self[keyPath: path].source = "given"
            return true
        }
        return false
    }
}
