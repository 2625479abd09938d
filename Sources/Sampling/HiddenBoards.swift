import Basics
import Configuration
import GraphStore

/// A keyed share of all boards. Whether a board is in it is a pure function of (seed, purpose, window, board), whoever
/// asks, in O(1) and without a list.
public struct BoardShare: Equatable, Sendable {
    private let base: UInt64
    private let threshold: UInt64

    /// No board.
    public static let none = BoardShare(share: 0, seed: 0, purpose: 0, window: 0)

    /// - Precondition: 0 ≤ share < 1.
    init(share: Double, seed: UInt64, purpose: UInt32, window: UInt64) {
        precondition(share >= 0 && share < 1, "BoardShare: share \(share) is outside 0 ..< 1")
        threshold = UInt64(share * 0x1p64)
        var generator = CounterBasedGenerator(seed: seed, purpose: purpose, window, 0)
        base = threshold == 0 ? 0 : generator.next()
    }

    var identity: String { "\(base)<\(threshold)" }

    public var isEmpty: Bool { threshold == 0 }

    @inline(__always)
    public func contains(_ board: UInt32) -> Bool { WalkRandomness.number(base, UInt64(board)) < threshold }
}

/// Boards that walks and counts do not see.
public struct HiddenBoards: Equatable, Sendable {
    static let validationPurpose: UInt32 = 20
    static let supervisionPurpose: UInt32 = 21

    /// Held out of the whole training.
    public let validation: BoardShare
    /// Those that give a window's pairs, where supervision is disjoint.
    public let supervision: BoardShare

    public static let none = HiddenBoards(validation: .none, supervision: .none)

    init(validation: BoardShare, supervision: BoardShare = .none) {
        self.validation = validation
        self.supervision = supervision
    }

    /// What a run with these settings validates on, and hides from everything else.
    public static func validation(_ settings: PipelineSettings) -> HiddenBoards {
        HiddenBoards(
            validation: BoardShare(
                share: settings.validation.share, seed: settings.seed, purpose: validationPurpose, window: 0))
    }

    /// What tells these from others of the same graph, in one line.
    public var identity: String { "hidden \(validation.identity) \(supervision.identity)" }

    public var isEmpty: Bool { validation.isEmpty && supervision.isEmpty }

    @inline(__always)
    public func hides(_ board: UInt32) -> Bool { validation.contains(board) || supervision.contains(board) }
}

/// Which boards a training hides in which window.
package struct BoardHiding: Sendable {
    private let validation: BoardShare
    private let supervisionShare: Double
    private let seed: UInt64

    package init(_ settings: PipelineSettings) {
        validation = HiddenBoards.validation(settings).validation
        supervisionShare = settings.batch.supervision == .disjoint ? settings.batch.supervisionShare : 0
        seed = settings.seed
    }

    package func hidden(inWindow window: UInt64) -> HiddenBoards {
        HiddenBoards(
            validation: validation,
            supervision: BoardShare(
                share: supervisionShare, seed: seed, purpose: HiddenBoards.supervisionPurpose, window: window))
    }
}

extension PipelineSettings {
    /// The window of random numbers of a batch: the neighbourhoods of its pins, and the boards hidden from it.
    package func window(ofBatch batch: UInt64) -> UInt64 { batch / UInt64(max(self.batch.refreshBatches, 1)) }
}

extension BipartiteGraph {
    /// How many boards of a pin are visible.
    ///
    /// - Complexity: O(1) where none is hidden, else O(boards of the pin).
    public func boardCount(of pin: UInt32, hiding hidden: HiddenBoards) -> Int {
        let boards = unsafe boards(of: pin)
        if hidden.isEmpty { return boards.count }
        var count = 0
        for index in boards.indices where unsafe !hidden.hides(boards[index]) { count += 1 }
        return count
    }

    /// Whether a pin has a visible board.
    public func hasBoard(_ pin: UInt32, hiding hidden: HiddenBoards) -> Bool {
        let boards = unsafe boards(of: pin)
        if hidden.isEmpty { return boards.count > 0 }
        for index in boards.indices where unsafe !hidden.hides(boards[index]) { return true }
        return false
    }
}
