import Artifacts
import Basics

/// Content that hints at a pin's topic without telling it.
///
/// A row is the sum of a topic's and a sub-topic's prototype, six strong directions that have nothing to do with
/// topics, and noise. Half of a sub-topic's pins show the prototypes of another one, in the next topic, instead of
/// their own: a pin that looks like x is of x or of the one before it, whatever its content. The mean over a pin's
/// neighbours cancels the noise and shows both halves, which no other sub-topic mixes.
struct TopicFeatures {
    private static let topicStrength: Float = 1
    private static let subtopicStrength: Float = 1.5
    private static let distractionCount = 6

    private let topics: PlantedTopics
    private let width: Int
    private let seed: UInt64
    /// Each (width), entries of variance 1 / width.
    private let topicPrototypes: [[Float]]
    private let subtopicPrototypes: [[Float]]
    private let distractions: [[Float]]

    init(_ topics: PlantedTopics, width: Int, seed: UInt64) {
        self.topics = topics
        self.width = width
        self.seed = seed
        var random = GeneratorStage.prototypes.random(seed)
        func vectors(_ count: Int) -> [[Float]] { (0..<count).map { _ in Self.noise(width, using: &random) } }
        topicPrototypes = vectors(topics.topicCount)
        subtopicPrototypes = vectors(topics.topicCount * PlantedTopics.subtopicsPerTopic)
        distractions = vectors(Self.distractionCount)
    }

    /// Writes `features.npy`: unit rows, float32.
    func write(to path: String, threads: Int, progress: (Int) -> Void) throws {
        let writer = try NumpyWriter(path: path, elementType: .float32, shape: [topics.pinCount, width])
        try unsafe appendRows(to: writer, rowCount: topics.pinCount, width: width, threads: threads) { pins, rows in
            for pin in pins { unsafe write(pin, to: rows + (pin - pins.lowerBound) * width) }
        } progress: {
            progress($0)
        }
        try writer.close()
    }

    private func write(_ pin: Int, to row: UnsafeMutablePointer<Float>) {
        var random = GeneratorStage.features.random(seed, item: pin)
        let own = Int(topics.groups[pin])
        let other = (own + PlantedTopics.subtopicsPerTopic + 1) % subtopicPrototypes.count
        let shown = Bool.random(using: &random) ? own : other
        let topic = topicPrototypes[shown / PlantedTopics.subtopicsPerTopic]
        let subtopic = subtopicPrototypes[shown]
        let noiseScale = 1 / Float(width).squareRoot()
        for i in 0..<width { unsafe row[i] = noiseScale * Self.bell(using: &random) }
        for i in 0..<width {
            unsafe row[i] += Self.topicStrength * topic[i] + Self.subtopicStrength * subtopic[i]
        }
        for direction in distractions {
            let strength = Self.bell(using: &random)
            for i in 0..<width { unsafe row[i] += strength * direction[i] }
        }
        var squares: Float = 0
        for i in 0..<width { unsafe squares += row[i] * row[i] }
        let scale = squares > 0 ? 1 / squares.squareRoot() : 0
        for i in 0..<width { unsafe row[i] *= scale }
    }

    private static func noise(_ width: Int, using random: inout CounterBasedGenerator) -> [Float] {
        let scale = 1 / Float(width).squareRoot()
        return (0..<width).map { _ in scale * bell(using: &random) }
    }

    /// Mean 0, variance 1, nearly normal: the sum of four uniform 16-bit numbers. No logarithm or cosine, whose last
    /// bit may differ between C libraries, so that a seed gives the same file everywhere.
    private static func bell(using random: inout CounterBasedGenerator) -> Float {
        let bits = random.next()
        let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
        // Four times the variance of 0 … 65535: 4 · (65536² − 1) / 12.
        return (Float(sum) - 131_070) / (Float(1_431_655_765).squareRoot())
    }
}
