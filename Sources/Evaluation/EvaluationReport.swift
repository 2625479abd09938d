import GraphStore
import Kernels
import Search

/// What an evaluation found: on held-out pairs, on boards with held-out pins, or on both.
public struct EvaluationReport: Equatable, Sendable {
    public let metric: Metric
    public let pinCount: Int
    public let pairs: PairReport?
    public let boards: BoardReport?
    /// Why there are no baselines; nil where they were measured.
    public let baselinesMissing: String?

    /// Ranks by the embeddings and, where there is a graph, by each baseline.
    ///
    /// - Parameters:
    ///   - plainModel: the same embeddings without the popularity prior; nil where there is none.
    ///   - boards: only with a graph.
    ///   - graph: the graph the embeddings were made from, or why it is not at hand.
    ///   - top: lengths K of the hit-rates.
    ///   - progress: told the name of what is measured next.
    /// - Throws: `EvaluationError.pairInGraph`; `GraphError` if the boards' ids cannot be read.
    public static func measure(
        model: ExactSearch, plainModel: ExactSearch? = nil, pairs: PairsFile?, boards: HeldOutBoards? = nil,
        graph: GraphAtHand, top: [Int], kernels: Kernels, progress: (String) -> Void = { _ in }
    ) throws -> EvaluationReport {
        var searches = [(name: "model", key: "model", search: model)]
        if let plainModel { searches.append(("model, no prior", "model_no_prior", plainModel)) }
        var found: BipartiteGraph?
        var missing: String?
        switch graph {
        case .found(let graph): found = graph
        case .missing(let reason): missing = reason
        }
        let svd = found.map { factorize($0, kernels, progress) } ?? []
        let pairReport = try pairs.map { file in
            var methods = searches.map { method in
                PairReport.Method(name: method.name, key: method.key, search: method.search) {
                    method.search.ranks(of: file.pairs)
                }
            }
            if let found { methods += baselines(file.pairs, svd, graph: found, kernels: kernels) }
            return try PairReport.measure(
                file, methods: methods, graph: found, top: top, team: kernels.team, progress: progress)
        }
        let boardReport = found.flatMap { graph in
            boards.map { boards in
                BoardReport.measure(
                    boards, graph: graph, searches: searches + svd, team: kernels.team, progress: progress)
            }
        }
        return EvaluationReport(
            metric: model.metric, pinCount: model.table.rows, pairs: pairReport, boards: boardReport,
            baselinesMissing: missing)
    }

    typealias Search = (name: String, key: String, search: ExactSearch)

    /// The vectors of the singular value decomposition, compared in two ways; none where the graph is too large.
    static func factorize(_ graph: BipartiteGraph, _ kernels: Kernels, _ progress: (String) -> Void) -> [Search] {
        guard graph.edgeCount <= edgeCountMax else { return [] }
        progress("SVD-64")
        let vectors = AdjacencySVD(graph: graph, kernels: kernels).pins
        return [
            ("SVD-64, cosine", "svd_cosine", ExactSearch(table: vectors, metric: .cosine, kernels: kernels)),
            ("SVD-64, dot", "svd_dot", ExactSearch(table: vectors, metric: .dot, kernels: kernels)),
        ]
    }

    /// Products with the adjacency count its edges in 31 bits.
    private static let edgeCountMax = Int(Int32.max)

    static func baselines(
        _ pairs: [RowPair], _ svd: [Search], graph: BipartiteGraph, kernels: Kernels
    ) -> [PairReport.Method] {
        var methods: [PairReport.Method] = []
        func add(_ name: String, _ key: String, _ ranks: @escaping () -> [Double]) {
            methods.append(PairReport.Method(name: name, key: key, ranks: ranks))
        }
        // Features of the boards are not content, and may stand in its row only by their name.
        let (alone, word) =
            switch graph.featureSource {
            case "projected": ("projected boards", "projected")
            case "structure": ("structure", "structure")
            default: ("content only", "content")
            }
        if let features = graph.features {
            add(alone, "content") {
                ExactSearch(table: features, metric: .cosine, kernels: kernels).ranks(of: pairs)
            }
            if graph.edgeCount <= edgeCountMax {
                add("\(word) + graph mean", "graph_mean") {
                    let vectors = BaselineVectors.graphMean(features, graph: graph, kernels: kernels)
                    return ExactSearch(table: vectors, metric: .cosine, kernels: kernels).ranks(of: pairs)
                }
            }
        }
        add("popularity", "popularity") { Baselines.popularityRanks(pairs, graph: graph) }
        add("item-kNN", "item_knn") { Baselines.itemNeighborRanks(pairs, graph: graph, team: kernels.team) }
        for method in svd { add(method.name, method.key) { method.search.ranks(of: pairs) } }
        add("random walk", "random_walk") { Baselines.walkRanks(pairs, graph: graph, team: kernels.team) }
        add("random vectors", "random") {
            let vectors = BaselineVectors.random(pinCount: graph.pinCount)
            return ExactSearch(table: vectors, metric: .cosine, kernels: kernels).ranks(of: pairs)
        }
        return methods
    }
}
