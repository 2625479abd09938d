import Configuration
import Kernels
import PinSageModel
import TestSupport
import Testing

/// Forward and backward against the reference in Double.
@Suite struct GradientTests {
    struct Variant: CustomTestStringConvertible {
        var head: ModelSettings.Head
        var output: ModelSettings.Output
        var hardPerPair: Int
        var training = TrainingSettings()
        var pooling = WalkSettings.Pooling.importance

        var testDescription: String {
            "head \(head), output \(output), \(hardPerPair) hard negatives, \(training.loss), pooling \(pooling)"
        }

        static let all: [Variant] = [0, 2].flatMap { hard in
            ModelSettings.Head.allCases.flatMap { head in
                ModelSettings.Output.allCases.flatMap { output in
                    TrainingSettings.Loss.allCases.map { loss in
                        var variant = Variant(head: head, output: output, hardPerPair: hard)
                        variant.training.loss = loss
                        // Scores of the free output are small here; a margin of their size leaves hinges open and shut.
                        variant.training.margin = head == .paper && output == .free ? 0.05 : 0.3
                        (variant.training.temperature, variant.training.popularityCorrection) = (0.2, 0.75)
                        if head == .paper, hard > 0 { variant.pooling = .max }
                        return variant
                    }
                }
            }
        }

        func learner(_ parameters: Parameters) -> Learner {
            Learner(parameters: parameters, training: training, pooling: pooling, kernels: Kernels())
        }
    }

    /// Float32 rounds to 6e-8; a value here is a few sums of up to 40 products, so 1e-5 of the largest leaves room.
    @Test("embeddings and loss agree with the reference", arguments: Variant.all)
    func forward(_ variant: Variant) throws {
        for seed: UInt64 in 1...5 {
            var sizes = ModelFixture.Sizes(targets: 20, hidden: 45, pins: 110, pairs: 14, shared: 9)
            (sizes.hardPerPair, sizes.featureWidth) = (variant.hardPerPair, 23)
            let fixture = ModelFixture(sizes, seed: seed)
            let shape = fixture.shape(hidden: 17, output: 7, head: variant.head, variant.output)
            let parameters = Parameters.random(shape, seed: seed)
            let learner = variant.learner(parameters)
            let reference = parameters.reference(variant.training, pooling: variant.pooling)
            var kinks = ReferenceModel.Kinks()
            let expected = reference.embeddings(
                fixture.reference.features, fixture.reference.neighborhoods, kinks: &kinks)
            let found = learner.forward(fixture.batch, features: fixture.features).doubles
            let scale = expected.joined().map(abs).max() ?? 0
            for (row, (a, b)) in zip(expected, found).enumerated() {
                let difference = zip(a, b).map { abs($0 - $1) }.max() ?? 0
                #expect(difference <= 1e-5 * scale, "row \(row): expected \(a), found \(b), seed \(seed)")
            }
            #expect(found.count == expected.count && found.first?.count == shape.outputWidth)
            let result = try learner.computeGradients(fixture.batch, features: fixture.features)
            let loss = reference.loss(fixture.reference, kinks: &kinks)
            #expect(abs(result.loss - loss) <= 1e-5 * max(loss, 1), "expected \(loss), found \(result.loss)")
            #expect(result.sharedLoss + result.hardLoss == result.loss)
        }
    }

    @Test("the gradient of every parameter and feature is the loss's derivative", arguments: Variant.all)
    func backward(_ variant: Variant) throws {
        let seed: UInt64 = 3
        var sizes = ModelFixture.Sizes()
        sizes.hardPerPair = variant.hardPerPair
        let fixture = ModelFixture(sizes, seed: seed)
        let shape = fixture.shape(head: variant.head, variant.output)
        let parameters = Parameters.random(shape, seed: seed)
        let learner = variant.learner(parameters)
        let dFeatures = FloatBuffer(count: sizes.pins * sizes.featureWidth)
        let dFeatureMatrix = Matrix(dFeatures, rows: sizes.pins, columns: sizes.featureWidth)
        let result = try learner.computeGradients(
            fixture.batch, features: fixture.features, dFeatures: dFeatureMatrix)
        #expect(
            result.activeShare > 0 && result.activeShare < 1,
            "a fixture with hinges open and shut, or with probabilities")

