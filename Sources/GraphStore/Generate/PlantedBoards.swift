import Basics

/// Boards filled from planted topics: sizes follow a power law, and most pins come from one topic.
struct PlantedBoards: Sendable {
    /// Shares of a board's pins that come from its own sub-topic and from its topic; the rest is drawn from all pins.
    private static let subtopicShare = 0.45
    private static let topicShare = 0.3
    /// Draws of pins already on the board before a wider range is tried.
    private static let attempts = 16

    private let topics: PlantedTopics
    private let sizes: [UInt32]
    private let seed: UInt64
    /// Consecutive boards of some ten thousand edges each.
    let blocks: [Range<Int>]

    private static let blockEdges = 1 << 15

    init(_ topics: PlantedTopics, boardCount: Int, edgeCount: Int, seed: UInt64) {
        self.topics = topics
        self.seed = seed
        let sizes = Self.sizes(boardCount: boardCount, edgeCount: edgeCount, pinCount: topics.pinCount, seed: seed)
        self.sizes = sizes
        var (blocks, first, held) = ([Range<Int>](), 0, 0)
        for board in 0..<boardCount {
            held += Int(sizes[board])
            guard held >= Self.blockEdges || board == boardCount - 1 else { continue }
            blocks.append(first..<(board + 1))
            (first, held) = (board + 1, 0)
        }
        self.blocks = blocks
    }

    /// Calls `body` with each edge of a block's boards, board after board, pins as they are drawn.
    ///
    /// A pin is never twice on a board, so a board larger than the pins it can find stays a little smaller.
    func draw(block: Int, _ body: (_ pin: UInt32, _ board: UInt32) -> Void) {
        var taken = PinSet()
        for board in blocks[block] {
            var random = GeneratorStage.boards.random(seed, item: board)
            let topic = Int.random(in: 0..<topics.topicCount, using: &random)
            let subtopic = Int.random(in: 0..<PlantedTopics.subtopicsPerTopic, using: &random)
            let ranges = (topics.range(topic: topic, subtopic: subtopic), topics.range(topic: topic), topics.everyPin)
            taken.removeAll(room: Int(sizes[board]))
            for _ in 0..<sizes[board] {
                let share = Double.random(in: 0..<1, using: &random)
                let first = share < Self.subtopicShare ? 0 : share < Self.subtopicShare + Self.topicShare ? 1 : 2
                if let pin = takePin(ranges, from: first, &taken, using: &random) { body(pin, UInt32(board)) }
            }
        }
    }

    /// A pin that is not on the board yet, from the first range that has one to find.
    @inline(__always)
    private func takePin(
        _ ranges: (Range<Int>, Range<Int>, Range<Int>), from first: Int, _ taken: inout PinSet,
        using random: inout CounterBasedGenerator
    ) -> UInt32? {
        for number in first..<3 {
            let range = number == 0 ? ranges.0 : number == 1 ? ranges.1 : ranges.2
            for _ in 0..<Self.attempts {
                guard let pin = topics.draw(range, using: &random) else { break }
                if taken.insert(pin) { return pin }
            }
        }
        return nil
    }

    /// Sizes ∝ 1 / (rank + B/100), at least 2 and at most half the pins, that add up to about `edgeCount`.
    private static func sizes(boardCount: Int, edgeCount: Int, pinCount: Int, seed: UInt64) -> [UInt32] {
        var random = GeneratorStage.boardSizes.random(seed)
        let ranks = (0..<UInt32(boardCount)).shuffled(using: &random)
        func weight(_ rank: UInt32) -> Double { 1 / (Double(rank) + Double(boardCount) / 100) }
        let scale = Double(edgeCount) / ranks.reduce(0) { $0 + weight($1) }
        let most = max(2, pinCount / 2)
        var sizes = ranks.map { UInt32(min(most, max(2, Int(weight($0) * scale)))) }
        // Rounding down lost less than one a board: give it back from the first board on.
        var missing = edgeCount - sizes.reduce(0) { $0 + Int($1) }
        for board in sizes.indices where missing > 0 && sizes[board] < most {
            sizes[board] += 1
            missing -= 1
        }
        return sizes
    }
}

/// A few pins: open addressing, emptied for each board.
private struct PinSet {
    /// 0, or pin + 1.
    private var slots: [UInt32] = []

    /// Empties it, with room for so many.
    mutating func removeAll(room: Int) {
        var size = 16
        while size < 2 * room { size *= 2 }
        if size > slots.count {
            slots = Array(repeating: 0, count: size)
        } else {
            // A large board before must not make a small one slow.
            slots.removeLast(slots.count - size)
            for i in slots.indices { slots[i] = 0 }
        }
    }

    /// - Returns: whether it was not there.
    mutating func insert(_ pin: UInt32) -> Bool {
        let mask = slots.count - 1
        var slot = Int(pin &* 0x9E37_79B1 >> 7) & mask
        while slots[slot] != 0 {
            if slots[slot] == pin + 1 { return false }
            slot = (slot + 1) & mask
        }
        slots[slot] = pin + 1
        return true
    }
}
