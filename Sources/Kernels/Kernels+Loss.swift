extension Kernels {
    /// Every pair against every shared negative; overwrites the three gradients.
    ///
    /// - Source: Ying et al. 2018, arXiv 1806.01973, eq. 1, with shared negatives (§3.3).
    public func hingeLoss(_ problem: HingeProblem) -> HingeResult {
        requireShapes(problem, "hingeLoss")
        let (pairs, width, negatives) = (problem.queries.rows, problem.queries.columns, problem.negatives.rows)
        // Scores, and the gradients of queries and of negatives.
        return metered(.product("hinge", pairs, 3 * width, negatives)) { SharedHinge(problem, self).run() }
    }

    /// Every pair against its own H negatives, H = negatives.rows / queries.rows; overwrites the
    /// negatives' gradient and *adds* to those of queries and positives.
    public func hingeLossPerPair(_ problem: HingeProblem) -> HingeResult {
        requireShapes(problem, "hingeLossPerPair")
        let pairs = problem.queries.rows
        require(
            pairs == 0 ? problem.negatives.rows == 0 : problem.negatives.rows % pairs == 0,
            "hingeLossPerPair: \(problem.negatives.rows) negatives for \(pairs) pairs")
        return ownHinge(problem, own: pairs == 0 ? 0 : problem.negatives.rows / pairs)
    }

    private func requireShapes(_ problem: HingeProblem, _ kernel: String) {
        let (q, p, n) = (problem.queries, problem.positives, problem.negatives)
        require(
            p.rows == q.rows && p.columns == q.columns && n.columns == q.columns,
            "\(kernel): queries \(q.shape), positives \(p.shape), negatives \(n.shape)")
        let (dQ, dP, dN) = (problem.dQueries, problem.dPositives, problem.dNegatives)
        require(
            dQ.shape == q.shape && dP.shape == p.shape && dN.shape == n.shape,
            "\(kernel): gradients \(dQ.shape), \(dP.shape), \(dN.shape) of \(q.shape), \(p.shape), \(n.shape)")
    }
}

extension Kernels {
    /// First the hinges of all pairs, because the mean's share hangs on how many count, then gradients.
    private func ownHinge(_ problem: HingeProblem, own: Int) -> HingeResult {
        let (q, p, n) = (problem.queries, problem.positives, problem.negatives)
        let segment = segments(q.rows, atLeast: 64)
        return unsafe scratch.with(n.rows) { active in
            let sums = unsafe withUnsafeTemporaryAllocation(of: HingeSums.self, capacity: segment.count) { sums in
                team.run(chunks: segment.count) { index in
                    let rows = index * segment.rows..<min((index + 1) * segment.rows, q.rows)
                    let (row, first) = (rows.lowerBound, rows.lowerBound * own)
                    var sum = HingeSums()
                    sum.loss = unsafe loops.ownHingeRows(
                        q.base + row * q.stride, q.stride, p.base + row * p.stride, p.stride, rows.count, q.columns,
                        problem.queryIDs + row, problem.positiveIDs + row, n.base + first * n.stride, n.stride,
                        problem.negativeIDs + first, own, problem.margin, active + first, &sum.counted)
                    let flags = unsafe UnsafeBufferPointer(start: active + first, count: rows.count * own)
                    sum.active = unsafe flags.count { $0 == 1 }
                    unsafe sums[index] = sum
                }
                return unsafe sums.reduce(into: HingeSums()) { $0.add($1) }
            }
            unsafe ownGradients(problem, own, active, sums.share)
            return sums.result
        }
    }

    private func ownGradients(_ problem: HingeProblem, _ own: Int, _ active: UnsafePointer<Float>, _ share: Float) {
        let (q, p, n) = (problem.queries, problem.positives, problem.negatives)
        let (dQ, dP, dN) = (problem.dQueries, problem.dPositives, problem.dNegatives)
        inBlocks(of: 64, q.rows) { rows in
            let (row, first) = (rows.lowerBound, rows.lowerBound * own)
            unsafe loops.ownHingeGradients(
                q.base + row * q.stride, q.stride, p.base + row * p.stride, p.stride, rows.count, q.columns,
                n.base + first * n.stride, n.stride, own, active + first, share,
                dQ.base + row * dQ.stride, dQ.stride, dP.base + row * dP.stride, dP.stride,
                dN.base + first * dN.stride, dN.stride)
        }
    }
}
