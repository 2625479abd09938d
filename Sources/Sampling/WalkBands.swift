import Configuration
import GraphStore

/// Hard-negative candidates by long walks with restarts from the query (`hard_negatives.source: pagerank`): the pins
/// whose ranks by visits lie in the window.
///
/// Pure: a query's candidates are a function of (graph, settings, query). Walks do not see
/// boards held out for validation. They are kept from batch to batch, up to a
/// bound. Only visited pins have a rank, so a band may be short, or empty where a query reaches few pins.
/// - Source: Ying et al. 2018, §3.3: "items ranked at 2000-5000 by their PageRank with respect to the query".
@safe public final class WalkBands {
    /// Visits for each rank down to the window's end. With fewer, deep ranks are ties.
    static let visitsPerRank = 10
    /// Where PageRank's walks return: far enough from the query to reach the window.
    static let restart = 0.15
    /// The walks' window of random numbers; neither training nor embedding uses it.
    public static let window = UInt64.max - 1
    /// Candidate lists that are kept at most.
    private static let keptMax = 1 << 18

    private let ranks: ClosedRange<Int>
    private let draw: HardNegativeDraw
    private let hidden: HiddenBoards
    private let sampler: NeighborhoodSampler
    private let table = NeighborhoodTable()
    private var kept: [UInt32: [UInt32]] = [:]

    public init(graph: BipartiteGraph, settings: PipelineSettings, ranks: ClosedRange<Int>) {
        self.ranks = ranks
        draw = HardNegativeDraw(graph: graph, settings: settings)
        hidden = .validation(settings)
        sampler = NeighborhoodSampler(graph: graph, walks: Self.walks(to: ranks.upperBound), seed: settings.seed)
    }

    /// The walks that rank pins down to `rank`.
    public static func walks(to rank: Int) -> WalkSettings {
        var walks = WalkSettings()
        walks.count = 64
        walks.steps = max(8, (rank * visitsPerRank + 63) / 64)
        walks.top = rank
        walks.restart = restart
        return walks
    }

    /// A query's candidates.
    public func candidates(of query: UInt32) -> [UInt32] {
        if let known = kept[query] { return known }
        table.removeAll()
        let pins = [query]
        unsafe pins.withUnsafeBufferPointer {
            unsafe sampler.sample(pins: $0, window: Self.window, hiding: hidden, into: table)
        }
        let band = table.pins(of: 0).dropFirst(ranks.lowerBound - 1).sorted()
        let drawn = draw.candidates(of: query, epoch: 0, from: band)
        if kept.count >= Self.keptMax { kept.removeAll() }
        kept[query] = drawn
        return drawn
    }

    var walkStepCount: UInt64 { sampler.walkStepCount }
}
