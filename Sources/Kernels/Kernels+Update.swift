extension Kernels {
    /// One Adam step with bias correction over `count` parameters.
    ///
    /// - Parameters:
    ///   - first: running mean of the gradients, 0 at first.
    ///   - second: running mean of their squares, 0 at first.
    ///   - step: t, from 1.
    /// - Source: Kingma & Ba 2015, arXiv 1412.6980, Alg. 1.
    public func adamStep(
        parameters: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>,
        first: UnsafeMutablePointer<Float>, second: UnsafeMutablePointer<Float>, count: Int,
        learningRate: Float, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, step: Int
    ) {
        require(count >= 0, "adamStep: \(count) parameters")
        let rule = AdamRule(learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon, step: step)
        metered(.rows("Adam", count, 1, passes: 7)) {
            inBlocks(of: 16_384, count) { range in
                let at = range.lowerBound
                unsafe loops.adamStep(
                    parameters + at, gradients + at, first + at, second + at, range.count,
                    rule.learningRate, rule.beta1, rule.beta2, rule.epsilon, rule.firstScale, rule.secondScale)
            }
        }
    }

    /// Σ x², for a norm.
    public func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Double {
        require(count >= 0, "sumOfSquares: \(count) elements")
        return metered(.rows("sum of squares", count, 1, passes: 1)) { unsafe loops.sumOfSquares(x, count) }
    }
}
