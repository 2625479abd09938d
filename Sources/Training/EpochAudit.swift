import Foundation
import Kernels
import Minibatches
import PinSageModel

/// What an epoch's negatives were like: whether hard ones are hard, and whether they are negatives at all.
///
/// Counts are over the whole epoch, as far as this process has seen it; scores are of the last batch.
struct EpochAudit: Equatable, Codable, Sendable {
    /// Hard negatives of a pair.
    var perPair: Int
    /// Share of the hard negatives that share a board with their query: most likely no negatives.
    var coSavedShare: Double?
    /// Share of the places for a hard negative that no candidate was found for.
    var missingShare: Double?
    /// Mean z_q · z_n over the pairs' positives, hard negatives, and one shared negative each.
    var positiveScore: Double
    var hardScore: Double?
    var randomScore: Double
    /// Share of hinges above 0 among hard negatives; nil with the softmax.
    var hardActiveShare: Double?
    /// The same among shared negatives; with the softmax, the probability that a pair's negatives get together.
    var sharedActiveShare: Double

    enum CodingKeys: String, CodingKey {
        case perPair = "per_pair"
        case coSavedShare = "co_saved_share"
        case missingShare = "missing_share"
        case positiveScore = "positive_score"
        case hardScore = "hard_score"
        case randomScore = "random_score"
        case hardActiveShare = "hard_active_share"
        case sharedActiveShare = "shared_active_share"
    }

    /// Every figure by its name, without those there are none of.
    var figures: [(name: String, value: Double)] {
        [
            (CodingKeys.coSavedShare, coSavedShare), (.missingShare, missingShare), (.positiveScore, positiveScore),
            (.hardScore, hardScore), (.randomScore, randomScore), (.hardActiveShare, hardActiveShare),
            (.sharedActiveShare, sharedActiveShare),
        ].compactMap { key, value in value.map { (key.rawValue, $0) } }
    }
}

extension EpochAudit {
    /// Sums over the steps of an epoch.
    struct Sums {
        private var steps = 0
        private var hardSteps = 0
        private var hard = 0
        private var coSaved = 0
        private var missing = 0
        private var hardActive = 0.0
        private var sharedActive = 0.0

        mutating func add(_ batch: Minibatch, _ result: StepResult) {
            steps += 1
            sharedActive += result.sharedActiveShare
            let perPair = batch.hardNegativesPerPair
            guard perPair > 0 else { return }
            hard += batch.hardNegatives.count
            coSaved += batch.coSavedCount
            if let share = result.hardActiveShare {
                hardSteps += 1
                hardActive += share
            }
            for index in 0..<batch.hardNegatives.count
            where batch.hardNegatives[index] == batch.queries[index / perPair] { missing += 1 }
        }

        /// The epoch's audit.
        ///
        /// - Parameter embeddings: of the last batch's targets, targetCount × d.
        func finish(_ batch: Minibatch, embeddings: Matrix) -> EpochAudit {
            let pairs = 0..<batch.pairCount
            func mean(_ negatives: FrameArray<Int32>, _ rows: [(pair: Int, index: Int)]) -> Double? {
                let scores = rows.compactMap { row -> Double? in
                    let (query, negative) = (batch.queries[row.pair], negatives[row.index])
                    return query == negative ? nil : Self.score(embeddings, Int(query), Int(negative))
                }
                return scores.isEmpty ? nil : scores.reduce(0, +) / Double(scores.count)
            }
            let (perPair, shared) = (batch.hardNegativesPerPair, batch.sharedNegatives.count)
            let found = max(hard - missing, 1)
            return EpochAudit(
                perPair: perPair, coSavedShare: hard == 0 ? nil : Double(coSaved) / Double(found),
                missingShare: hard == 0 ? nil : Double(missing) / Double(hard),
                positiveScore: mean(batch.positives, pairs.map { ($0, $0) }) ?? 0,
                hardScore: mean(batch.hardNegatives, (0..<batch.hardNegatives.count).map { ($0 / perPair, $0) }),
                randomScore: mean(batch.sharedNegatives, pairs.map { ($0, $0 % max(shared, 1)) }) ?? 0,
                hardActiveShare: hardSteps == 0 ? nil : hardActive / Double(hardSteps),
                sharedActiveShare: sharedActive / Double(max(steps, 1)))
        }

        private static func score(_ embeddings: Matrix, _ a: Int, _ b: Int) -> Double {
            (0..<embeddings.columns).reduce(0) { $0 + Double(embeddings[a, $1]) * Double(embeddings[b, $1]) }
        }
    }
}
