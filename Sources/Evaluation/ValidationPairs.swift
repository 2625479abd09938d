import Basics
import Configuration
import GraphStore
import Sampling
import Search

/// Pairs from the boards that a run holds out of its training, drawn as the pairs of a test are: a board in proportion
/// to its pins, two of them that have another board each.
///
/// Pure: they depend on the graph, the seed, `validation.share` and `validation.pairs` alone.
public struct ValidationPairs: Sendable {
    static let purpose: UInt32 = 22

    /// Distinct, in the order they were drawn.
    public let pairs: [RowPair]
    /// The board of each.
    public let boards: [UInt32]

    /// Draws as many pairs as the settings say; one that comes twice counts once.
    ///
    /// - Throws: `EvaluationError.noValidationPairs` when no held-out board has two such pins.
    /// - Complexity: O(edges) time; memory for the held-out boards.
    public init(graph: BipartiteGraph, settings: PipelineSettings) throws {
        let hidden = HiddenBoards.validation(settings)
        let heldOut = (0..<UInt32(graph.boardCount)).filter(hidden.hides)
        var candidates: [UInt32] = []
        // Pins of the candidates up to each of them.
        var ends: [Int] = []
        for board in heldOut {
            let count = Self.members(of: board, graph, hidden).count
            if count < 2 { continue }
            candidates.append(board)
            ends.append((ends.last ?? 0) + count)
        }
        guard let total = ends.last else {
            throw EvaluationError.noValidationPairs(
                graph: graph.directory, hidden: heldOut.count, boards: graph.boardCount)
        }
        var (pairs, boards): ([RowPair], [UInt32]) = ([], [])
        var seen: Set<RowPair> = []
        for index in 0..<settings.validation.pairs {
            var random = CounterBasedGenerator(
                seed: settings.seed, purpose: Self.purpose, 0, UInt32(truncatingIfNeeded: index))
            let place = Int.random(in: 0..<total, using: &random)
            let board = candidates[ends.partitioningIndex { $0 > place }]
            let members = Self.members(of: board, graph, hidden)
            let first = Int.random(in: 0..<members.count, using: &random)
            let other = Int.random(in: 0..<members.count - 1, using: &random)
            let pair = RowPair(query: members[first], positive: members[other < first ? other : other + 1])
            if !seen.insert(pair).inserted { continue }
            pairs.append(pair)
            boards.append(board)
        }
        (self.pairs, self.boards) = (pairs, boards)
    }

    /// The pins of a board that have another one which is not held out.
    private static func members(of board: UInt32, _ graph: BipartiteGraph, _ hidden: HiddenBoards) -> [UInt32] {
        unsafe graph.pins(of: board).filter { graph.hasBoard($0, hiding: hidden) }
    }
}

extension [Int] {
    /// Index of the first element for which `predicate` holds; it holds for all after that.
    fileprivate func partitioningIndex(where predicate: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
