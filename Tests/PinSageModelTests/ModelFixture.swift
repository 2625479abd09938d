import Basics
import Configuration
import Kernels
import Minibatches
import PinSageModel
import TestSupport

/// A random minibatch, as the learner takes it and as the reference takes it.
///
/// Every third list is empty. The first shared negative is the first query, the second the first positive.
final class ModelFixture {
    struct Sizes {
        var targets = 9
        var hidden = 17
        var pins = 29
        var pairs = 5
        var shared = 6
        var hardPerPair = 0
        var featureWidth = 5
    }

    let batch: Minibatch
    let reference: ReferenceModel.Batch
    private let featureBuffer: FloatBuffer
    private let sizes: Sizes

    init(_ sizes: Sizes = Sizes(), seed: UInt64) {
        var random = CounterBasedGenerator(seed: seed, purpose: 99, 0, 0)
        self.sizes = sizes
        featureBuffer = FloatBuffer(count: sizes.pins * sizes.featureWidth)
        let features = Matrix(featureBuffer, rows: sizes.pins, columns: sizes.featureWidth)
        for row in 0..<sizes.pins {
            for column in 0..<sizes.featureWidth {
                features[row, column] = Float.random(in: -1...1, using: &random)
            }
        }
        let lists = [
            Self.lists(sizes.hidden, below: sizes.pins, &random),
            Self.lists(sizes.targets, below: sizes.hidden, &random),
        ]
        func targets(_ count: Int) -> [Int] {
            (0..<count).map { _ in Int.random(in: 0..<sizes.targets, using: &random) }
        }
        let queries = targets(sizes.pairs)
        let positives = queries.map { ($0 + 1 + Int.random(in: 0..<sizes.targets - 1, using: &random)) % sizes.targets }
        let shared = [queries[0], positives[0]] + targets(sizes.shared - 2)
        let hard = (0..<sizes.pairs).map { _ in targets(sizes.hardPerPair) }
        batch = Minibatch(
            batchIndex: 41, recipe: 0, targetCount: sizes.targets, hiddenCount: sizes.hidden,
            pins: FrameArray((0..<sizes.pins).map(UInt32.init)),
            boardCounts: FrameArray((0..<sizes.pins).map { UInt32($0 % 7) }), neighborhoods: lists.map(Self.rows),
            queries: Self.rowIDs(queries), positives: Self.rowIDs(positives), sharedNegatives: Self.rowIDs(shared),
            hardNegatives: Self.rowIDs(hard.flatMap { $0 }))
        reference = ReferenceModel.Batch(
            features: features.doubles, neighborhoods: lists, queries: queries, positives: positives,
            sharedNegatives: shared, hardNegatives: hard, boardCounts: (0..<sizes.pins).map { $0 % 7 })
    }

    var features: Matrix { Matrix(featureBuffer, rows: sizes.pins, columns: sizes.featureWidth) }

    func shape(
        hidden: Int = 4, output: Int = 3, head: ModelSettings.Head = .paper, _ kind: ModelSettings.Output = .unit
    ) -> ModelShape {
        ModelShape(
            featureWidth: sizes.featureWidth, hiddenWidth: hidden, outputWidth: head == .none ? hidden : output,
            head: head, output: kind)
    }

    func step(_ learner: Learner, learningRate: Float = 0.01) throws -> StepResult {
        try learner.step(batch, features: features, learningRate: learningRate)
    }

    private static func lists(
        _ count: Int, below rows: Int, _ random: inout CounterBasedGenerator
    ) -> [ReferenceModel.NeighborList] {
        (0..<count).map { list in
            if list % 3 == 2 { return [] }
            let visits = (0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 1...9, using: &random) }
            let total = visits.reduce(0, +)
            let first = Int.random(in: 0..<rows, using: &random)
            return visits.enumerated().map { index, visits in
                // The very number that the learner gets.
                (row: (first + 3 * index) % rows, weight: Double(Float(visits) / Float(total)))
            }
        }
    }

    private static func rows(_ lists: [ReferenceModel.NeighborList]) -> NeighborhoodRows {
        let entries = lists.flatMap { $0 }
        var offsets: [Int32] = [0]
        for list in lists {
            offsets.append((offsets.last ?? 0) + Int32(list.count))
        }
        return NeighborhoodRows(
            offsets: FrameArray(offsets), neighbors: FrameArray(entries.map { Int32($0.row) }),
            weights: FrameArray(entries.map { Float($0.weight) }))
    }

    private static func rowIDs(_ rows: [Int]) -> FrameArray<Int32> { FrameArray(rows.map(Int32.init)) }
}

extension Matrix {
    var doubles: [[Double]] { (0..<rows).map { row in (0..<columns).map { Double(self[row, $0]) } } }
    var bits: [UInt32] { (0..<rows).flatMap { row in (0..<columns).map { self[row, $0].bitPattern } } }
}

extension Parameters {
    /// Every element's bits, gaps included.
    var bits: [UInt32] { Matrix(values, rows: 1, columns: values.count).bits }

    /// Random weights and, unlike at the start of training, random biases.
    static func random(_ shape: ModelShape, seed: UInt64) -> Parameters {
        let parameters = initialised(shape: shape, seed: seed)
        var random = CounterBasedGenerator(seed: seed, purpose: 98, 0, 0)
        for spec in parameters.tensors where spec.shape.count == 1 {
            let bias = parameters.matrix(spec)
            for column in 0..<bias.columns {
                bias[0, column] = Float.random(in: -0.2...0.4, using: &random)
            }
        }
        return parameters
    }

    func copy() -> Parameters {
        let copy = Parameters(shape: shape)
        copy.values.base.update(from: values.base, count: values.count)
        return copy
    }

    /// The same numbers for the reference.
    func reference(_ training: TrainingSettings, pooling: WalkSettings.Pooling = .importance) -> ReferenceModel {
        ReferenceModel(
            tensors: Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, matrix($0).doubles.flatMap { $0 }) }),
            isUnitOutput: shape.output == .unit, isMaxPooling: pooling == .max,
            loss: training.loss == .maxMargin
                ? .hinge(margin: Double(Float(training.margin)))
                : .softmax(
                    temperature: Double(Float(training.temperature)), correction: training.popularityCorrection))
    }
}

/// A learner with the hinge and this margin.
func makeLearner(
    _ parameters: Parameters, adam: Adam? = nil, margin: Double = 0.3, kernels: Kernels = Kernels()
) -> Learner {
    var training = TrainingSettings()
    training.loss = .maxMargin
    training.margin = margin
    return Learner(parameters: parameters, adam: adam, training: training, kernels: kernels)
}
