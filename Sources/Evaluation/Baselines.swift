import GraphStore
import Kernels
import Search

/// Simple methods that a model has to beat, ranked by the same rule on the same pairs:
/// rank = 1 + #(better) + ½ · #(level), over all pins but the query.
public enum Baselines {
    /// Cosine of the pins' content features; nil where the graph has none.
    public static func contentRanks(_ pairs: [RowPair], graph: BipartiteGraph, kernels: Kernels) -> [Double]? {
        graph.features.map { ExactSearch(table: $0, metric: .cosine, kernels: kernels).ranks(of: pairs) }
    }

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
        var ranks = [Double](repeating: 0, count: pairs.count)
        let chunks = min(pairs.count, 4 * team.threadCount)
        unsafe ranks.withUnsafeMutableBufferPointer { ranks in
            team.run(chunks: chunks) { chunk in
                let counter = CommonBoards(graph: graph, shrinkage: shrinkage)
                for index in pairs.count * chunk / chunks..<pairs.count * (chunk + 1) / chunks {
                    unsafe ranks[index] = counter.rank(pairs[index])
                }
            }
        }
        return ranks
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

/// Counts, for one query after the other, how many boards each pin shares with it.
private final class CommonBoards {
    private let graph: BipartiteGraph
    private let shrinkage: Double
    private var common: [UInt32]
    private var touched: [UInt32] = []

    init(graph: BipartiteGraph, shrinkage: Double) {
        self.graph = graph
        self.shrinkage = shrinkage
        common = [UInt32](repeating: 0, count: graph.pinCount)
    }

    func rank(_ pair: RowPair) -> Double {
        count(pair.query)
        defer {
            for pin in touched { common[Int(pin)] = 0 }
            touched.removeAll(keepingCapacity: true)
        }
        let queryDegree = unsafe Double(graph.boards(of: pair.query).count)
        func score(_ pin: UInt32) -> Double {
            let boards = unsafe Double(graph.boards(of: pin).count)
            return Double(common[Int(pin)]) / ((queryDegree * boards).squareRoot() + shrinkage)
        }
        let own = common[Int(pair.positive)] == 0 ? 0 : score(pair.positive)
        let tolerance = Double(ExactSearch.tieTolerance)
        var (above, level, others) = (0, 0, 0)
        for pin in touched where pin != pair.query && pin != pair.positive {
            let other = score(pin)
            others += 1
            if other > own + tolerance { above += 1 } else if other >= own - tolerance { level += 1 }
        }
        // Everyone else scores 0: level with a positive that shares no board, below any other.
        if own <= tolerance { level += graph.pinCount - 2 - others }
        return 1 + Double(above) + 0.5 * Double(level)
    }

    private func count(_ query: UInt32) {
        unsafe common.withUnsafeMutableBufferPointer { common in
            let boards = unsafe graph.boards(of: query)
            for board in boards.indices {
                let pins = unsafe graph.pins(of: boards[board])
                for index in pins.indices {
                    let pin = unsafe pins[index]
                    if unsafe common[Int(pin)] == 0 { touched.append(pin) }
                    unsafe common[Int(pin)] += 1
                }
            }
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
