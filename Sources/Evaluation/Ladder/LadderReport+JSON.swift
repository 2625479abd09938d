import Foundation

extension LadderReport {
    /// One JSON object, indented, keys sorted.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension LadderReport: Encodable {
    private enum CodingKeys: String, CodingKey { case setting, rungs, ladders, baselines, best }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(setting, forKey: .setting)
        try container.encode(rows, forKey: .rungs)
        try container.encode(climbs, forKey: .ladders)
        let simple = baselines.map { baseline in
            NamedBaseline(
                name: baseline.name, key: baseline.key, figures: byName(baseline.score.figures),
                cold: baseline.score.cold.map(byName))
        }
        try container.encode(simple, forKey: .baselines)
        try container.encode(byName(best.map(\.key)), forKey: .best)
    }

    private struct NamedBaseline: Encodable {
        let name: String
        let key: String
        let figures: [String: Double]
        let cold: [String: Double]?
    }
}

extension LadderReport.Row: Encodable {
    private enum CodingKeys: String, CodingKey {
        case name, title, changes, figures, cold, coverage, trainingSeconds, toBestBaseline
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(title, forKey: .title)
        try container.encode(changes, forKey: .changes)
        try container.encode(byName(figures), forKey: .figures)
        try container.encodeIfPresent(cold.map(byName), forKey: .cold)
        try container.encodeIfPresent(coverage, forKey: .coverage)
        try container.encodeIfPresent(trainingSeconds, forKey: .trainingSeconds)
        try container.encode(byName(toBestBaseline), forKey: .toBestBaseline)
    }
}

extension LadderReport.Step: Encodable {
    private enum CodingKeys: String, CodingKey { case rung, below, ratios, paper }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(rung, forKey: .rung)
        try container.encode(below, forKey: .below)
        try container.encode(byName(ratios), forKey: .ratios)
        try container.encodeIfPresent(paper, forKey: .paper)
    }
}

private func byName<Value>(_ values: [Value]) -> [String: Value] {
    Dictionary(uniqueKeysWithValues: zip(LadderScore.figureNames, values))
}
