import Kernels

/// Adam's memory: running means of the gradients and of their squares, and how many steps they span.
///
/// - Source: Kingma & Ba 2015, arXiv 1412.6980, Alg. 1; β and ε are those of the paper.
public final class Adam {
    public static let beta1: Float = 0.9
    public static let beta2: Float = 0.999
    public static let epsilon: Float = 1e-8

    public let first: Parameters
    public let second: Parameters
    /// Steps taken: t of the last one.
    public private(set) var stepCount: Int

    /// Fresh memory of a model that has taken no step.
    public init(shape: ModelShape) {
        first = Parameters(shape: shape)
        second = Parameters(shape: shape)
        stepCount = 0
    }

    /// Memory to go on from, as a checkpoint holds it.
    init(first: Parameters, second: Parameters, stepCount: Int) {
        precondition(
            first.shape == second.shape && stepCount >= 0, "Adam: \(first.shape), \(second.shape), step \(stepCount)")
        self.first = first
        self.second = second
        self.stepCount = stepCount
    }

    /// Takes one step with bias correction; changes `parameters` and this memory.
    package func update(_ parameters: Parameters, gradients: Parameters, learningRate: Float, kernels: Kernels) {
        precondition(
            parameters.shape == first.shape && gradients.shape == first.shape,
            "Adam: memory of \(first.shape), parameters \(parameters.shape), gradients \(gradients.shape)")
        stepCount += 1
        // Gaps between tensors are 0 in all four, and stay so.
        unsafe kernels.adamStep(
            parameters: parameters.values.base, gradients: gradients.values.base, first: first.values.base,
            second: second.values.base, count: parameters.values.count, learningRate: learningRate,
            beta1: Self.beta1, beta2: Self.beta2, epsilon: Self.epsilon, step: stepCount)
    }
}
