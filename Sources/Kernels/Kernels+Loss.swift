extension Kernels {
    /// Every pair against every shared negative; overwrites the three gradients.
    ///
    /// - Source: Ying et al. 2018, arXiv 1806.01973, eq. 1, with shared negatives (§3.3).
    public func hingeLoss(_ problem: HingeProblem) -> HingeResult {
        requireShapes(problem, "hingeLoss")
        return ScalarKernels.hingeLoss(problem)
    }

    /// Every pair against its own H negatives, H = negatives.rows / queries.rows; overwrites the
    /// negatives' gradient and *adds* to those of queries and positives.
    public func hingeLossPerPair(_ problem: HingeProblem) -> HingeResult {
        requireShapes(problem, "hingeLossPerPair")
        let pairs = problem.queries.rows
        precondition(
            pairs == 0 ? problem.negatives.rows == 0 : problem.negatives.rows % pairs == 0,
            "hingeLossPerPair: \(problem.negatives.rows) negatives for \(pairs) pairs")
        return ScalarKernels.hingeLossPerPair(problem)
    }

    private func requireShapes(_ problem: HingeProblem, _ kernel: String) {
        let (q, p, n) = (problem.queries, problem.positives, problem.negatives)
        precondition(
            p.rows == q.rows && p.columns == q.columns && n.columns == q.columns,
            "\(kernel): queries \(q.shape), positives \(p.shape), negatives \(n.shape)")
        let (dQ, dP, dN) = (problem.dQueries, problem.dPositives, problem.dNegatives)
        precondition(
            dQ.shape == q.shape && dP.shape == p.shape && dN.shape == n.shape,
            "\(kernel): gradients \(dQ.shape), \(dP.shape), \(dN.shape) of \(q.shape), \(p.shape), \(n.shape)")
    }
}
