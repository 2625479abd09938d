import Configuration
import GraphStore
import Kernels
import Sampling
import Search

/// Simple methods that a model has to beat, ranked by the same rule on the same pairs:
/// rank = 1 + #(better) + ½ · #(level), over all pins but the query.
public enum Baselines {
    /// The number of boards of the candidate, whatever the query.
    ///
    /// - Complexity: O(P log P + pairs · log P).
    public static func popularityRanks(_ pairs: [RowPair], graph: BipartiteGraph) -> [Double] {
        func degree(_ pin: UInt32) -> Int { unsafe graph.boards(of: pin).count }
        let sorted = (0..<UInt32(graph.pinCount)).map(degree).sorted()
        return pairs.map { pair in
            let own = degree(pair.positive)
            let query = degree(pair.query)
            let firstLevel = sorted.partitioningIndex { $0 >= own }
            let firstAbove = sorted.partitioningIndex { $0 > own }
            let above = sorted.count - firstAbove - (query > own ? 1 : 0)
            let level = firstAbove - firstLevel - 1 - (query == own ? 1 : 0)
            return 1 + Double(above) + 0.5 * Double(level)
        }
    }

    /// Cosine of the pins' board sets, shrunk: common / (√(boards of q · boards of p) + shrinkage).
    /// A candidate that shares no board with the query scores 0.
    ///
    /// - Complexity: O(Σ over pairs of the pins on the query's boards).
    public static func itemNeighborRanks(
        _ pairs: [RowPair], graph: BipartiteGraph, shrinkage: Double = 10, team: ThreadTeam
    ) -> [Double] {
        team.map(pairs.count, initial: 0, scratch: CommonBoards(graph: graph, shrinkage: shrinkage)) { counter, index in
            let pair = pairs[index]
            var own = 0.0
            var others: [Double] = []
            counter.forEach(sharingWith: pair.query) { pin, score in
                if pin == pair.positive { own = score } else if pin != pair.query { others.append(score) }
            }
            return rank(own, among: others, unscored: graph.pinCount - 2 - others.count)
        }
    }

    /// Visits of random walks from the query, back to it with probability ½ after each step pin → board → pin.
    /// Pins that are never visited are level.
    ///
    /// - Parameters:
    ///   - walks: how many from each query, of `steps` steps each.
    /// - Complexity: O(pairs · walks · steps).
    /// - Source: Eksombatchai et al. 2018, Pixie, doi:10.1145/3178876.3186183, Alg. 1: one query pin, no early stop.
    public static func walkRanks(
        _ pairs: [RowPair], graph: BipartiteGraph, walks: Int = 100, steps: Int = 100, seed: UInt64 = 0,
        team: ThreadTeam
    ) -> [Double] {
        var settings = WalkSettings()
        (settings.count, settings.steps, settings.restart) = (walks, steps, 0.5)
        settings.top = graph.pinCount
        return team.map(
            pairs.count, initial: 0,
            scratch: (NeighborhoodSampler(graph: graph, walks: settings, seed: seed), NeighborhoodTable())
        ) { walker, index in
            let (pair, sampler, table) = (pairs[index], walker.0, walker.1)
            table.removeAll()
            sampler.sample(range: Int(pair.query)..<Int(pair.query) + 1, window: walkWindow, into: table)
            var own = 0.0
            var others: [Double] = []
            for (pin, visits) in zip(table.pins(of: 0), table.visits(of: 0)) {
                if pin == pair.positive { own = Double(visits) } else { others.append(Double(visits)) }
            }
            return rank(own, among: others, unscored: graph.pinCount - 2 - others.count)
        }
    }

    /// Neither a window of training nor that of the embeddings.
    static let walkWindow = NeighborhoodSampler.embeddingWindow - 1

    /// The rule of ranks, where all but a few candidates score 0.
    private static func rank(_ own: Double, among others: [Double], unscored: Int) -> Double {
        let tolerance = Double(ExactSearch.tieTolerance)
        var (above, level) = (0, own <= tolerance ? unscored : 0)
        for other in others {
            if other > own + tolerance { above += 1 } else if other >= own - tolerance { level += 1 }
        }
        return 1 + Double(above) + 0.5 * Double(level)
    }

    /// How many pairs' two pins are on a common board of the graph: edges that training could have read the answer from.
    public static func pairsSharingBoard(_ pairs: [RowPair], graph: BipartiteGraph) -> Int {
        pairs.count { pair in
            let left = unsafe graph.boards(of: pair.query)
            let right = unsafe graph.boards(of: pair.positive)
            var (i, j) = (0, 0)
            while i < left.count && j < right.count {
                let (a, b) = unsafe (left[i], right[j])
                if a == b { return true }
                if a < b { i += 1 } else { j += 1 }
            }
            return false
        }
    }
}

extension Array {
    /// The first index whose element fulfils `predicate`, where all that do come last.
    fileprivate func partitioningIndex(_ predicate: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
