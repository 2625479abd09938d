extension ScalarKernels {
    /// Every pair against every shared negative; overwrites all three gradients.
    package static func hingeLoss(_ problem: PairProblem, margin: Float) -> HingeResult {
        zero(problem.dQueries)
        zero(problem.dPositives)
        return hinge(problem, margin) { _ in 0..<problem.negatives.rows }
    }

    /// Every pair b against its own negatives, rows b·H ..< (b+1)·H; adds into the gradients of queries
    /// and positives.
    package static func hingeLossPerPair(_ problem: PairProblem, margin: Float) -> HingeResult {
        let own = problem.queries.rows == 0 ? 0 : problem.negatives.rows / problem.queries.rows
        return hinge(problem, margin) { pair in pair * own..<(pair + 1) * own }
    }

    private static func hinge(
        _ problem: PairProblem, _ margin: Float, negativesOf: (Int) -> Range<Int>
    ) -> HingeResult {
        var active: [(pair: Int, negative: Int)] = []
        var sum = 0.0
        var counted = 0
        for pair in 0..<problem.queries.rows {
            let positiveScore = dot(problem.queries, pair, problem.positives, pair)
            for negative in negativesOf(pair) {
                let id = unsafe problem.negativeIDs[negative]
                if unsafe id == problem.queryIDs[pair] || id == problem.positiveIDs[pair] { continue }
                counted += 1
                let argument = dot(problem.queries, pair, problem.negatives, negative) - positiveScore + margin
                if argument <= 0 { continue }
                sum += Double(argument)
                active.append((pair, negative))
            }
        }
        zero(problem.dNegatives)
        addGradients(problem, active, share: counted == 0 ? 0 : 1 / Float(counted))
        return HingeResult(loss: counted == 0 ? 0 : sum / Double(counted), active: active.count, counted: counted)
    }

    /// ∂/∂q = n − p, ∂/∂p = −q, ∂/∂n = q for each active (pair, negative).
    private static func addGradients(
        _ problem: PairProblem, _ active: [(pair: Int, negative: Int)], share: Float
    ) {
        for (pair, negative) in active {
            for column in 0..<problem.queries.columns {
                let q = problem.queries[pair, column]
                let difference = problem.negatives[negative, column] - problem.positives[pair, column]
                problem.dQueries[pair, column] += difference * share
                problem.dPositives[pair, column] -= q * share
                problem.dNegatives[negative, column] += q * share
            }
        }
    }

    static func dot(_ a: Matrix, _ row: Int, _ b: Matrix, _ other: Int) -> Float {
        var sum: Float = 0
        for column in 0..<a.columns {
            sum += a[row, column] * b[other, column]
        }
        return sum
    }

    static func zero(_ matrix: Matrix) {
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns {
                matrix[row, column] = 0
            }
        }
    }
}
