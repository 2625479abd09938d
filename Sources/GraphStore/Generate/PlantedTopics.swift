import Basics

/// Pins sorted into topics and sub-topics, each pin with its own popularity: the truth behind a generated graph.
struct PlantedTopics: Sendable {
    static let subtopicsPerTopic = 16

    let topicCount: Int
    /// Topic · S + sub-topic of each pin.
    let groups: [UInt32]
    /// Pins grouped by topic, then sub-topic, so that each group is one range of `order`.
    private let order: [UInt32]
    /// `order.count + 1` running sums of popularity in that order.
    private let cumulative: [Double]
    /// (T · S + 1) starts of the groups in `order`.
    private let groupStarts: [Int]
    /// Where in `order` a sum is about to be found: for each of `order.count` equal steps up to the whole.
    private let guide: [UInt32]
    private let guideScale: Double

    var pinCount: Int { groups.count }

    /// - Complexity: O(P); 24 bytes a pin.
    init(pinCount: Int, topicCount: Int, seed: UInt64) {
        self.topicCount = topicCount
        let perTopic = Self.subtopicsPerTopic
        var random = GeneratorStage.topics.random(seed)
        let groups = (0..<pinCount).map { _ in UInt32(Int.random(in: 0..<(topicCount * perTopic), using: &random)) }
        self.groups = groups

        var starts = [Int](repeating: 0, count: topicCount * perTopic + 1)
        for group in groups { starts[Int(group) + 1] += 1 }
        for group in 0..<(topicCount * perTopic) { starts[group + 1] += starts[group] }
        var next = starts
        var order = [UInt32](repeating: 0, count: pinCount)
        for (pin, group) in groups.enumerated() {
            order[next[Int(group)]] = UInt32(pin)
            next[Int(group)] += 1
        }
        // Popularity 1 / (rank + P/20): a power law with a flat top, the most popular about twenty times the least.
        let ranks = (0..<UInt32(pinCount)).shuffled(using: &random)
        var sums = [0.0]
        sums.reserveCapacity(pinCount + 1)
        var sum = 0.0
        for pin in order {
            sum += 1 / (Double(ranks[Int(pin)]) + Double(pinCount) / 20)
            sums.append(sum)
        }
        self.order = order
        cumulative = sums
        groupStarts = starts
        guideScale = Double(pinCount) / sum
        var (guide, place) = ([UInt32](), 0)
        guide.reserveCapacity(pinCount)
        for step in 0..<pinCount {
            while place < pinCount - 1, sums[place + 1] * guideScale <= Double(step) { place += 1 }
            guide.append(UInt32(place))
        }
        self.guide = guide
    }

    /// The places in `order` of a sub-topic, of a whole topic, or of every pin.
    func range(topic: Int, subtopic: Int) -> Range<Int> {
        let group = topic * Self.subtopicsPerTopic + subtopic
        return groupStarts[group]..<groupStarts[group + 1]
    }

    func range(topic: Int) -> Range<Int> {
        groupStarts[topic * Self.subtopicsPerTopic]..<groupStarts[(topic + 1) * Self.subtopicsPerTopic]
    }

    var everyPin: Range<Int> { 0..<order.count }

    /// A pin of the range, with probability proportional to its popularity; nil when the range is empty.
    @inline(__always)
    func draw(_ range: Range<Int>, using random: inout CounterBasedGenerator) -> UInt32? {
        guard !range.isEmpty else { return nil }
        let share = Double(random.next() >> 11) * 0x1p-53
        let target =
            cumulative[range.lowerBound] + share * (cumulative[range.upperBound] - cumulative[range.lowerBound])
        // The first place of the range behind which the sum is greater. The guide leads to a place nearby.
        let step = min(max(0, Int(target * guideScale)), guide.count - 1)
        var place = min(max(Int(guide[step]), range.lowerBound), range.upperBound - 1)
        while place > range.lowerBound, cumulative[place] > target { place -= 1 }
        while place < range.upperBound - 1, cumulative[place + 1] <= target { place += 1 }
        return order[place]
    }
}

/// The separate streams of random numbers of a generated graph.
enum GeneratorStage: UInt64 {
    case topics, boardSizes, boards, prototypes, features

    /// A stream of purpose 6 for this stage and, where it has many, one of its items.
    func random(_ seed: UInt64, item: Int = 0) -> CounterBasedGenerator {
        CounterBasedGenerator(seed: seed, purpose: 6, rawValue, UInt32(truncatingIfNeeded: item))
    }
}
