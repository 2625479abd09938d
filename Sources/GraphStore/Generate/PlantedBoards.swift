import Basics

/// Boards filled from planted topics.
enum PlantedBoards {
    /// Shares of a board's pins that come from its own sub-topic and from its topic; the rest is drawn from all pins.
    private static let subtopicShare = 0.45
    private static let topicShare = 0.3
    /// Draws of pins already on the board before a wider range is tried.
    private static let attempts = 16

    /// The edges of boards whose sizes follow a power law and whose pins come mostly from one topic.
    ///
    /// A pin is never twice on a board, so a board larger than the pins it can find stays a little smaller.
    static func draw(_ topics: PlantedTopics, boardCount: Int, edgeCount: Int, seed: UInt64) -> EdgeColumns {
        let sizes = sizes(boardCount: boardCount, edgeCount: edgeCount, pinCount: topics.topics.count, seed: seed)
        var edges = EdgeColumns()
        // The board that took the pin last.
        var takenBy = [Int](repeating: -1, count: topics.topics.count)
        for board in 0..<boardCount {
            var random = GeneratorStage.boards.random(seed, item: board)
            let topic = Int.random(in: 0..<topics.topicCount, using: &random)
            let subtopic = Int.random(in: 0..<PlantedTopics.subtopicsPerTopic, using: &random)
            let ranges = [
                topics.range(topic: topic, subtopic: subtopic), topics.range(topic: topic), topics.everyPin,
            ]
            for _ in 0..<sizes[board] {
                let share = Double.random(in: 0..<1, using: &random)
                let first = share < subtopicShare ? 0 : share < subtopicShare + topicShare ? 1 : 2
                guard let pin = freePin(topics, ranges[first...], board, takenBy, using: &random) else { continue }
                takenBy[Int(pin)] = board
                edges.append(pin: pin, board: UInt32(board))
            }
        }
        return edges
    }

    /// A pin that is not on the board yet, from the first range that has one to find.
    private static func freePin(
        _ topics: PlantedTopics, _ ranges: ArraySlice<Range<Int>>, _ board: Int, _ takenBy: [Int],
        using random: inout some RandomNumberGenerator
    ) -> UInt32? {
        for range in ranges {
            for _ in 0..<attempts {
                guard let pin = topics.draw(range, using: &random) else { break }
                if takenBy[Int(pin)] != board { return pin }
            }
        }
        return nil
    }

    /// Sizes ∝ 1 / (rank + B/100), at least 2 and at most half the pins, that add up to about `edgeCount`.
    private static func sizes(boardCount: Int, edgeCount: Int, pinCount: Int, seed: UInt64) -> [Int] {
        var random = GeneratorStage.boardSizes.random(seed)
        let ranks = (0..<boardCount).shuffled(using: &random)
        let weights = ranks.map { 1 / (Double($0) + Double(boardCount) / 100) }
        let scale = Double(edgeCount) / weights.reduce(0, +)
        let most = max(2, pinCount / 2)
        var sizes = weights.map { min(most, max(2, Int($0 * scale))) }
        // Rounding down lost less than one a board: give it back from the first board on.
        var missing = edgeCount - sizes.reduce(0, +)
        for board in sizes.indices where missing > 0 && sizes[board] < most {
            sizes[board] += 1
            missing -= 1
        }
        return sizes
    }
}
