/// A loss of all pairs against all shared negatives, in blocks of rows: a block's scores become the derivative by score
/// in place and meet both gradients' products while they are in the cache, so the B × S scores are never there at once.
struct SharedNegatives {
    /// Turns a block of scores q·n into the loss's derivative by score, times what `gradientScale` gives back, and
    /// writes each pair's sum of them.
    ///
    /// Takes the block's pairs, their scores (densely), and where the sums of the first of them go.
    typealias Weigh = (Range<Int>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> LossSums

    private let problem: PairProblem
    private let kernels: Kernels
    private let segment: (count: Int, rows: Int)
    /// Rows of a block: at most 256 KB of scores.
    private let blockRows: Int

    init(_ problem: PairProblem, _ kernels: Kernels) {
        self.problem = problem
        self.kernels = kernels
        segment = kernels.segments(problem.queries.rows, atLeast: 64)
        blockRows = max(6, min(96, 65_536 / max(1, problem.negatives.rows) / 6 * 6))
    }

    /// Overwrites the three gradients with those of the mean, times `gradientScale`.
    func run(gradientScale: Float = 1, _ weigh: Weigh) -> LossSums {
        let (pairs, width, negatives) = (problem.queries.rows, problem.queries.columns, problem.negatives)
        let scorePanels = kernels.panelElements(width, negatives.rows)
        let sumPanels = kernels.panelElements(negatives.rows, width)
        let partials = segment.count * negatives.rows * width
        return unsafe kernels.scratch.with(scorePanels + sumPanels + partials + pairs) { base in
            let forScores = unsafe base
            let forSums = unsafe forScores + scorePanels
            let partial = unsafe forSums + sumPanels
            let active = unsafe partial + partials
            unsafe kernels.pack(negatives, isTransposed: true, into: forScores)
            unsafe kernels.pack(negatives, isTransposed: false, into: forSums)
            return unsafe withUnsafeTemporaryAllocation(of: LossSums.self, capacity: segment.count) { segments in
                kernels.team.run(chunks: segment.count) { index in
                    unsafe segments[index] = unsafe runSegment(index, forScores, forSums, partial, active, weigh)
                }
                let sums = unsafe segments.reduce(into: LossSums()) { $0.add($1) }
                unsafe finish(share: sums.share * gradientScale, partial, active)
                return sums
            }
        }
    }

    /// One segment of the pairs: raw sums into dQueries and into the segment's own part of dNegatives.
    private func runSegment(
        _ index: Int, _ forScores: UnsafePointer<Float>, _ forSums: UnsafePointer<Float>,
        _ partials: UnsafeMutablePointer<Float>, _ active: UnsafeMutablePointer<Float>, _ weigh: Weigh
    ) -> LossSums {
        let (width, negatives) = (problem.queries.columns, problem.negatives.rows)
        let partial = unsafe Matrix(
            base: partials + index * negatives * width, rows: negatives, columns: width, stride: width)
        let end = min((index + 1) * segment.rows, problem.queries.rows)
        var sums = LossSums()
        var row = index * segment.rows
        unsafe (partial.base).update(repeating: 0, count: negatives * width)
        unsafe kernels.scratch.with(blockRows * negatives) { scores in
            while row < end {
                let rows = row..<min(row + blockRows, end)
                let block = unsafe Matrix(base: scores, rows: rows.count, columns: negatives, stride: negatives)
                let queries = problem.queries.rows(rows)
                unsafe kernels.multiplyBlock(queries, forScores, into: block, false, .none)
                unsafe sums.add(weigh(rows, scores, active + row))
                unsafe kernels.multiplyBlock(block, forSums, into: problem.dQueries.rows(rows), false, .none)
                kernels.addTransposedProduct(block, queries, into: partial)
                row = rows.upperBound
            }
        }
        return sums
    }

    /// Adds up the segments' gradients in order and turns sums into the gradient of the mean.
    private func finish(share: Float, _ partials: UnsafePointer<Float>, _ active: UnsafePointer<Float>) {
        let (q, p) = (problem.queries, problem.positives)
        let (dQ, dP) = (problem.dQueries, problem.dPositives)
        kernels.inBlocks(of: 256, q.rows) { rows in
            let row = rows.lowerBound
            unsafe kernels.loops.finishPairs(
                q.base + row * q.stride, q.stride, p.base + row * p.stride, p.stride, rows.count, q.columns,
                active + row, share, dQ.base + row * dQ.stride, dQ.stride, dP.base + row * dP.stride, dP.stride)
        }
        unsafe kernels.addPartials(
            partials, segment.count, q.columns, scale: share, into: problem.dNegatives, accumulate: false)
    }
}
