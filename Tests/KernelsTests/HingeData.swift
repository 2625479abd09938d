import Kernels

/// A max-margin problem with all that it points at, and its loss in Double.
final class HingeData {
    let queries, positives, negatives: Island
    let dQueries, dPositives, dNegatives: Island
    let queryIDs, positiveIDs, negativeIDs: [Int32]
    let margin: Float

    init(
        queries: Island, queryIDs: [Int32], positives: Island, positiveIDs: [Int32], negatives: Island,
        negativeIDs: [Int32], margin: Float
    ) {
        (self.queries, self.positives, self.negatives) = (queries, positives, negatives)
        (self.queryIDs, self.positiveIDs, self.negativeIDs) = (queryIDs, positiveIDs, negativeIDs)
        self.margin = margin
        dQueries = Island(unset: queries.matrix.rows, queries.matrix.columns, gap: 5)
        dPositives = Island(unset: positives.matrix.rows, positives.matrix.columns, gap: 0)
        dNegatives = Island(unset: negatives.matrix.rows, negatives.matrix.columns, gap: 2)
    }

    convenience init(
        queries: [[Float]], queryIDs: [Int32], positives: [[Float]], positiveIDs: [Int32], negatives: [[Float]],
        negativeIDs: [Int32], margin: Float
    ) {
        func island(_ rows: [[Float]]) -> Island { Island(rows.count, rows[0].count) { rows[$0][$1] } }
        self.init(
            queries: island(queries), queryIDs: queryIDs, positives: island(positives), positiveIDs: positiveIDs,
            negatives: island(negatives), negativeIDs: negativeIDs, margin: margin)
    }

    /// Ids below `ids`, so few that many negatives are skipped.
    convenience init(
        pairs: Int, negatives: Int, width: Int, margin: Float, ids: Int32, random: inout Numbers,
        element: (inout Numbers) -> Float
    ) {
        func numbers(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32.random(in: 0..<ids, using: &random) } }
        func island(_ rows: Int) -> Island { Island(rows, width) { _, _ in element(&random) } }
        self.init(
            queries: island(pairs), queryIDs: numbers(pairs), positives: island(pairs), positiveIDs: numbers(pairs),
            negatives: island(negatives), negativeIDs: numbers(negatives), margin: margin)
    }

    /// The same inputs, and the same content in the gradients.
    func twin() -> HingeData {
        let twin = HingeData(
            queries: queries.copy(), queryIDs: queryIDs, positives: positives.copy(), positiveIDs: positiveIDs,
            negatives: negatives.copy(), negativeIDs: negativeIDs, margin: margin)
        for (from, to) in [(dQueries, twin.dQueries), (dPositives, twin.dPositives)] {
            for row in 0..<from.matrix.rows {
                for column in 0..<from.matrix.columns { to.matrix[row, column] = from.matrix[row, column] }
            }
        }
        return twin
    }

    /// Gradients that the loss with own negatives will add to.
    func setPairGradients(to value: Float) {
        for matrix in [dQueries.matrix, dPositives.matrix] {
            for row in 0..<matrix.rows {
                for column in 0..<matrix.columns { matrix[row, column] = value }
            }
        }
    }

    func run<Result>(_ body: (PairProblem) -> Result) -> Result {
        // One more id, so that no array is empty and without an address.
        (queryIDs + [-1]).withUnsafeBufferPointer { queryIDs in
            (positiveIDs + [-1]).withUnsafeBufferPointer { positiveIDs in
                (negativeIDs + [-1]).withUnsafeBufferPointer { negativeIDs in
                    body(
                        PairProblem(
                            queries: queries.matrix, queryIDs: queryIDs.baseAddress!, positives: positives.matrix,
                            positiveIDs: positiveIDs.baseAddress!, negatives: negatives.matrix,
                            negativeIDs: negativeIDs.baseAddress!, dQueries: dQueries.matrix,
                            dPositives: dPositives.matrix, dNegatives: dNegatives.matrix))
                }
            }
        }
    }

    /// The mean hinge of other queries, positives and negatives (densely, in this order).
    func loss(_ inputs: [[Double]], isOwn: Bool) -> Double {
        let all = arguments(inputs, isOwn: isOwn)
        return all.reduce(0) { $0 + max(0, $1) } / Double(all.count)
    }

    /// How near an argument comes to 0, where the loss has a kink.
    func nearestTie(_ inputs: [[Double]], isOwn: Bool) -> Double {
        arguments(inputs, isOwn: isOwn).map { abs($0) }.min() ?? 0
    }

    private func arguments(_ inputs: [[Double]], isOwn: Bool) -> [Double] {
        let width = queries.matrix.columns
        let own = negativeIDs.count / queryIDs.count
        func dot(_ pair: Int, _ part: Int, _ row: Int) -> Double {
            (0..<width).reduce(0) { $0 + inputs[0][pair * width + $1] * inputs[part][row * width + $1] }
        }
        return queryIDs.indices.flatMap { pair in
            (isOwn ? pair * own..<(pair + 1) * own : 0..<negativeIDs.count)
                .filter { negativeIDs[$0] != queryIDs[pair] && negativeIDs[$0] != positiveIDs[pair] }
                .map { dot(pair, 2, $0) - dot(pair, 1, pair) + Double(margin) }
        }
    }
}
