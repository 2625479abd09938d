import Basics

/// Where hard negatives come from and when (`hard_negatives.*`); how many a query gets at most is
/// `batch.hard_negatives_max`.
public struct HardNegativeSettings: Equatable, Sendable {
    public var source = Source.ann
    public var ranks = RankWindow.auto
    public var curriculum = Curriculum.linear
    /// Whether pins that share a board with the query are left out: most of them are no negatives at all.
    public var excludeCoSaved = true

    public enum Source: String, CaseIterable, Sendable {
        /// Ranks by the score of the embeddings at the end of the epoch before: a companion process makes a table.
        case ann
        /// Ranks by the visits of a long walk with restarts from the query: samplers walk it themselves.
        case pagerank
    }

    public enum Curriculum: String, CaseIterable, Sendable {
        /// No hard negatives.
        case off
        /// At most one for a query, from the second epoch on.
        case one
        /// One more in each epoch: none in the first.
        case linear
    }

    public init() {}
}

/// Which ranks, counted from 1 among all pins but the query, a hard negative may have.
public enum RankWindow: Equatable, Sendable {
    /// From a twelfth to a fifth of the pins, at most the article's 2,000 to 5,000, which 25,000 pins reach.
    case auto
    case absolute(ClosedRange<Int>)

    /// The deepest rank that can be asked for.
    static let rankMax = 1_000_000_000

    /// - Returns: nil unless the text is `auto` or `LOW-HIGH` with 1 ≤ LOW ≤ HIGH.
    init?(_ text: String) {
        if text == "auto" {
            self = .auto
            return
        }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isNumber } }),
            let low = Int(parts[0]), let high = Int(parts[1]), 1 <= low, low <= high, high <= Self.rankMax
        else { return nil }
        self = .absolute(low...high)
    }

    var text: String {
        switch self {
        case .auto: "auto"
        case .absolute(let ranks): "\(ranks.lowerBound)-\(ranks.upperBound)"
        }
    }

    /// The ranks on a graph of so many pins.
    ///
    /// - Throws: `ConfigError` naming the largest window that fits where the pins are too few.
    public func ranks(pinCount: Int) throws(ConfigError) -> ClosedRange<Int> {
        let deepest = pinCount - 1
        func tooDeep(_ found: String) -> ConfigError {
            ConfigError(
                place: "hard_negatives.ranks", subject: "window of ranks",
                expected: deepest < 1
                    ? "a graph of 2 pins or more" : "\(fitting(deepest)), the largest that fits \(pinCount) pins",
                found: found, action: "Set it so, or to auto")
        }
        guard deepest >= 1 else { throw tooDeep("\(pinCount) pins") }
        switch self {
        case .auto:
            let high = min(5_000, max(1, pinCount / 5), deepest)
            return min(2_000, max(1, pinCount / 12), high)...high
        case .absolute(let ranks):
            guard ranks.upperBound <= deepest else { throw tooDeep(text) }
            return ranks
        }
    }

    private func fitting(_ deepest: Int) -> String {
        guard case .absolute(let ranks) = self, ranks.lowerBound <= deepest else { return "1-\(deepest)" }
        return "\(ranks.lowerBound)-\(deepest)"
    }
}

extension PipelineSettings {
    /// The epoch, from 0, of a batch.
    public func epoch(ofBatch batch: UInt64) -> UInt64 { batch / UInt64(training.batchesPerEpoch) }

    /// The first batch of an epoch.
    public func firstBatch(ofEpoch epoch: UInt64) -> UInt64 { epoch * UInt64(training.batchesPerEpoch) }

    /// Whether an epoch, or the run, ends after `step` batches.
    public func isEpochEnd(step: UInt64) -> Bool {
        step > 0 && (step % UInt64(training.batchesPerEpoch) == 0 || step == UInt64(totalBatches))
    }

    /// Hard negatives of each pair in an epoch's batches: the curriculum.
    public func hardNegatives(inEpoch epoch: UInt64) -> Int {
        switch hardNegatives.curriculum {
        case .off: 0
        case .one: epoch == 0 ? 0 : min(1, batch.hardNegativesMax)
        case .linear: Int(min(epoch, UInt64(batch.hardNegativesMax)))
        }
    }

    /// Whether an epoch's batches are made with a table of hard negatives.
    public func needsHardNegativeTable(inEpoch epoch: UInt64) -> Bool {
        hardNegatives.source == .ann && hardNegatives(inEpoch: epoch) > 0
    }

    /// Whether some epoch, however long the run, has hard negatives.
    public var usesHardNegatives: Bool { hardNegatives.curriculum != .off && batch.hardNegativesMax > 0 }

    /// Where hard negatives come from on a graph of so many pins, in one line for people; nil without them.
    ///
    /// - Throws: `ConfigError` where the window of ranks does not fit.
    public func hardNegativePlan(pinCount: Int) throws(ConfigError) -> String? {
        guard usesHardNegatives else { return nil }
        let ranks = try hardNegatives.ranks.ranks(pinCount: pinCount)
        return "\(hardNegatives.source.rawValue), ranks \(ranks.lowerBound)-\(ranks.upperBound) of \(pinCount - 1), "
            + "\(hardNegatives.curriculum.rawValue) to \(batch.hardNegativesMax)"
            + (hardNegatives.excludeCoSaved ? ", none that share a board" : "")
    }
}
