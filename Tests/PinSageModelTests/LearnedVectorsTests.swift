import Artifacts
import Configuration
import Foundation
import Kernels
import Minibatches
import PinSageModel
import TestSupport
import Testing

@Suite struct LearnedVectorsTests {
    /// A model whose input rows are the fixture's features and a learned vector; some pins of the table are in no batch.
    final class Fixture {
        let model: ModelFixture
        let shape: ModelShape
        let learner: Learner
        let width: Int
        private let inputs = FloatBuffer()

        init(
            _ sizes: ModelFixture.Sizes = .init(), width: Int = 3, hidden: Int = 4, learned: LearnedVectors? = nil,
            parameters: Parameters? = nil, adam: Adam? = nil, kernels: Kernels = Kernels()
        ) {
            model = ModelFixture(sizes, seed: 3)
            self.width = width
            shape = ModelShape(
                featureWidth: sizes.featureWidth, learnedWidth: width, hiddenWidth: hidden, outputWidth: 3,
                head: .paper, output: .unit)
            learner = Learner(
                parameters: parameters ?? .random(shape, seed: 3), adam: adam,
                learned: learned ?? .initialised(pinCount: sizes.pins + 5, width: width, seed: 1),
                training: TrainingSettings(), kernels: kernels)
        }

        var learned: LearnedVectors { learner.learned! }

        /// Features, then vectors.
        func features() -> Matrix {
            let rows = shape.inputs(rows: model.batch.pinCount, in: inputs)
            for row in 0..<rows.rows {
                for column in 0..<shape.featureWidth { rows[row, column] = model.features[row, column] }
            }
            learned.write(pins: UnsafeBufferPointer(model.batch.pins.elements), into: rows)
            return rows
        }

        func step() throws -> StepResult {
            try learner.step(model.batch, features: features(), learningRate: 0.01)
        }

        var bits: [UInt32] {
            learner.parameters.bits + learner.adam.first.bits
                + [learned.values, learned.first, learned.second, learned.stepCounts].flatMap {
                    Matrix($0, rows: 1, columns: $0.count).bits
                }
        }
    }

    @Test("the gradient of learned columns is that of the last features, bit for bit")
    func gradient() throws {
        let fixture = Fixture()
        let (pins, all) = (fixture.model.batch.pinCount, fixture.shape.inputWidth)
        let (wide, narrow) = (FloatBuffer(count: pins * all), FloatBuffer(count: pins * 3))
        _ = try fixture.learner.computeGradients(
            fixture.model.batch, features: fixture.features(), dFeatures: Matrix(wide, rows: pins, columns: all))
        let result = try fixture.learner.computeGradients(
            fixture.model.batch, features: fixture.features(), dFeatures: Matrix(narrow, rows: pins, columns: 3))
        let last = Matrix(wide, rows: pins, columns: all).columns(all - 3..<all)
        #expect(Matrix(narrow, rows: pins, columns: 3).bits == last.bits)
        #expect(last.doubles.joined().contains { abs($0) > 1e-4 })
        let tensors = fixture.learner.gradients.tensors.flatMap {
            fixture.learner.gradients.matrix($0).doubles.joined()
        }
        let squares = (tensors + last.doubles.joined()).reduce(0) { $0 + $1 * $1 }
        #expect(abs(result.gradientNorm - squares.squareRoot()) <= 1e-6 * result.gradientNorm)
    }

    @Test("a step moves the vectors of its batch's pins against their gradient, and no other")
    func lazy() throws {
        let fixture = Fixture()
        let pins = fixture.model.batch.pinCount
        let dLearned = FloatBuffer(count: pins * 3)
        let before = Matrix(fixture.learned.values, rows: pins + 5, columns: 3).doubles
        _ = try fixture.learner.computeGradients(
            fixture.model.batch, features: fixture.features(), dFeatures: Matrix(dLearned, rows: pins, columns: 3))
        _ = try fixture.step()
        let after = Matrix(fixture.learned.values, rows: pins + 5, columns: 3).doubles
        for pin in 0..<pins + 5 {
            for column in 0..<3 {
                let g = pin < pins ? Double(Matrix(dLearned, rows: pins, columns: 3)[pin, column]) : 0
                // At t = 1 the corrected means are g and g².
                let expected = before[pin][column] - 0.01 * g / (abs(g) + 1e-8)
                #expect(abs(after[pin][column] - expected) < 1e-6, "pin \(pin)")
            }
            #expect(fixture.learned.stepCounts.base[pin] == (pin < pins ? 1 : 0))
        }
    }

