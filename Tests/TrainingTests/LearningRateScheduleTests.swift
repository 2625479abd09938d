import Configuration
import Foundation
import Testing
import Training

@Suite struct LearningRateScheduleTests {
    private func schedule(warmup: Double = 1, finalShare: Double = 0.1) -> LearningRateSchedule {
        var training = TrainingSettings()
        training.epochs = 5
        training.batchesPerEpoch = 100
        training.learningRate = 0.01
        training.warmupEpochs = warmup
        training.finalLearningRateShare = finalShare
        return LearningRateSchedule(training)
    }

    @Test("the rate climbs evenly to the peak over the first epoch")
    func warmup() {
        #expect(abs(schedule().rate(batch: 0) - 0.0001) < 1e-12)
        #expect(abs(schedule().rate(batch: 49) - 0.005) < 1e-12)
        #expect(abs(schedule().rate(batch: 99) - 0.01) < 1e-12)
    }

    @Test("after the warm-up the rate falls by the same factor every batch, to the final share")
    func decay() {
        let rates = (100..<500).map { schedule().rate(batch: UInt64($0)) }
        let factor = pow(0.1, 1.0 / 400)
        for (earlier, later) in zip(rates, rates.dropFirst()) { #expect(abs(later / earlier - factor) < 1e-9) }
        #expect(abs(rates.last! - 0.001) < 1e-12)
    }

    @Test("without warm-up and decay the rate stays at the peak")
    func constant() {
        for batch in [0, 7, 499] as [UInt64] {
            #expect(abs(schedule(warmup: 0, finalShare: 1).rate(batch: batch) - 0.01) < 1e-12)
        }
    }
}
