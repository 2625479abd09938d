import CPlatform

extension Kernels {
    /// Rows asked for before their turn.
    private static let rowsAhead = 8

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

    /// One Adam step of some rows, each by its own number of steps, which goes up by 1.
    ///
    /// - Parameters:
    ///   - rows: distinct rows of `parameters`: the caller's word.
    ///   - gradients: one row for each of `rows`.
    ///   - first, second: of the shape of `parameters`.
    ///   - stepCounts: steps that each row of `parameters` has taken; whole numbers.
    public func adamRows(
        _ rows: UnsafeBufferPointer<UInt32>, parameters: Matrix, gradients: Matrix, first: Matrix, second: Matrix,
        stepCounts: UnsafeMutablePointer<Float>, learningRate: Float, beta1: Float = 0.9, beta2: Float = 0.999,
        epsilon: Float = 1e-8
    ) {
        require(
            gradients.rows == rows.count && gradients.columns == parameters.columns
                && first.shape == parameters.shape && second.shape == parameters.shape,
            "adamRows: \(rows.count) rows, parameters \(parameters.shape), gradients \(gradients.shape), "
                + "first \(first.shape), second \(second.shape)")
        metered(.rows("Adam of rows", rows.count, parameters.columns, passes: 7)) {
            inBlocks(of: 512, rows.count) { range in
                for i in range {
                    let next = unsafe min(Int(rows[min(i + Self.rowsAhead, rows.count - 1)]), parameters.rows - 1)
                    parameters.prefetch(row: next)
                    first.prefetch(row: next)
                    second.prefetch(row: next)
                    let row = unsafe Int(rows[i])
                    require(row < parameters.rows, "adamRows: row \(row) of \(parameters.rows)")
                    unsafe stepCounts[row] += 1
                    let rule = AdamRule(
                        learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
                        step: unsafe Int(stepCounts[row]))
                    unsafe loops.adamStep(
                        parameters.base + row * parameters.stride, gradients.base + i * gradients.stride,
                        first.base + row * first.stride, second.base + row * second.stride, parameters.columns,
                        rule.learningRate, rule.beta1, rule.beta2, rule.epsilon, rule.firstScale, rule.secondScale)
                }
            }
        }
    }

    /// Σ x², for a norm.
    public func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Double {
        require(count >= 0, "sumOfSquares: \(count) elements")
        return metered(.rows("sum of squares", count, 1, passes: 1)) { unsafe loops.sumOfSquares(x, count) }
    }
}

extension Matrix {
    /// Asks for the cache lines of a row.
    @inline(__always)
    fileprivate func prefetch(row: Int) {
        var column = 0
        while column < columns {
            unsafe platform_prefetch(base + row * stride + column)
            column += 16
        }
    }
}
