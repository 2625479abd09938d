import Evaluation
import Kernels
import Testing

@Suite("Bootstrap")
struct BootstrapTests {
    let team = ThreadTeam(threads: 1)

    @Test("a figure that is the same for all pairs has no width")
    func constant() {
        #expect(Bootstrap.intervals([[1, 1, 1], [0.25, 0.25, 0.25]], team: team) == [1...1, 0.25...0.25])
    }

    @Test("the interval of a share is that of the normal approximation, with 2,000 pairs")
    func share() {
        let hits = (0..<2_000).map { $0 % 10 < 3 ? 1.0 : 0 }
        let interval = Bootstrap.intervals([hits], team: team)[0]
        let halfWidth = 1.96 * (0.3 * 0.7 / 2_000).squareRoot()
        #expect(abs(interval.lowerBound - (0.3 - halfWidth)) < 0.15 * halfWidth)
        #expect(abs(interval.upperBound - (0.3 + halfWidth)) < 0.15 * halfWidth)
    }

    @Test("figures are resampled together, the same with any number of threads, others with another seed")
    func keyed() {
        let column = (0..<50).map { Double($0 * $0 % 17) }
        let doubled = column.map { 2 * $0 }
        let found = Bootstrap.intervals([column, doubled], team: team)
        #expect(found[1] == 2 * found[0].lowerBound...2 * found[0].upperBound)
        #expect(found == Bootstrap.intervals([column, doubled], team: ThreadTeam(threads: 3)))
        #expect(found != Bootstrap.intervals([column, doubled], seed: 1, team: team))
    }
}
