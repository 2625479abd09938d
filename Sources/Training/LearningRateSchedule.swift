import Configuration
import Foundation

/// Gradual warm-up from 0 to the peak, then exponential decay.
///
/// - Source: Ying et al. 2018, §3.5; Goyal et al. 2017 for the warm-up.
public struct LearningRateSchedule: Sendable {
    private let peak: Double
    private let warmupBatches: Double
    private let finalShare: Double
    private let totalBatches: Double

    public init(_ training: TrainingSettings) {
        peak = training.learningRate
        totalBatches = Double(training.epochs) * Double(training.batchesPerEpoch)
        warmupBatches = min(training.warmupEpochs * Double(training.batchesPerEpoch), totalBatches)
        finalShare = training.finalLearningRateShare
    }

    /// Learning rate of one batch, counted from 0.
    public func rate(batch: UInt64) -> Double {
        let position = Double(batch) + 1
        if position <= warmupBatches { return peak * position / warmupBatches }
        let share = (position - warmupBatches) / max(totalBatches - warmupBatches, 1)
        return peak * pow(finalShare, min(share, 1))
    }
}
