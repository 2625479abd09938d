import Foundation

extension EvaluationReport {
    /// Aligned columns for people, several lines.
    public var table: String {
        var lines: [String] = []
        if let pairs {
            lines += pairs.table
            lines.append(
                "\(pairs.pairCount) pairs ranked among \(pinCount) pins by \(metric.rawValue), ties counted half")
            lines += pairs.notes
        }
        if let boards { lines += boards.table }
        if let baselinesMissing { lines.append("no baselines: \(baselinesMissing)") }
        return lines.joined(separator: "\n")
    }
}

extension PairReport {
    private var headings: [String] { rows.first?.metrics.hitRates.map { "hit@\($0.top) %" } ?? [] }

    /// One line for each method; below them the same for cold positives.
    fileprivate var table: [String] {
        var cells = [[""] + headings + ["MRR", "MRR/100", "median rank"]]
        for row in rows {
            let metrics = row.metrics
            let rates = zip(metrics.hitRates, row.hitRateIntervals).map { rate, interval in
                percent(rate.rate) + " (\(percent(interval.lowerBound))–\(percent(interval.upperBound)))"
            }
            let interval = row.reciprocalRankInterval
            let reciprocal =
                fraction(metrics.meanReciprocalRank)
                + " (\(fraction(interval.lowerBound))–\(fraction(interval.upperBound)))"
            cells.append(
                [row.name] + rates
                    + [reciprocal, fraction(metrics.scaledReciprocalRank), String(format: "%.1f", metrics.medianRank)])
        }
        guard let coldPairCount, coldPairCount > 0 else { return aligned(cells) }
        var coldCells = [["cold"] + headings + ["MRR"]]
        for row in rows {
            guard let cold = row.cold else { continue }
            coldCells.append(
                [row.name] + cold.hitRates.map { percent($0.rate) } + [fraction(cold.meanReciprocalRank)])
        }
        return aligned(cells) + aligned(coldCells)
    }

    fileprivate var notes: [String] {
        var notes = ["in brackets: 95 % intervals of \(Bootstrap.resampleCount) resamples of the pairs"]
        if let coldPairCount {
            notes.append(
                "cold: \(coldPairCount) pairs whose positive has at most \(Self.coldBoardsMax) boards in the graph")
        }
        for row in rows {
            guard let coverage = row.coverage else { continue }
            notes.append(
                "coverage, \(row.name): \(percent(coverage)) % of the pins are among the \(Self.coverageTop) nearest of a query"
            )
        }
        if let pairsSharingBoard { notes.append("\(pairsSharingBoard) pairs share a board in the graph") }
        if let pairsChecked, pairsChecked > 0 {
            notes.append("\(pairsChecked) pairs name their board: none is on it in the graph")
        }
        return notes
    }
}

extension BoardReport {
    fileprivate var table: [String] {
        let cells = rows.map { [$0.name, fraction($0.recall), fraction($0.ndcg)] }
        return aligned([["boards", "recall@\(Self.top)", "NDCG@\(Self.top)"]] + cells)
            + ["\(boardCount) boards with \(edgeCount) held-out pins; a board is the mean of its pins"]
    }
}

private func percent(_ share: Double) -> String { String(format: "%.2f", 100 * share) }

private func fraction(_ value: Double) -> String { String(format: "%.4f", value) }

/// The first column flush left, the others flush right.
private func aligned(_ cells: [[String]]) -> [String] {
    let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    return cells.map { row in
        row.enumerated().map { column, cell in
            let space = String(repeating: " ", count: widths[column] - cell.count)
            return column == 0 ? cell + space : space + cell
        }.joined(separator: "   ")
    }
}
