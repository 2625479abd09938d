extension Kernels {
    /// The mean of `max(0, q·n − q·p + margin)` over every pair and shared negative; overwrites the three gradients.
    /// Where the argument is exactly 0 the derivative is 0.
    ///
    /// - Source: Ying et al. 2018, arXiv 1806.01973, eq. 1, with shared negatives (§3.3).
    public func hingeLoss(_ problem: PairProblem, margin: Float) -> HingeResult {
        requireShapes(problem, "hingeLoss")
        let (q, p, n) = (problem.queries, problem.positives, problem.negatives)
        // Scores, and the gradients of queries and of negatives.
        let sums = metered(.product("hinge", q.rows, 3 * q.columns, n.rows)) {
            unsafe SharedNegatives(problem, self).run { rows, scores, active in
                let row = rows.lowerBound
                var sums = LossSums()
                sums.loss = unsafe loops.hingeRows(
                    q.base + row * q.stride, q.stride, p.base + row * p.stride, p.stride, rows.count, q.columns,
                    problem.queryIDs + row, problem.positiveIDs + row, scores, problem.negativeIDs, n.rows, margin,
                    active, &sums.counted)
                for pair in 0..<rows.count { sums.active += unsafe Double(active[pair]) }
                return sums
            }
        }
        return HingeResult(loss: sums.meanLoss, active: Int(sums.active), counted: sums.counted)
    }

    /// Every pair against its own H negatives, H = negatives.rows / queries.rows; overwrites the
    /// negatives' gradient and *adds* to those of queries and positives.
    public func hingeLossPerPair(_ problem: PairProblem, margin: Float) -> HingeResult {
        requireShapes(problem, "hingeLossPerPair")
        requireOwn(problem, "hingeLossPerPair")
        return ownHinge(problem, own: problem.negativesPerPair, margin)
    }

    func requireOwn(_ problem: PairProblem, _ kernel: String) {
        let pairs = problem.queries.rows
        require(
            pairs == 0 ? problem.negatives.rows == 0 : problem.negatives.rows % pairs == 0,
            "\(kernel): \(problem.negatives.rows) negatives for \(pairs) pairs")
    }

    func requireShapes(_ problem: PairProblem, _ kernel: String) {
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
    private func ownHinge(_ problem: PairProblem, own: Int, _ margin: Float) -> HingeResult {
        let (q, p, n) = (problem.queries, problem.positives, problem.negatives)
        let segment = segments(q.rows, atLeast: 64)
        return unsafe scratch.with(n.rows) { active in
            let sums = unsafe withUnsafeTemporaryAllocation(of: LossSums.self, capacity: segment.count) { sums in
                team.run(chunks: segment.count) { index in
                    let rows = index * segment.rows..<min((index + 1) * segment.rows, q.rows)
                    let (row, first) = (rows.lowerBound, rows.lowerBound * own)
                    var sum = LossSums()
                    sum.loss = unsafe loops.ownHingeRows(
                        q.base + row * q.stride, q.stride, p.base + row * p.stride, p.stride, rows.count, q.columns,
                        problem.queryIDs + row, problem.positiveIDs + row, n.base + first * n.stride, n.stride,
                        problem.negativeIDs + first, own, margin, active + first, &sum.counted)
                    for flag in first..<rows.upperBound * own { sum.active += unsafe Double(active[flag]) }
                    unsafe sums[index] = sum
                }
                return unsafe sums.reduce(into: LossSums()) { $0.add($1) }
            }
            unsafe addOwnGradients(problem, weights: active, share: sums.share)
            return HingeResult(loss: sums.meanLoss, active: Int(sums.active), counted: sums.counted)
        }
    }

    /// dNegatives = share · weight · q; adds share · Σ weight · (n − p) to dQueries and −share · Σ weight · q to
    /// dPositives.
    ///
    /// - Parameter weights: one of each own negative.
    func addOwnGradients(_ problem: PairProblem, weights: UnsafePointer<Float>, share: Float) {
        let own = problem.negativesPerPair
        let (q, p, n) = (problem.queries, problem.positives, problem.negatives)
        let (dQ, dP, dN) = (problem.dQueries, problem.dPositives, problem.dNegatives)
        inBlocks(of: 64, q.rows) { rows in
            let (row, first) = (rows.lowerBound, rows.lowerBound * own)
            unsafe loops.ownHingeGradients(
                q.base + row * q.stride, q.stride, p.base + row * p.stride, p.stride, rows.count, q.columns,
                n.base + first * n.stride, n.stride, own, weights + first, share,
                dQ.base + row * dQ.stride, dQ.stride, dP.base + row * dP.stride, dP.stride,
                dN.base + first * dN.stride, dN.stride)
        }
    }
}