    @Test("training that goes on from a checkpoint takes the steps it would have taken")
    func resume() throws {
        let folder = try TemporaryDirectory()
        let fixture = Fixture()
        for _ in 0..<3 { _ = try fixture.step() }
        let path = folder.file("step.safetensors")
        try Checkpoint.write(
            path: path, parameters: fixture.learner.parameters, adam: fixture.learner.adam, learned: fixture.learned,
            metadata: CheckpointMetadata(
                step: 3, epoch: 0, batch: 3, seed: 1, config: "{}", graphFingerprint: "0123456789abcdef",
                revision: "0"))
        let read = try Checkpoint.read(path: path)
        let pinCount = fixture.model.batch.pinCount + 5
        try read.require(shape: fixture.shape, graphFingerprint: "0123456789abcdef", pinCount: pinCount)
        #expect(throws: CheckpointError.self) {
            try read.require(shape: fixture.shape, graphFingerprint: "0123456789abcdef", pinCount: pinCount - 1)
        }
        let resumed = Fixture(learned: read.learned, parameters: read.parameters, adam: read.adam)
        #expect(resumed.bits == fixture.bits)
        for _ in 0..<2 { #expect(try resumed.step() == fixture.step()) }
        #expect(resumed.bits == fixture.bits)
    }

    @Test("a table that lacks a tensor, or counts steps that nobody took, is refused by name")
    func damaged() throws {
        let folder = try TemporaryDirectory()
        let fixture = Fixture()
        fixture.learned.stepCounts.base[2] = -1
        func problem() throws -> String {
            try Checkpoint.write(
                path: folder.file("c"), parameters: fixture.learner.parameters, adam: fixture.learner.adam,
                learned: fixture.learned,
                metadata: CheckpointMetadata(
                    step: 0, epoch: 0, batch: 0, seed: 1, config: "{}", graphFingerprint: "0123456789abcdef",
                    revision: "0"))
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(path: folder.file("c")) }
            return "\(String(describing: error))"
        }
        #expect(try problem().contains("adam.steps.pins.learned.weight: expected counts from 0 to 16777216"))
        fixture.learned.stepCounts.base[2] = 0x1p60
        #expect(try problem().contains("adam.steps.pins.learned.weight: expected counts from 0 to 16777216"))
        let file = try SafetensorsFile(path: folder.file("c"))
        let kept = file.tensors.filter { $0.name != "adam.second.pins.learned.weight" }
        try SafetensorsFile.write(
            path: folder.file("d"), tensors: kept.map { ($0.name, $0.shape, file.elements(of: $0)) },
            metadata: file.metadata)
        let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(path: folder.file("d")) }
        #expect(
            error.map {
                "\($0)".contains("adam.second.pins.learned.weight: expected shape [34, 3], found no such tensor")
            } == true)
    }

    @Test("the number of threads changes no bit", arguments: InstructionSet.available)
    func threads(_ set: InstructionSet) throws {
        func train(_ threads: Int) throws -> [UInt32] {
            let fixture = Fixture(
                .init(targets: 210, hidden: 700, pins: 1900, pairs: 90, shared: 70, featureWidth: 33), width: 19,
                hidden: 35, kernels: Kernels(instructionSet: set, team: ThreadTeam(threads: threads)))
            for _ in 0..<3 { _ = try fixture.step() }
            return fixture.bits
        }
        let one = try train(1)
        for threads in [2, 3] { #expect(try train(threads) == one, "\(threads) threads") }
    }

    @Test("first vectors hang on seed and pin alone and are about 0.1 long; an unknown pin has zeros")
    func initialised() {
        let vectors = LearnedVectors.initialised(pinCount: 400, width: 16, seed: 5)
        let fewer = LearnedVectors.initialised(pinCount: 30, width: 16, seed: 5)
        let rows = Matrix(vectors.values, rows: 400, columns: 16)
        #expect(rows.rows(0..<30).bits == Matrix(fewer.values, rows: 30, columns: 16).bits)
        #expect(
            rows.bits
                != Matrix(LearnedVectors.initialised(pinCount: 400, width: 16, seed: 6).values, rows: 400, columns: 16)
                .bits)
        let squares = rows.doubles.joined().reduce(0) { $0 + $1 * $1 } / 400
        #expect(abs(squares.squareRoot() - 0.1) < 0.005)
        let buffer = FloatBuffer(count: 3 * 18)
        let inputs = Matrix(buffer, rows: 3, columns: 18)
        inputs[1, 1] = 7
        inputs[1, 17] = 7
        [399, 400, 0].withUnsafeBufferPointer { vectors.write(pins: $0, into: inputs) }
        #expect(inputs.columns(2..<18).rows(0..<1).bits == rows.rows(399..<400).bits)
        #expect(inputs.rows(1..<2).doubles == [[0, 7] + Array(repeating: 0, count: 16)])
        #expect(inputs.columns(2..<18).rows(2..<3).bits == rows.rows(0..<1).bits)
    }
}
