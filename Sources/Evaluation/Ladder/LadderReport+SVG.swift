import Foundation

extension LadderReport {
    /// A bar for each rung in four panels, one for each figure: mean, 95 % interval, and the best simple method as a
    /// dashed line.
    public var svg: String {
        let chart = Chart(rungs: rows.map(\.title))
        var lines = chart.start(title: "Ladder of \(setting.config)", note: note)
        for (index, name) in LadderScore.figureNames.enumerated() {
            let isRate = index < LadderScore.top.count
            lines += chart.panel(
                index, heading: isRate ? "\(name), %" : name, factor: isRate ? 100 : 1, digits: isRate ? 1 : 3,
                values: rows.map { $0.figures[index] }, best: best[index].score.figures[index],
                bestName: best[index].name)
        }
        return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    private var note: String {
        let seeds =
            setting.seeds.count == 1 ? "one seed" : "means of \(setting.seeds.count) seeds, lines: 95 % intervals"
        return "\(setting.pins) pins, \(setting.pairs) held-out pairs, \(seeds); dashed: the best simple method"
    }
}

/// Where things are, in pixels.
private struct Chart {
    let rungs: [String]

    private static let labelWidth = 196.0
    private static let panelWidth = 190.0
    /// Room right of the longest bar for its figure.
    private static let figureWidth = 44.0
    private static let top = 84.0
    private static let rowHeight = 24.0
    private static let barHeight = 14.0
    /// Keeps a figure legible across a line.
    private static let halo = "stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\""

    private var width: Double { Self.labelWidth + Double(LadderScore.figureNames.count) * Self.panelWidth + 12 }
    private var bottom: Double { Self.top + Double(rungs.count) * Self.rowHeight }

    func start(title: String, note: String) -> [String] {
        let size = "\(pixels(width))\" height=\"\(pixels(bottom + 16))"
        return [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(size)\" font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
            text(title, x: 12, y: 22, attributes: "font-size=\"15\" font-weight=\"bold\""),
            text(note, x: 12, y: 40, attributes: "fill=\"#555555\""),
        ]
            + rungs.enumerated().map { row, rung in
                text(rung, x: Self.labelWidth - 8, y: middle(row) + 4, attributes: "text-anchor=\"end\"")
            }
    }

    /// - Parameter digits: of the figures, after multiplication by `factor`.
    func panel(
        _ index: Int, heading: String, factor: Double, digits: Int, values: [Estimate], best: Double, bestName: String
    ) -> [String] {
        let left = Self.labelWidth + Double(index) * Self.panelWidth
        let longest = (values.map { $0.interval?.upperBound ?? $0.mean } + [best]).max() ?? 0
        let scale = longest > 0 ? (Self.panelWidth - Self.figureWidth - 12) / longest : 0
        let bars = values.enumerated().map { row, value in
            let place = "x=\"\(pixels(left))\" y=\"\(pixels(middle(row) - Self.barHeight / 2))\""
            let size = "width=\"\(pixels(scale * value.mean))\" height=\"\(pixels(Self.barHeight))\""
            return "<rect \(place) \(size) fill=\"#5b8db8\"/>"
        }
        let marks = values.enumerated().flatMap { row, value in
            var marks: [String] = []
            if let interval = value.interval {
                let ends = [max(interval.lowerBound, 0), interval.upperBound].map { pixels(left + scale * $0) }
                let (y, tick) = (pixels(middle(row)), pixels(middle(row) - 3))
                marks.append(
                    path("M\(ends[0]) \(y)H\(ends[1])M\(ends[0]) \(tick)v6M\(ends[1]) \(tick)v6", color: "#1c2833"))
            }
            let x = left + scale * (value.interval?.upperBound ?? value.mean) + 6
            let figure = String(format: "%.\(digits)f", factor * value.mean)
            return marks + [text(figure, x: x, y: middle(row) + 4, attributes: Self.halo)]
        }
        let x = pixels(left + scale * best)
        let line = "M\(x) \(pixels(Self.top))V\(pixels(bottom))"
        return [
            text(heading, x: left, y: 62, attributes: "font-weight=\"bold\""),
            text("- - \(bestName)", x: left, y: 77, attributes: "font-size=\"10\" fill=\"#b03a2e\""),
        ] + bars + [path(line, color: "#b03a2e", more: " stroke-dasharray=\"4 3\"")] + marks
    }

    private func middle(_ row: Int) -> Double { Self.top + (Double(row) + 0.5) * Self.rowHeight }

    private func path(_ steps: String, color: String, more: String = "") -> String {
        "<path d=\"\(steps)\" fill=\"none\" stroke=\"\(color)\"\(more)/>"
    }

    private func text(_ content: String, x: Double, y: Double, attributes: String = "") -> String {
        let place = "x=\"\(pixels(x))\" y=\"\(pixels(y))\"" + (attributes.isEmpty ? "" : " \(attributes)")
        let escaped = content.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        return "<text \(place)>\(escaped)</text>"
    }

    private func pixels(_ value: Double) -> String { String(format: "%.1f", value) }
}
