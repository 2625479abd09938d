import Glibc

extension ScalarKernels {
    /// The mean cross entropy of the positive among its pair's candidates; overwrites all gradients.
    package static func softmaxLoss(_ problem: SoftmaxProblem) -> SoftmaxResult {
        let (shared, own) = (problem.shared, problem.own)
        for gradient in [shared.dQueries, shared.dPositives, shared.dNegatives, own.dNegatives] { zero(gradient) }
        let pairs = shared.queries.rows
        var result = SoftmaxResult(loss: 0, negativeShare: 0)
        for pair in 0..<pairs {
            let candidates = candidates(of: pair, problem)
            let top = candidates.map(\.logit).max() ?? 0
            let total = candidates.reduce(0) { $0 + exp($1.logit - top) }
            for (index, candidate) in candidates.enumerated() {
                let probability = exp(candidate.logit - top) / total
                // The first is the positive.
                result.loss += index == 0 ? (log(total) + top - candidate.logit) / Double(pairs) : 0
                result.negativeShare += index == 0 ? 0 : probability / Double(pairs)
                let derivative = (index == 0 ? probability - 1 : probability) / Double(pairs)
                addGradient(shared, pair, candidate, Float(derivative) / problem.temperature)
            }
        }
        return result
    }

    private struct Candidate {
        let rows: Matrix
        let gradients: Matrix
        let row: Int
        let logit: Double
    }

    private static func candidates(of pair: Int, _ problem: SoftmaxProblem) -> [Candidate] {
        let (shared, own) = (problem.shared, problem.own)
        func candidate(_ rows: Matrix, _ gradients: Matrix, _ row: Int, _ offset: Float) -> Candidate {
            let score = dot(shared.queries, pair, rows, row)
            return Candidate(
                rows: rows, gradients: gradients, row: row,
                logit: Double(score) / Double(problem.temperature) + Double(offset))
        }
        func isSkipped(_ id: Int32) -> Bool {
            unsafe id == shared.queryIDs[pair] || id == shared.positiveIDs[pair]
        }
        var candidates = [
            candidate(shared.positives, shared.dPositives, pair, unsafe problem.positiveOffsets[pair])
        ]
        for row in 0..<shared.negatives.rows where !isSkipped(unsafe shared.negativeIDs[row]) {
            candidates.append(candidate(shared.negatives, shared.dNegatives, row, unsafe problem.sharedOffsets[row]))
        }
        let perPair = own.negativesPerPair
        for row in pair * perPair..<(pair + 1) * perPair where !isSkipped(unsafe own.negativeIDs[row]) {
            candidates.append(candidate(own.negatives, own.dNegatives, row, unsafe problem.ownOffsets[row]))
        }
        return candidates
    }

    /// ∂/∂q = derivative · c, ∂/∂c = derivative · q.
    private static func addGradient(_ shared: PairProblem, _ pair: Int, _ candidate: Candidate, _ derivative: Float) {
        for column in 0..<shared.queries.columns {
            shared.dQueries[pair, column] += derivative * candidate.rows[candidate.row, column]
            candidate.gradients[candidate.row, column] += derivative * shared.queries[pair, column]
        }
    }
}
