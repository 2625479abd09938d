import Basics
import Configuration
import GraphStore

/// Draws the positive pairs of a batch: two different pins of one board.
///
/// Pure: pair i of batch b depends on (graph, seed, b, i) and on the hidden boards of the batch's window alone.
public struct PairSampler {
    static let purpose: UInt32 = 2
    /// Boards drawn before those that fit are counted.
    private static let drawsMax = 10_000

    private let graph: BipartiteGraph
    private let boards: BatchSettings.BoardChoice
    private let seed: UInt64

    /// - Throws: `SamplingError.noPairs` when no board that is not held out for validation holds two pins.
    public init(
        graph: BipartiteGraph, boards: BatchSettings.BoardChoice, seed: UInt64, validation: BoardShare = .none
    ) throws(SamplingError) {
        self.graph = graph
        self.boards = boards
        self.seed = seed
        let isPossible = (0..<graph.boardCount).contains { board in
            unsafe graph.pins(of: UInt32(board)).count >= 2 && !validation.contains(UInt32(board))
        }
        if !isPossible { throw .noPairs(graph: graph.directory, boardCount: graph.boardCount) }
    }

    /// One pair. The board is uniform over boards with two pins or more, or in proportion to its pins; boards with
    /// fewer are drawn and passed over, and so are boards held out for validation. Where supervision is disjoint, so
    /// are boards that the walks of the window see, unless the window has no others.
    ///
    /// - Complexity: expected draws are all boards (edges) over those that fit.
    public func pair(
        _ index: Int, batchIndex: UInt64, hiding hidden: HiddenBoards = .none
    ) -> (query: UInt32, positive: UInt32) {
        var random = CounterBasedGenerator(
            seed: seed, purpose: Self.purpose, batchIndex, UInt32(truncatingIfNeeded: index))
        let pins = unsafe graph.pins(of: board(hidden, &random))
        let first = Int(random.next(below: pins.count))
        let other = Int(random.next(below: pins.count - 1))
        return unsafe (pins[first], pins[other < first ? other : other + 1])
    }

    private func board(_ hidden: HiddenBoards, _ random: inout CounterBasedGenerator) -> UInt32 {
        for _ in 0..<Self.drawsMax {
            let board = draw(&random)
            if gives(board, hidden.validation, only: hidden.supervision) { return board }
        }
        // A window that has no board for pairs, or all but none, which takes a graph of few boards.
        let isPoor = !(0..<graph.boardCount).contains {
            gives(UInt32($0), hidden.validation, only: hidden.supervision)
        }
        while true {
            let board = draw(&random)
            if gives(board, hidden.validation, only: isPoor ? .none : hidden.supervision) { return board }
        }
    }

    /// Whether a pair may come from a board.
    private func gives(_ board: UInt32, _ validation: BoardShare, only supervision: BoardShare) -> Bool {
        unsafe graph.pins(of: board).count >= 2 && !validation.contains(board)
            && (supervision.isEmpty || supervision.contains(board))
    }

    private func draw(_ random: inout CounterBasedGenerator) -> UInt32 {
        switch boards {
        case .uniform: random.next(below: graph.boardCount)
        // The board of a uniformly drawn edge.
        case .edges: unsafe graph.pinBoards[Int(random.next64(below: graph.edgeCount))]
        }
    }
}

/// Draws the negatives that a batch's pairs share: uniform over all pins, with repeats.
///
/// Pure: negative i of batch b depends on (pin count, seed, b, i) alone.
public struct NegativeSampler {
    static let purpose: UInt32 = 3

    private let pinCount: Int
    private let seed: UInt64

    /// - Precondition: there is a pin.
    public init(pinCount: Int, seed: UInt64) {
        precondition(pinCount > 0, "NegativeSampler: no pins")
        self.pinCount = pinCount
        self.seed = seed
    }

    public func negative(_ index: Int, batchIndex: UInt64) -> UInt32 {
        var random = CounterBasedGenerator(
            seed: seed, purpose: Self.purpose, batchIndex, UInt32(truncatingIfNeeded: index))
        return random.next(below: pinCount)
    }
}

extension CounterBasedGenerator {
    /// Uniform below `bound`, by the high half of a 128-bit product: bias below bound / 2⁶⁴.
    fileprivate mutating func next64(below bound: Int) -> UInt64 { next().multipliedFullWidth(by: UInt64(bound)).high }

    mutating func next(below bound: Int) -> UInt32 { UInt32(truncatingIfNeeded: next64(below: bound)) }
}
