import Evaluation
import TestSupport
import Testing

/// Expected numbers are SciPy's: `stats.t.interval(0.95, n − 1, mean, stats.sem(values))`.
@Suite("Estimates over seeds")
struct EstimateTests {
    private let above = [0.046, 0.0452, 0.0471, 0.0449, 0.0463]
    private let below = [0.0352, 0.0339, 0.0361, 0.0348, 0.0355]

    private func expect(_ estimate: Estimate?, mean: Double, low: Double, high: Double) {
        let found = [estimate?.mean, estimate?.interval?.lowerBound, estimate?.interval?.upperBound].map { $0 ?? .nan }
        for (found, expected) in zip(found, [mean, low, high]) {
            #expect(abs(found - expected) < 1e-12 * max(1, abs(expected)), "expected \(expected), found \(found)")
        }
    }

    @Test("a mean and its interval are Student's")
    func means() {
        expect(Estimate(above), mean: 0.0459, low: 0.044806912468995555, high: 0.04699308753100445)
        expect(Estimate([1, 2]), mean: 1.5, low: -4.853102368087347, high: 7.853102368087347)
        expect(
            Estimate((0..<Estimate.countMax).map(Double.init)), mean: 10, low: 7.175592140624216,
            high: 12.824407859375784)
        expect(Estimate([3, 3, 3]), mean: 3, low: 3, high: 3)
    }

    @Test("one value has no interval")
    func single() {
        #expect(Estimate([0.25]).mean == 0.25)
        #expect(Estimate([0.25]).interval == nil)
        #expect(Estimate.ratio([2], to: [4])?.mean == 0.5)
        #expect(Estimate.ratio([2], to: [4])?.interval == nil)
    }

    @Test("a ratio is the geometric mean seed by seed, its interval that of the logarithms")
    func ratios() {
        expect(
            Estimate.ratio(above, to: below), mean: 1.3077883642605854, low: 1.288539100655814, high: 1.3273251892976312
        )
        // One value below stands for every seed.
        expect(
            Estimate.ratio(above, to: [0.017]), mean: 2.699603482741843, low: 2.636160162186854,
            high: 2.7645736661106994)
        let inverse = Estimate.ratio([0.017], to: above)
        #expect(abs((inverse?.mean ?? 0) * (Estimate.ratio(above, to: [0.017])?.mean ?? 0) - 1) < 1e-12)
        // Paired: a factor that all seeds share has an interval of no width, however much the seeds differ.
        expect(Estimate.ratio(below.map { 1.5 * $0 }, to: below), mean: 1.5, low: 1.5, high: 1.5)
    }

    @Test("there is no ratio with nothing")
    func zero() {
        #expect(Estimate.ratio([1, 2], to: [1, 0]) == nil)
        #expect(Estimate.ratio([0, 2], to: [1, 1]) == nil)
        #expect(Estimate.ratio([1, 2], to: [0]) == nil)
    }
}
