import Basics
import Minibatches

/// A small valid batch with every array filled; `seed` varies every value and, within bounds, every count.
func sampleBatch(seed: UInt64 = 1, features: Bool = true, hardNegativesPerPair: Int = 2) -> Minibatch {
    var random = CounterBasedGenerator(seed: seed, purpose: 100, 0, 0)
    let targets = Int.random(in: 5...9, using: &random)
    let hidden = targets + Int.random(in: 0...8, using: &random)
    let pins = hidden + Int.random(in: 0...12, using: &random)
    let pairs = Int.random(in: 1...4, using: &random)
    func rows(_ count: Int, below bound: Int) -> FrameArray<Int32> {
        FrameArray((0..<count).map { _ in Int32.random(in: 0..<Int32(bound), using: &random) })
    }
    func lists(_ count: Int, below bound: Int) -> NeighborhoodRows {
        let lengths = (0..<count).map { _ in Int.random(in: 0...4, using: &random) }
        let offsets = lengths.reduce(into: [Int32(0)]) { $0.append($0[$0.count - 1] + Int32($1)) }
        let weights = lengths.flatMap { length in (0..<length).map { _ in 1 / Float(length) } }
        return NeighborhoodRows(
            offsets: FrameArray(offsets), neighbors: rows(weights.count, below: bound), weights: FrameArray(weights))
    }
    let width = 3
    let values = (0..<pins * width).map { _ in Float.random(in: -1...1, using: &random) }
    return Minibatch(
        batchIndex: random.next(), recipe: sampleRecipe, targetCount: targets, hiddenCount: hidden,
        pins: FrameArray((0..<pins).map { _ in UInt32.random(in: 0..<UInt32(samplePinCount), using: &random) }),
        boardCounts: FrameArray((0..<pins).map { _ in UInt32.random(in: 0..<50, using: &random) }),
        neighborhoods: [lists(hidden, below: pins), lists(targets, below: hidden)],
        queries: rows(pairs, below: targets), positives: rows(pairs, below: targets),
        sharedNegatives: rows(3, below: targets), hardNegatives: rows(pairs * hardNegativesPerPair, below: targets),
        features: features ? InlineFeatures(width: width, values: FrameArray(values)) : nil, table: random.next(),
        coSavedCount: hardNegativesPerPair)
}

let samplePinCount = 1000
let sampleRecipe: UInt64 = 0x0123_4567_89ab_cdef

func sampleLimits(features: Bool = true) -> MinibatchLimits {
    MinibatchLimits(
        pinCount: samplePinCount, recipe: sampleRecipe, featureWidth: features ? 3 : 0, byteCountMax: 1 << 20)
}

/// Everything a batch says, in a form that can be compared.
func contents(_ batch: Minibatch) -> [String] {
    let lists = batch.neighborhoods.map { "\($0.offsets.array) \($0.neighbors.array) \($0.weights.array)" }
    return [
        "\(batch.batchIndex) \(batch.recipe) \(batch.targetCount) \(batch.hiddenCount) \(batch.table) \(batch.coSavedCount)",
        "\(batch.pins.array)",
        "\(batch.boardCounts.array)",
        "\(batch.queries.array)", "\(batch.positives.array)", "\(batch.sharedNegatives.array)",
        "\(batch.hardNegatives.array)", "\(batch.features?.width ?? 0) \(batch.features?.values.array ?? [])",
    ] + lists
}

extension Frame {
    var array: [UInt8] { withExtendedLifetime(self) { Array(bytes) } }
}

/// The error of `body`; nil when it throws none.
func errorOf<T>(_ body: () throws(MinibatchError) -> T) -> MinibatchError? {
    do throws(MinibatchError) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}
