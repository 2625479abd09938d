import Kernels
import Synchronization
import Testing

@Suite struct ThreadTeamTests {
    @Test("every chunk runs exactly once", arguments: [1, 2, 3, 8])
    func everyChunkOnce(threads: Int) {
        let team = ThreadTeam(threads: threads)
        for chunks in [0, 1, 2, 3, 7, 64, 1_000] {
            let counts = Counters(chunks)
            team.run(chunks: chunks) { counts.raise($0) }
            #expect(counts.values == [Int](repeating: 1, count: chunks))
        }
    }

    @Test("a loop inside a loop's body runs too")
    func nested() {
        let team = ThreadTeam(threads: 3)
        let counts = Counters(20)
        team.run(chunks: 4) { outer in
            team.run(chunks: 5) { counts.raise(outer * 5 + $0) }
        }
        #expect(counts.values == [Int](repeating: 1, count: 20))
    }

    @Test("loops from several threads at once each run whole")
    func concurrent() async {
        let team = ThreadTeam(threads: 2)
        let totals = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    (0..<200).reduce(0) { total, _ in
                        let counts = Counters(9)
                        team.run(chunks: 9) { counts.raise($0) }
                        return total + counts.values.reduce(0, +)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(totals == [1_800, 1_800, 1_800, 1_800])
    }

    @Test("many short loops end, with and without time to fall asleep between them")
    func manyLoops() {
        let team = ThreadTeam(threads: 8)
        let counts = Counters(8)
        for loop in 0..<3_000 {
            team.run(chunks: 8) { counts.raise($0) }
            if loop % 100 == 0 { rest() }
        }
        #expect(counts.values == [Int](repeating: 3_000, count: 8))
    }

    @Test("teams come and go without leaving a thread waiting")
    func shortLives() {
        for _ in 0..<100 {
            let counts = Counters(4)
            ThreadTeam(threads: 4).run(chunks: 4) { counts.raise($0) }
            #expect(counts.values == [1, 1, 1, 1])
        }
    }

    /// Long enough for a spinning thread to give up and sleep.
    private func rest() {
        let end = ContinuousClock.now + .milliseconds(1)
        while ContinuousClock.now < end {}
    }
}

/// Counters that several threads raise.
private final class Counters: Sendable {
    private let counts: Mutex<[Int]>

    init(_ count: Int) { counts = Mutex([Int](repeating: 0, count: count)) }

    func raise(_ index: Int) { counts.withLock { $0[index] += 1 } }

    var values: [Int] { counts.withLock { $0 } }
}
