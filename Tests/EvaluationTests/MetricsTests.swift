import Evaluation
import Testing

@Suite("Metrics")
struct MetricsTests {
    @Test("hit-rates, reciprocal ranks and the median are those of the definitions")
    func byHand() {
        let metrics = Metrics(ranks: [250, 1, 101, 2.5, 100], top: [1, 10, 100])
        #expect(metrics.hitRates.map(\.top) == [1, 10, 100])
        #expect(metrics.hitRates.map(\.rate) == [0.2, 0.4, 0.6])
        #expect(abs(metrics.meanReciprocalRank - (1 + 0.4 + 0.01 + 1 / 101.0 + 0.004) / 5) < 1e-15)
        #expect(abs(metrics.scaledReciprocalRank - (1 + 1 + 1 + 0.5 + 1 / 3.0) / 5) < 1e-15)
        #expect(metrics.medianRank == 100)
        #expect(metrics.pairCount == 5)
    }

    @Test("half ranks miss a list that ends before them")
    func halfRanks() {
        let metrics = Metrics(ranks: [10.5, 100.5], top: [10, 11, 100, 101])
        #expect(metrics.hitRates.map(\.rate) == [0, 0.5, 0.5, 1])
        #expect(metrics.scaledReciprocalRank == (1 + 0.5) / 2)
        #expect(metrics.medianRank == 55.5)
    }
}
