import Basics

/// Pairs of pins that share a board, taken out of a graph to test what a model says about them.
struct HeldOutPairs {
    /// Query and positive.
    private(set) var pairs: [(query: UInt32, positive: UInt32)] = []
    /// The edges that are left.
    private(set) var remaining = EdgeColumns()

    /// Draws boards with at least four pins in random order; a board of n pins gives up to ⌊n/4⌋ disjoint pairs. A
    /// pair counts when both pins keep another edge. Its two edges to the board are taken out.
    ///
    /// - Parameter pairsMax: when to stop.
    init(_ rows: BipartiteRows, pairsMax: Int, seed: UInt64) {
        let boardCount = rows.boardOffsets.count - 1
        var random = CounterBasedGenerator(seed: seed, purpose: 9, 0, 0)
        var degrees = zip(rows.pinOffsets, rows.pinOffsets.dropFirst()).map { $1 - $0 }
        var isHeldOut = [Bool](repeating: false, count: rows.boardPins.count)
        boards: for board in (0..<boardCount).shuffled(using: &random) {
            let range = Int(rows.boardOffsets[board])..<Int(rows.boardOffsets[board + 1])
            let places = range.shuffled(using: &random)
            for pair in 0..<(range.count / 4) {
                guard pairs.count < pairsMax else { break boards }
                let (first, second) = (places[2 * pair], places[2 * pair + 1])
                let (query, positive) = (rows.boardPins[first], rows.boardPins[second])
                guard degrees[Int(query)] > 1, degrees[Int(positive)] > 1 else { continue }
                for (pin, place) in [(query, first), (positive, second)] {
                    degrees[Int(pin)] -= 1
                    isHeldOut[place] = true
                }
                pairs.append((query, positive))
            }
        }
        for board in 0..<boardCount {
            for place in Int(rows.boardOffsets[board])..<Int(rows.boardOffsets[board + 1]) where !isHeldOut[place] {
                remaining.append(pin: rows.boardPins[place], board: UInt32(board))
            }
        }
    }
}
