import Glibc

/// The numbers of one Adam step, with its bias corrections.
///
/// - Source: Kingma & Ba, "Adam: a method for stochastic optimization", 2015, arXiv 1412.6980, Alg. 1.
package struct AdamRule {
    package var learningRate: Float
    package var beta1: Float
    package var beta2: Float
    package var epsilon: Float
    /// 1 / (1 − β₁ᵗ)
    package var firstScale: Float
    /// 1 / (1 − β₂ᵗ)
    package var secondScale: Float

    /// - Parameter step: t, from 1.
    package init(learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, step: Int) {
        require(step >= 1, "adamStep: step \(step), the first is 1")
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        firstScale = Float(1 / (1 - pow(Double(beta1), Double(step))))
        secondScale = Float(1 / (1 - pow(Double(beta2), Double(step))))
    }
}
