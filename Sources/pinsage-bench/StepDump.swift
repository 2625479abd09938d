import Artifacts
import Foundation
import Kernels
import Minibatches
import PinSageModel

/// One batch with the model's parameters, loss and gradients, for another program to compute the same.
struct StepDump {
    private let fixture: StepFixture

    init(_ fixture: StepFixture) { self.fixture = fixture }

    /// Writes `.npy` files and `step.json`. Tensors are `parameter.NAME.npy` and `gradient.NAME.npy`.
    func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        guard let batch = fixture.batches.first else { preconditionFailure("StepDump: no batch") }
        let kernels = Kernels()
        let learner = fixture.learner(kernels)
        let buffer = FloatBuffer()
        let inputs = fixture.inputs(batch, with: kernels, into: buffer)
        let result = try learner.computeGradients(batch, features: inputs)
        try write(fixture.table, "\(folder)/table.npy")
        for spec in learner.parameters.tensors {
            try write(learner.parameters.matrix(spec), "\(folder)/parameter.\(spec.name).npy", shape: spec.shape)
            try write(learner.gradients.matrix(spec), "\(folder)/gradient.\(spec.name).npy", shape: spec.shape)
        }
        for (layer, lists) in batch.neighborhoods.enumerated() {
            try write(lists.offsets, "\(folder)/offsets.\(layer + 1).npy")
            try write(lists.neighbors, "\(folder)/neighbors.\(layer + 1).npy")
            try writeNumpy(
                path: "\(folder)/weights.\(layer + 1).npy", shape: [lists.weights.count], lists.weights.array)
        }
        let pins = batch.pins.array.map { Int32(bitPattern: $0) }
        try writeNumpy(path: "\(folder)/pins.npy", shape: [pins.count], pins)
        let boardCounts = batch.boardCounts.array.map { Int32(bitPattern: $0) }
        try writeNumpy(path: "\(folder)/board_counts.npy", shape: [pins.count], boardCounts)
        try write(batch.queries, "\(folder)/queries.npy")
        try write(batch.positives, "\(folder)/positives.npy")
        try write(batch.sharedNegatives, "\(folder)/shared_negatives.npy")
        let facts = Facts(
            source: fixture.source, targetCount: batch.targetCount, hiddenCount: batch.hiddenCount,
            temperature: fixture.settings.training.temperature, logDegree: fixture.settings.features.logDegree,
            loss: result.loss)
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        try encoder.encode(facts).write(to: URL(fileURLWithPath: "\(folder)/step.json"))
    }

    private struct Facts: Encodable {
        let source: String
        let targetCount: Int
        let hiddenCount: Int
        let temperature: Double
        let logDegree: Double
        /// The softmax's.
        let loss: Double
    }

    private func write(_ matrix: Matrix, _ path: String, shape: [Int]? = nil) throws {
        let elements = unsafe UnsafeBufferPointer(start: matrix.base, count: matrix.rows * matrix.columns)
        try unsafe writeNumpy(path: path, shape: shape ?? [matrix.rows, matrix.columns], elements)
    }

    private func write(_ rows: FrameArray<Int32>, _ path: String) throws {
        try writeNumpy(path: path, shape: [rows.count], rows.array)
    }
}
