import Basics
import Kernels

/// Blocks of pins, several at a time: each is computed by one lane from its first step to its last, and handed over in
/// the order of the pins.
///
/// While one lane waits for rows from memory or hands a block to the system, another multiplies. A row does not depend
/// on its block, so lanes change no bit.
package final class BlockLanes<Lane> {
    private let lanes: [Lane]
    private let team: ThreadTeam

    /// - Parameters:
    ///   - team: runs the lanes.
    ///   - count: lanes, 1 to the team's threads; each works with its share of them.
    ///   - make: the storage of one lane, which computes with the kernels it is given.
    package init(team: ThreadTeam, count: Int, make: (Kernels) throws -> Lane) rethrows {
        precondition((1...team.threadCount).contains(count), "BlockLanes: \(count) for \(team.threadCount) threads")
        self.team = team
        let threads = team.threadCount / count
        lanes = try (0..<count).map { _ in try make(Kernels(team: count == 1 ? team : ThreadTeam(threads: threads))) }
    }

    /// The first lane, for who works on one block at a time.
    var first: Lane { lanes[0] }

    /// Calls `compute` with each block of `rows`, in several lanes at once, and `take` with what it returned, for one
    /// block after another.
    ///
    /// - Throws: what the first block threw; no later one is taken.
    package func run<Result>(
        over rows: Range<Int>, compute: (Lane, Range<Int>) throws -> Result,
        take: (Result, Range<Int>) throws -> Void
    ) throws {
        let starts = stride(from: rows.lowerBound, to: rows.upperBound, by: LayerPass.blockRows)
        let blocks = starts.map { $0..<min($0 + LayerPass.blockRows, rows.upperBound) }
        let turns = Turns(count: blocks.count)
        team.run(chunks: lanes.count) { lane in
            while let block = turns.claim() {
                let result = Swift.Result { try compute(lanes[lane], blocks[block]) }
                turns.wait(for: block) { try take(result.get(), blocks[block]) }
            }
        }
        try turns.end()
    }
}

/// Who may begin a block, and whose turn it is to hand one over.
private final class Turns {
    private let count: Int
    private let condition = SteadyCondition()
    private var claimed = 0
    private var taken = 0
    private var failure: (any Error)?

    init(count: Int) { self.count = count }

    /// The next block that nobody has begun; nil when there is none, or one has failed.
    func claim() -> Int? {
        condition.withLock {
            guard failure == nil, claimed < count else { return nil }
            claimed += 1
            return claimed - 1
        }
    }

    /// Runs `body` when all blocks before this one are taken; not where one of them has failed.
    ///
    /// Blocks before it are claimed, so others are at work on them.
    func wait(for block: Int, _ body: () throws -> Void) {
        let isDue = condition.withLock {
            while taken < block, failure == nil { condition.wait() }
            return failure == nil
        }
        guard isDue else { return }
        let result = Result(catching: body)
        condition.withLock {
            if case .failure(let error) = result { failure = error }
            taken += 1
            condition.broadcast()
        }
    }

    func end() throws {
        if let failure { throw failure }
    }
}
