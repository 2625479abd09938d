import Configuration
import Kernels
import PinSageModel
import TestSupport
import Testing

@Suite struct LearnerTests {
    @Test("Adam's first two steps are those computed by hand")
    func adamByHand() {
        let shape = ModelShape(featureWidth: 3, hiddenWidth: 2, outputWidth: 2, head: .none, output: .unit)
        let (parameters, gradients) = (Parameters(shape: shape), Parameters(shape: shape))
        let (p, g) = (parameters.matrix("conv.2.update.bias"), gradients.matrix("conv.2.update.bias"))
        let adam = Adam(shape: shape)
        p[0, 1] = 1
        g[0, 1] = 2
        adam.update(parameters, gradients: gradients, learningRate: 0.1, kernels: Kernels())
        // m = 0.2, v = 0.004; corrected 2 and 4: the step is 0.1 · 2 / √4.
        #expect(abs(p[0, 1] - 0.9) < 1e-6)
        g[0, 1] = -1
        adam.update(parameters, gradients: gradients, learningRate: 0.1, kernels: Kernels())
        // m = 0.9 · 0.2 − 0.1 = 0.08, corrected by 1 − 0.81: 0.421053; v = 0.999 · 0.004 + 0.001 = 0.004996,
        // corrected by 1 − 0.998001: 2.499250, root 1.580901; the step is 0.1 · 0.421053 / 1.580901 = 0.026634.
        #expect(abs(p[0, 1] - 0.873366) < 2e-6)
        #expect(adam.stepCount == 2)
        #expect(abs(adam.first.matrix("conv.2.update.bias")[0, 1] - 0.08) < 1e-7)
        // 0.999 as a float is 0.99900001287: (1 − β₂) · 5 is off by 6.4e-8.
        #expect(abs(adam.second.matrix("conv.2.update.bias")[0, 1] - 0.004996) < 1e-7)
        let others = parameters.bits.filter { $0 != p[0, 1].bitPattern }
        #expect(others.count == parameters.bits.count - 1 && others.allSatisfy { $0 == 0 })
    }

    @Test("a step moves every parameter against its gradient by Adam's rule")
    func firstStep() throws {
        let fixture = ModelFixture(seed: 3)
        let parameters = Parameters.random(fixture.shape(), seed: 3)
        let before = parameters.copy()
        let learner = makeLearner(parameters)
        _ = try fixture.step(learner, learningRate: 0.01)
        var moved = 0
        for spec in parameters.tensors {
            let (old, new) = (before.matrix(spec).doubles.joined(), parameters.matrix(spec).doubles.joined())
            for ((old, new), g) in zip(zip(old, new), learner.gradients.matrix(spec).doubles.joined()) {
                // At t = 1 the corrected means are g and g².
                let expected = old - 0.01 * g / (abs(g) + 1e-8)
                #expect(abs(new - expected) <= 1e-6, "\(spec.name): expected \(expected), found \(new)")
                moved += old == new ? 0 : 1
            }
        }
        #expect(moved > parameters.shape.parameterCount / 2 && learner.adam.stepCount == 1)
    }

    @Test("the loss falls over 50 steps", arguments: [0, 3])
    func lossFalls(hardPerPair: Int) throws {
        var sizes = ModelFixture.Sizes(targets: 30, hidden: 60, pins: 90, pairs: 12, shared: 10)
        (sizes.hardPerPair, sizes.featureWidth) = (hardPerPair, 12)
        let fixture = ModelFixture(sizes, seed: 8)
        let shape = fixture.shape(hidden: 16, output: 8)
        let learner = makeLearner(.initialised(shape: shape, seed: 8), margin: 0.1)
        let losses = try (0..<50).map { _ in try fixture.step(learner).loss }
        #expect(losses[0] > 0.05)
        #expect(losses[49] < 0.2 * losses[0], "from \(losses[0]) to \(losses[49])")
    }

    @Test(
        "the number of threads changes no bit", arguments: InstructionSet.available, TrainingSettings.Loss.allCases)
    func threads(_ set: InstructionSet, loss: TrainingSettings.Loss) throws {
        var training = TrainingSettings()
        training.loss = loss
        var sizes = ModelFixture.Sizes(targets: 210, hidden: 700, pins: 1900, pairs: 90, shared: 70)
        (sizes.hardPerPair, sizes.featureWidth) = (2, 33)
        let fixture = ModelFixture(sizes, seed: 9)
        func train(threads: Int) throws -> ([UInt32], [StepResult]) {
            let parameters = Parameters.initialised(shape: fixture.shape(hidden: 35, output: 19), seed: 9)
            let kernels = Kernels(instructionSet: set, team: ThreadTeam(threads: threads))
            let learner = Learner(
                parameters: parameters, training: training, pooling: loss == .softmax ? .max : .importance,
                kernels: kernels)
            let results = try (0..<3).map { _ in try fixture.step(learner) }
            return (parameters.bits + learner.adam.second.bits, results)
        }
        let one = try train(threads: 1)
        for threads in [2, 3] {
            let more = try train(threads: threads)
            #expect(more.0 == one.0, "\(threads) threads")
            #expect(more.1 == one.1, "\(threads) threads")
        }
    }

