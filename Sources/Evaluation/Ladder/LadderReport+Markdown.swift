import Foundation

extension LadderReport {
    /// Tables for people: figures, ladders, simple methods, and what each rung is.
    public var markdown: String {
        var parts = [head, table(figureHeadings, rows.map(figureCells)), notes]
        for climb in climbs {
            parts += ["## \(climb.title)", table(climbHeadings(climb), climb.steps.map { cells($0, in: climb) })]
        }
        if !climbs.isEmpty { parts.append(climbNotes) }
        parts += [
            "## Beside the best simple method", table(baselineHeadings, rows.map(baselineRatioCells)),
            table(["simple method"] + Self.figureHeadings, baselines.map(baselineCells)),
            "## The rungs", rows.map(item).joined(separator: "\n"),
        ]
        return parts.joined(separator: "\n\n") + "\n"
    }

    private static let figureHeadings = LadderScore.top.map { "hit@\($0) %" } + ["MRR"]

    private var head: String {
        let seeds = setting.seeds.map(String.init).joined(separator: ", ")
        let overrides = setting.overrides.map { " `--set \($0)`" }.joined()
        return """
            # Ladder of \(setting.config)

            `\(setting.config)`\(overrides); graph `\(setting.graphFingerprint)`: \(setting.pins) pins, \
            \(setting.boards) boards, \(setting.edges) edges; \(setting.pairs) held-out pairs; each rung trained for \
            \(setting.batches) batches of \(setting.pairsPerBatch) pairs; seeds \(seeds); version \(setting.version), \
            \(setting.instructionSet).
            """
    }

    private var figureHeadings: [String] {
        ["rung"] + Self.figureHeadings + [
            "coverage %", "cold hit@10 %", "cold hit@100 %", "cold hit@500 %", "training s",
        ]
    }

    private func figureCells(_ row: Row) -> [String] {
        let cold = row.cold.map { $0.dropLast().map(percent) } ?? LadderScore.top.map { _ in "–" }
        let seconds = row.trainingSeconds.map { spread($0, factor: 1, digits: 1) } ?? "–"
        return [row.title] + figures(row.figures) + [row.coverage.map(percent) ?? "–"] + cold + [seconds]
    }

    private var notes: String {
        let interval =
            setting.seeds.count > 1
            ? "Mean ± half of the 95 % interval over seeds (Student's t)." : "One seed: no intervals."
        return
            "\(interval) Coverage: share of the pins in the ten nearest of any query. Cold: pairs whose positive has at "
            + "most \(PairReport.coldBoardsMax) boards. Training seconds: wall time, of trainings that were not interrupted."
    }

    private func climbHeadings(_ climb: Climb) -> [String] {
        ["rung", "above"] + LadderScore.figureNames + (climb.hasPaper ? ["the paper"] : [])
    }

    private func cells(_ step: Step, in climb: Climb) -> [String] {
        [title(of: step.rung), title(of: step.below)] + step.ratios.map(gain)
            + (climb.hasPaper ? [step.paper.map { signed($0, digits: 0) } ?? "–"] : [])
    }

    private var climbNotes: String {
        "Gain over the rung below: geometric mean of the ratios seed by seed, in brackets the 95 % interval of that. The "
            + "paper's figures are of hit-rates at 500 among 5 million pins."
    }

    private var baselineHeadings: [String] {
        ["rung"] + zip(LadderScore.figureNames, best).map { "\($0): \($1.name)" }
    }

    private func baselineRatioCells(_ row: Row) -> [String] { [row.title] + row.toBestBaseline.map(gain) }

    private func baselineCells(_ baseline: LadderScore.Baseline) -> [String] {
        [baseline.name] + figures(baseline.score.figures.map { Estimate([$0]) })
    }

    private func item(_ row: Row) -> String {
        let changes = row.changes.map { "`\($0)`" }.joined(separator: ", ")
        return "* **\(row.title)** (`\(row.name)`): \(row.sentence)" + (changes.isEmpty ? "" : " \(changes).")
    }

    private func figures(_ figures: [Estimate]) -> [String] {
        figures.dropLast().map(percent) + figures.suffix(1).map { spread($0, factor: 1, digits: 4) }
    }

    private func table(_ headings: [String], _ rows: [[String]]) -> String {
        ([headings, headings.indices.map { $0 == 0 ? "---" : "--:" }] + rows)
            .map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
    }
}

extension LadderReport.Climb {
    fileprivate var hasPaper: Bool { steps.contains { $0.paper != nil } }
}

private func percent(_ estimate: Estimate) -> String { spread(estimate, factor: 100, digits: 2) }

private func spread(_ estimate: Estimate, factor: Double, digits: Int) -> String {
    let mean = String(format: "%.\(digits)f", factor * estimate.mean)
    guard let interval = estimate.interval else { return mean }
    return mean + " ± " + String(format: "%.\(digits)f", factor * (interval.upperBound - estimate.mean))
}

/// A ratio as `+12.3 % (+8.1 … +16.6)`.
private func gain(_ ratio: Estimate?) -> String {
    guard let ratio else { return "–" }
    let mean = signed(ratio.mean, digits: 1)
    guard let interval = ratio.interval else { return mean }
    return mean
        + " (\(signed(interval.lowerBound, digits: 1, unit: "")) … \(signed(interval.upperBound, digits: 1, unit: "")))"
}

private func signed(_ ratio: Double, digits: Int, unit: String = " %") -> String {
    // A gain that rounds to nothing has no sign.
    let text = String(format: "%+.\(digits)f", 100 * (ratio - 1))
    let isZero = !text.contains { $0 >= "1" && $0 <= "9" }
    return (isZero ? String(text.dropFirst()) : text.replacing("-", with: "−")) + unit
}