        var check = DerivativeCheck(
            parameters.reference(variant.training, pooling: variant.pooling), fixture.reference)
        for spec in parameters.tensors {
            let found = learner.gradients.matrix(spec).doubles.flatMap { $0 }
            check.compare(spec.name, found) { $0.model.tensors[spec.name]?[$1] += $2 }
        }
        let found = withExtendedLifetime(dFeatures) { dFeatureMatrix.doubles.flatMap { $0 } }
        check.compare("features", found) { check, index, step in
            check.batch.features[index / sizes.featureWidth][index % sizes.featureWidth] += step
        }
    }

    @Test("a target none of whose units fires has the zero vector, and no gradient passes it")
    func deadRows() throws {
        let fixture = ModelFixture(seed: 5)
        let parameters = Parameters.random(fixture.shape(head: .none), seed: 5)
        let bias = parameters.matrix("conv.2.update.bias")
        for column in 0..<bias.columns {
            bias[0, column] = -100
        }
        let learner = makeLearner(parameters, margin: 0.25)
        let result = try learner.computeGradients(fixture.batch, features: fixture.features)
        #expect(result.loss == 0.25 && result.activeShare == 1 && result.gradientNorm == 0)
        #expect(learner.gradients.bits.allSatisfy { $0 & 0x7fff_ffff == 0 })
    }

    @Test("the gradient norm is the root of the squares of every tensor")
    func gradientNorm() throws {
        let fixture = ModelFixture(seed: 3)
        let learner = makeLearner(Parameters.random(fixture.shape(), seed: 3))
        let result = try learner.computeGradients(fixture.batch, features: fixture.features)
        let squares = learner.gradients.tensors.flatMap { learner.gradients.matrix($0).doubles.flatMap { $0 } }
            .reduce(0) { $0 + $1 * $1 }
        #expect(result.gradientNorm > 0)
        // Squares are summed in float32, block by block.
        #expect(abs(result.gradientNorm - squares.squareRoot()) <= 1e-6 * result.gradientNorm)
    }
}

/// Central differences of the reference's loss, element by element.
private struct DerivativeCheck {
    var model: ReferenceModel
    var batch: ReferenceModel.Batch
    let kinks: ReferenceModel.Kinks

    init(_ model: ReferenceModel, _ batch: ReferenceModel.Batch) {
        self.model = model
        self.batch = batch
        var kinks = ReferenceModel.Kinks()
        _ = model.loss(batch, kinks: &kinks)
        self.kinks = kinks
        // Rounding in float32 moves an argument by some 1e-6 and must not carry one across its kink.
        #expect(kinks.nearest > 1e-5, "the fixture has an argument at \(kinks.nearest) from a kink: take another seed")
    }

    /// Step 1e-6: the differences' own error is 1e-12 (curvature) and 1e-10 (Double's rounding / step). The rest of the
    /// tolerance is float32's: 6e-8 times some 100 roundings, relative to the tensor's largest gradient.
    mutating func compare(
        _ name: String, _ found: [Double], _ add: (inout DerivativeCheck, Int, Double) -> Void
    ) {
        let step = 1e-6
        var expected: [Double] = []
        for index in found.indices {
            expected.append((loss(index, step, add) - loss(index, -step, add)) / (2 * step))
        }
        let scale = expected.map(abs).max() ?? 0
        #expect(scale > 1e-4, "\(name): the loss does not depend on it, so nothing is checked")
        for (index, (a, b)) in zip(expected, found).enumerated() {
            #expect(abs(a - b) <= 1e-5 * scale + 1e-9, "\(name)[\(index)]: expected \(a), found \(b)")
        }
    }

    private func loss(_ index: Int, _ step: Double, _ add: (inout DerivativeCheck, Int, Double) -> Void) -> Double {
        var moved = self
        add(&moved, index, step)
        var kinks = ReferenceModel.Kinks()
        let loss = moved.model.loss(moved.batch, kinks: &kinks)
        #expect(kinks.isOpen == self.kinks.isOpen, "the step crosses a kink")
        return loss
    }
}
