import Basics
import Configuration
import Kernels
import Minibatches

/// Training, one minibatch at a time: forward, loss, backward, update.
///
/// Owns all working memory, which grows to the largest batch seen; after that a step allocates nothing. The result
/// does not depend on the number of the kernels' threads, bit for bit. Not for use by two threads at once.
public final class Learner {
    public let parameters: Parameters
    public let adam: Adam
    /// The pins' own vectors, where the model has them.
    public let learned: LearnedVectors?
    /// Of the last batch.
    package let gradients: Parameters
    private let kernels: Kernels
    private let network: Network
    private let loss: RankingLoss
    private let dEmbeddingBuffer = FloatBuffer()
    private let dLearnedBuffer = FloatBuffer()

    /// - Parameters:
    ///   - parameters: changed by every step.
    ///   - adam: changed by every step; nil starts afresh.
    ///   - learned: changed by every step; there where `parameters.shape.learnedWidth` is not 0.
    ///   - training: its loss counts here; pace and length are the caller's.
    ///   - pooling: how neighbours' messages are put together.
    public init(
        parameters: Parameters, adam: Adam? = nil, learned: LearnedVectors? = nil, training: TrainingSettings,
        pooling: WalkSettings.Pooling = .importance, kernels: Kernels
    ) {
        self.parameters = parameters
        self.adam = adam ?? Adam(shape: parameters.shape)
        self.learned = learned
        self.kernels = kernels
        precondition(
            (learned?.width ?? 0) == parameters.shape.learnedWidth,
            "Learner: learned vectors of width \(learned?.width ?? 0) for \(parameters.shape)")
        precondition(
            self.adam.first.shape == parameters.shape,
            "Learner: Adam's memory is of \(self.adam.first.shape), the parameters of \(parameters.shape)")
        gradients = Parameters(shape: parameters.shape)
        network = Network(parameters, gradients: gradients, pooling: pooling, kernels: kernels)
        loss = RankingLoss(training, kernels: kernels)
    }

    /// One step of training.
    ///
    /// - Parameters:
    ///   - batch: its lists and rows in range, as the codec checks.
    ///   - features: pinCount × `shape.inputWidth`, what layer 1 reads of the batch's pins, row by row.
    ///   - learningRate: of this step; 0 or more.
    /// - Throws: `LearningError.notFinite`; then parameters, learned vectors and Adam's memory are as before the call.
    public func step(_ batch: Minibatch, features: Matrix, learningRate: Float) throws(LearningError) -> StepResult {
        precondition(learningRate >= 0 && learningRate.isFinite, "Learner: learning rate \(learningRate)")
        let dLearned = learned.map { dLearnedBuffer.matrix(rows: batch.pinCount, columns: $0.width) }
        let result = try computeGradients(batch, features: features, dFeatures: dLearned)
        if let learned, let dLearned {
            unsafe learned.update(
                pins: UnsafeBufferPointer(batch.pins.elements), gradients: dLearned, learningRate: learningRate,
                kernels: kernels)
        }
        adam.update(parameters, gradients: gradients, learningRate: learningRate, kernels: kernels)
        return result
    }

    /// The embeddings of the last batch's targets, targetCount × d, valid until the next call.
    public var embeddings: Matrix { network.embeddings }

    /// The embeddings of the batch's targets, targetCount × d, valid until the next call.
    public func forward(_ batch: Minibatch, features: Matrix) -> Matrix {
        network.forward(batch, features: features)
    }

