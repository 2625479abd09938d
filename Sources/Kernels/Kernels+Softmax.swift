import Glibc

extension Kernels {
    /// The mean over pairs of `log Σ_c exp(logit c) − logit p`, c over the positive and every negative that is not
    /// skipped; overwrites all gradients, those of queries and positives through both problems' views.
    ///
    /// A logit that is not finite makes the loss NaN.
    ///
    /// - Source: sampled softmax, Jean et al. 2015, arXiv 1412.2007, with uniform negatives.
    public func softmaxLoss(_ problem: SoftmaxProblem) -> SoftmaxResult {
        let (shared, own) = (problem.shared, problem.own)
        requireShapes(shared, "softmaxLoss")
        requireShapes(own, "softmaxLoss: own negatives")
        requireOwn(own, "softmaxLoss")
        require(own.queries.shape == shared.queries.shape, "softmaxLoss: \(own.queries.shape) own queries")
        require(problem.temperature > 0, "softmaxLoss: temperature \(problem.temperature)")
        let (pairs, scale) = (shared.queries.rows, 1 / problem.temperature)
        return metered(.product("softmax", pairs, 3 * shared.queries.columns, shared.negatives.rows)) {
            unsafe scratch.with(own.negatives.rows) { ownWeights in
                let sums = unsafe SharedNegatives(shared, self).run(gradientScale: scale) { rows, scores, active in
                    unsafe weigh(rows, problem, scale, scores, active, ownWeights)
                }
                if own.negatives.rows > 0 {
                    unsafe addOwnGradients(own, weights: ownWeights, share: sums.share * scale)
                }
                return SoftmaxResult(
                    loss: sums.meanLoss, negativeShare: pairs == 0 ? 0 : sums.active / Double(pairs))
            }
        }
    }

    /// Turns the pairs' scores into probabilities: those of the shared negatives in place, those of the own ones into
    /// `ownWeights`.
    ///
    /// - Parameter active: gets the shared negatives' probabilities together, pair by pair: what the positive's
    ///   derivative lacks through them. Through its own ones it comes with their gradients.
    private func weigh(
        _ rows: Range<Int>, _ problem: SoftmaxProblem, _ scale: Float, _ scores: UnsafeMutablePointer<Float>,
        _ active: UnsafeMutablePointer<Float>, _ ownWeights: UnsafeMutablePointer<Float>
    ) -> LossSums {
        let (q, p, n) = (problem.shared.queries, problem.shared.positives, problem.own.negatives)
        let (count, own) = (problem.shared.negatives.rows, problem.own.negativesPerPair)
        var sums = LossSums(loss: 0, active: 0, counted: rows.count)
        unsafe loops.rowDots(
            q.base + rows.lowerBound * q.stride, q.stride, p.base + rows.lowerBound * p.stride, p.stride, rows.count,
            q.columns, active)
        for (index, pair) in rows.enumerated() {
            let (line, ownLine) = unsafe (scores + index * count, ownWeights + pair * own)
            let (query, positive) = unsafe (problem.shared.queryIDs[pair], problem.shared.positiveIDs[pair])
            unsafe loops.rowDots(
                q.base + pair * q.stride, 0, n.base + pair * own * n.stride, n.stride, own, q.columns, ownLine)
            let logit = unsafe active[index] * scale + problem.positiveOffsets[pair]
            let top = unsafe max(
                logit,
                loops.maskedLogits(
                    line, count, scale, problem.sharedOffsets, problem.shared.negativeIDs, query, positive),
                loops.maskedLogits(
                    ownLine, own, scale, problem.ownOffsets + pair * own, problem.own.negativeIDs + pair * own, query,
                    positive))
            unsafe active[index] = logit
            let positiveSum = unsafe loops.exponentials(active + index, 1, top)
            let sharedSum = unsafe loops.exponentials(line, count, top)
            let ownSum = unsafe loops.exponentials(ownLine, own, top)
            let total = positiveSum + sharedSum + ownSum
            unsafe loops.addScaled(line, 1 / total, count, line, false)
            unsafe loops.addScaled(ownLine, 1 / total, own, ownLine, false)
            unsafe active[index] = sharedSum / total
            sums.loss += log(Double(total)) + Double(top - logit)
            sums.active += Double((sharedSum + ownSum) / total)
        }
        return sums
    }
}