    @Test("after the largest batch, working memory stays where it is")
    func workspaceStays() throws {
        var sizes = ModelFixture.Sizes()
        sizes.hardPerPair = 2
        let large = ModelFixture(
            .init(targets: 40, hidden: 80, pins: 120, pairs: 20, shared: 15, hardPerPair: 3), seed: 1)
        let small = ModelFixture(sizes, seed: 2)
        let learner = makeLearner(.initialised(shape: large.shape(), seed: 1))
        _ = try small.step(learner)
        let early = learner.workspace
        _ = try large.step(learner)
        let warm = learner.workspace
        #expect(early != warm, "a larger batch needs more room")
        for fixture in [small, large, small, large] {
            _ = try fixture.step(learner)
            #expect(learner.workspace == warm)
        }
    }

    @Test("results do not depend on what the working memory held before")
    func freshWorkspace() throws {
        let large = ModelFixture(.init(targets: 40, hidden: 80, pins: 120, pairs: 20, shared: 15), seed: 1)
        let small = ModelFixture(seed: 2)
        let shape = large.shape()
        let (used, fresh) = (makeLearner(.random(shape, seed: 4)), makeLearner(.random(shape, seed: 4)))
        _ = try large.step(used, learningRate: 0)
        let after = try used.computeGradients(small.batch, features: small.features)
        #expect(try fresh.computeGradients(small.batch, features: small.features) == after)
        #expect(used.gradients.bits == fresh.gradients.bits)
    }

    @Test("a number that is not finite stops the step and changes nothing", arguments: InstructionSet.available)
    func notFinite(_ set: InstructionSet) throws {
        for value in [Float.nan, .infinity] {
            for spoilt in ["features", "conv.1.update.weight", "head.output.weight"] {
                let fixture = ModelFixture(seed: 3)
                let parameters = Parameters.random(fixture.shape(.free), seed: 3)
                let learner = makeLearner(parameters, kernels: Kernels(instructionSet: set))
                _ = try fixture.step(learner)
                (spoilt == "features" ? fixture.features : parameters.matrix(spoilt))[1, 2] = value
                let before = (parameters.bits, learner.adam.first.bits, learner.adam.second.bits)
                let error = #expect(throws: LearningError.self, "\(value) in \(spoilt)") { try fixture.step(learner) }
                guard case .notFinite(let tensor, 2, 41, _) = error else {
                    Issue.record("\(value) in \(spoilt): \(String(describing: error))")
                    continue
                }
                #expect(tensor == "embeddings")
                #expect(before == (parameters.bits, learner.adam.first.bits, learner.adam.second.bits))
                #expect(learner.adam.stepCount == 1)
            }
        }
    }

    @Test(
        "embeddings and gradients too large for float32 are named",
        arguments: [(Float(1), Float(1e25), "embeddings"), (1e-20, 1e37, "gradient of head.hidden.bias")])
    func overflow(hidden: Float, output: Float, tensor: String) throws {
        let fixture = ModelFixture(seed: 3)
        let parameters = Parameters.random(fixture.shape(.free), seed: 3)
        for (name, factor) in [("hidden.weight", hidden), ("hidden.bias", hidden), ("output.weight", output)] {
            let matrix = parameters.matrix("head." + name)
            for row in 0..<matrix.rows {
                for column in 0..<matrix.columns { matrix[row, column] *= factor }
            }
        }
        let before = parameters.bits
        let error = #expect(throws: LearningError.self) { try fixture.step(makeLearner(parameters)) }
        #expect(error.map { "\($0)".contains(": \(tensor):") } == true, "\(String(describing: error))")
        #expect(parameters.bits == before)
    }

    @Test("the error names step, batch and tensor")
    func errorText() {
        let error = LearningError.notFinite(tensor: "loss", step: 17, batch: 16, found: "nan")
        #expect(
            "\(error)" == "model: step 17, batch 16: loss: expected finite numbers, found nan. "
                + "Lower training.learning_rate, or look for extreme values in the features.")
    }
}
