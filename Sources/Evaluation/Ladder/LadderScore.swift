import GraphStore
import Kernels
import Search

/// What one way to rank pins reached on held-out pairs: the figures that rungs are compared by.
public struct LadderScore: Codable, Equatable, Sendable {
    /// Lengths of the lists that count as a hit.
    public static let top = [10, 100, 500]
    /// Names of `figures`, in their order.
    public static let figureNames = top.map { "hit@\($0)" } + ["MRR"]

    /// Hit-rates, then the mean reciprocal rank.
    public let figures: [Double]
    /// The same of the pairs whose positive is cold; nil where there is none.
    public let cold: [Double]?
    /// Share of the pins in the ten nearest of any query; nil where it was not counted.
    public let coverage: Double?

    package init(figures: [Double], cold: [Double]?, coverage: Double?) {
        (self.figures, self.cold, self.coverage) = (figures, cold, coverage)
    }

    private init(_ row: PairReport.Row) {
        func figures(_ metrics: Metrics) -> [Double] { metrics.hitRates.map(\.rate) + [metrics.meanReciprocalRank] }
        self.init(figures: figures(row.metrics), cold: row.cold.map(figures), coverage: row.coverage)
    }

    /// Ranks the pairs by one set of vectors.
    ///
    /// - Throws: `EvaluationError.pairInGraph`; `GraphError` if the boards' ids cannot be read.
    public static func measure(
        _ search: ExactSearch, pairs: PairsFile, graph: BipartiteGraph, kernels: Kernels
    ) throws -> LadderScore {
        let method = PairReport.Method(name: "model", key: "model", search: search) { search.ranks(of: pairs.pairs) }
        let report = try PairReport.measure(
            pairs, methods: [method], graph: graph, top: top, team: kernels.team, progress: { _ in })
        return LadderScore(report.rows[0])
    }

    /// Ranks the pairs by the content itself.
    ///
    /// - Throws: as `measure`; `LadderError.noContent`.
    public static func measureContent(
        pairs: PairsFile, graph: BipartiteGraph, kernels: Kernels
    ) throws -> LadderScore {
        guard let features = graph.features else { throw LadderError.noContent(path: graph.directory) }
        let search = ExactSearch(table: features, metric: .cosine, kernels: kernels)
        return try measure(search, pairs: pairs, graph: graph, kernels: kernels)
    }

    /// A method that learns nothing.
    public struct Baseline: Codable, Equatable, Sendable {
        public let name: String
        public let key: String
        public let score: LadderScore

        package init(name: String, key: String, score: LadderScore) {
            (self.name, self.key, self.score) = (name, key, score)
        }
    }

    /// Ranks the pairs by each of the methods that `pinsage evaluate` has beside the model.
    ///
    /// - Throws: as `measure`.
    public static func measureBaselines(
        pairs: PairsFile, graph: BipartiteGraph, kernels: Kernels, progress: (String) -> Void
    ) throws -> [Baseline] {
        let svd = EvaluationReport.factorize(graph, kernels, progress)
        let methods = EvaluationReport.baselines(pairs.pairs, svd, graph: graph, kernels: kernels)
        let report = try PairReport.measure(
            pairs, methods: methods, graph: graph, top: top, team: kernels.team, progress: progress)
        return report.rows.map { Baseline(name: $0.name, key: $0.key, score: LadderScore($0)) }
    }
}

/// What can be wrong with a ladder.
public enum LadderError: Error, Equatable, CustomStringConvertible {
    case noContent(path: String)
    case noSamplers
    case occupied(path: String, found: String)
    case trainingFailed(rung: String, seed: UInt64, ending: String, lastLine: String, log: String)

    public var description: String {
        switch self {
        case .noContent(let path):
            "ladder: \(path): no content: expected features.npy for the rung content, found none. "
                + "Leave it out with --rungs."
        case .noSamplers:
            "ladder: samplers.count: no samplers: expected 1 or more, found 0. Add --set samplers.count=2."
        case .occupied(let path, let found):
            "ladder: \(path): output folder in use: expected a ladder's folder or none, found \(found). "
                + "Name another one."
        case .trainingFailed(let rung, let seed, let ending, let lastLine, let log):
            "ladder: \(rung), seed \(seed): training failed: expected exit code 0, found that it \(ending): "
                + "\(lastLine) See \(log), then start the ladder again."
        }
    }
}
