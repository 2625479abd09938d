import Basics

/// Pins sorted into topics and sub-topics, each pin with its own popularity: the truth behind a generated graph.
struct PlantedTopics: Sendable {
    static let subtopicsPerTopic = 16

    let topicCount: Int
    /// Topic · S + sub-topic of each pin.
    let groups: [UInt32]
    /// (P + 1) places: pins grouped by topic, then sub-topic, each with the popularity of all before it.
    private let places: ZeroedMemory
    /// (T · S + 1) starts of the groups among the places.
    private let groupStarts: [Int]
    /// The place where a sum is about to be found: for each of P equal steps up to the whole.
    private let guide: ZeroedMemory
    private let guideScale: Double

    private struct Place {
        let sum: Double
        let pin: UInt32
    }

    var pinCount: Int { groups.count }

    /// - Complexity: O(P); 28 bytes a pin.
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
        places = ZeroedMemory(byteCount: (pinCount + 1) * MemoryLayout<Place>.stride)
        let places = unsafe places.base.bindMemory(to: Place.self, capacity: pinCount + 1)
        var sum = 0.0
        for (place, pin) in order.enumerated() {
            unsafe places[place] = Place(sum: sum, pin: pin)
            sum += 1 / (Double(ranks[Int(pin)]) + Double(pinCount) / 20)
        }
        unsafe places[pinCount] = Place(sum: sum, pin: 0)
        groupStarts = starts
        guideScale = Double(pinCount) / sum
        guide = ZeroedMemory(byteCount: pinCount * 4)
        let guide = unsafe guide.base.assumingMemoryBound(to: UInt32.self)
        var place = 0
        for step in 0..<pinCount {
            while unsafe place < pinCount - 1 && places[place + 1].sum * guideScale <= Double(step) { place += 1 }
            unsafe guide[step] = UInt32(place)
        }
    }

    /// The places of a sub-topic, of a whole topic, or of every pin.
    func range(topic: Int, subtopic: Int) -> Range<Int> {
        let group = topic * Self.subtopicsPerTopic + subtopic
        return groupStarts[group]..<groupStarts[group + 1]
    }

    func range(topic: Int) -> Range<Int> {
        groupStarts[topic * Self.subtopicsPerTopic]..<groupStarts[(topic + 1) * Self.subtopicsPerTopic]
    }

    var everyPin: Range<Int> { 0..<pinCount }

    /// A pin of the range, with probability proportional to its popularity; nil when the range is empty.
    @inline(__always)
    func draw(_ range: Range<Int>, using random: inout CounterBasedGenerator) -> UInt32? {
        guard !range.isEmpty else { return nil }
        let places = unsafe places.base.assumingMemoryBound(to: Place.self)
        let share = Double(random.next() >> 11) * 0x1p-53
        let (low, high) = unsafe (places[range.lowerBound].sum, places[range.upperBound].sum)
        let target = low + share * (high - low)
        // The first place of the range behind which the sum is greater. The guide leads to a place nearby.
        let step = min(max(0, Int(target * guideScale)), pinCount &- 1)
        let near = unsafe Int(guide.base.assumingMemoryBound(to: UInt32.self)[step])
        var place = min(max(near, range.lowerBound), range.upperBound &- 1)
        while place > range.lowerBound, unsafe places[place].sum > target { place &-= 1 }
        while place < range.upperBound &- 1, unsafe places[place &+ 1].sum <= target { place &+= 1 }
        return unsafe places[place].pin
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