    /// Forward, loss and backward, without the update: leaves `gradients`.
    ///
    /// - Parameter dFeatures: pinCount rows, receives the gradient of as many of the features' last columns; nil leaves it
    ///   uncomputed. Those that are learned count in the gradient's norm.
    package func computeGradients(
        _ batch: Minibatch, features: Matrix, dFeatures: Matrix? = nil
    ) throws(LearningError) -> StepResult {
        let embeddings = network.forward(batch, features: features)
        let squares = unsafe kernels.sumOfSquares(embeddings.base, count: embeddings.rows * embeddings.columns)
        // |a·b| is at most the sum of all squares: if that is a float, no score overflows.
        try requireFinite(Double(Float(squares)), "embeddings", batch)
        let dEmbeddings = dEmbeddingBuffer.matrix(rows: embeddings.rows, columns: embeddings.columns)
        let ranking = loss.run(embeddings, batch: batch, dEmbeddings: dEmbeddings)
        try requireFinite(ranking.loss, "loss", batch)
        network.backward(dEmbeddings: dEmbeddings, batch: batch, features: features, dFeatures: dFeatures)
        return StepResult(
            loss: ranking.loss, sharedLoss: ranking.shared, hardLoss: ranking.hard, activeShare: ranking.activeShare,
            sharedActiveShare: ranking.sharedActiveShare, hardActiveShare: ranking.hardActiveShare,
            gradientNorm: try gradientNorm(batch, dFeatures))
    }

    /// ‖gradients‖₂ over all tensors and learned vectors.
    private func gradientNorm(_ batch: Minibatch, _ dFeatures: Matrix?) throws(LearningError) -> Double {
        var total = 0.0
        if let dFeatures, let learned, dFeatures.columns == learned.width {
            total = unsafe kernels.sumOfSquares(dFeatures.base, count: dFeatures.rows * dFeatures.columns)
            try requireFinite(Double(Float(total)), "gradient of \(LearnedVectors.tensorNames[0])", batch)
        }
        // From the loss inwards: the first that overflowed is named, not those it spoilt.
        for spec in gradients.tensors.reversed() {
            let squares = unsafe kernels.sumOfSquares(gradients.values.base + spec.offset, count: spec.count)
            // Adam keeps a mean of the squares: each must be a float.
            try requireFinite(Double(Float(squares)), "gradient of \(spec.name)", batch)
            total += squares
        }
        return total.squareRoot()
    }

    private func requireFinite(
        _ value: Double, _ tensor: @autoclosure () -> String, _ batch: Minibatch
    ) throws(LearningError) {
        guard value.isFinite else {
            throw .notFinite(
                tensor: tensor(), step: adam.stepCount + 1, batch: batch.batchIndex, found: value.isNaN ? "nan" : "inf")
        }
    }

    /// Every block of working memory by its address: a change means an allocation.
    package var workspace: [UInt] {
        let floats = network.buffers + loss.buffers + [dEmbeddingBuffer, dLearnedBuffer]
        let frames = network.frames + loss.frames
        return floats.map { unsafe UInt(bitPattern: $0.base) }
            + frames.map { unsafe UInt(bitPattern: $0.bytes.baseAddress) }
    }
}

/// What one step did.
public struct StepResult: Equatable, Sendable {
    /// `sharedLoss` + `hardLoss`.
    public let loss: Double
    /// Mean over (pair, shared negative); with the softmax, over pairs.
    public let sharedLoss: Double
    /// Mean over (pair, own hard negative); 0 when there are none, and with the softmax.
    public let hardLoss: Double
    /// Share of all counted (pair, negative) whose loss is above 0; with the softmax, the probability that a pair's
    /// negatives get together, in the mean.
    public let activeShare: Double
    /// The same among the shared negatives; with the softmax, `activeShare`.
    public let sharedActiveShare: Double
    /// The same among the hard negatives; nil when there are none, and with the softmax.
    public let hardActiveShare: Double?
    /// ‖gradient‖₂ over all parameters.
    public let gradientNorm: Double
}

/// Why a step could not be taken.
public enum LearningError: Error, Equatable, CustomStringConvertible {
    /// A number that must be finite is not; nothing was changed.
    case notFinite(tensor: String, step: Int, batch: UInt64, found: String)

    public var description: String {
        switch self {
        case .notFinite(let tensor, let step, let batch, let found):
            "model: step \(step), batch \(batch): \(tensor): expected finite numbers, found \(found). "
                + "Lower training.learning_rate, or look for extreme values in the features."
        }
    }
}
