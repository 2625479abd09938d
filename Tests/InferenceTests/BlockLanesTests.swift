import Inference
import Kernels
import Synchronization
import Testing

@Suite("Blocks in lanes")
struct BlockLanesTests {
    struct Failure: Error, Equatable { let first: Int }

    /// Lanes numbered from 0.
    func lanes(_ count: Int, threads: Int) -> BlockLanes<Int> {
        var next = 0
        return BlockLanes(team: ThreadTeam(threads: threads), count: count) { kernels in
            #expect(kernels.team.threadCount == threads / count)
            defer { next += 1 }
            return next
        }
    }

    @Test("every block is computed once and taken in order, by any number of lanes", arguments: [1, 2, 3, 5])
    func order(count: Int) throws {
        for rows in [0..<0, 7..<8, 5..<1029, 1024..<2048, 100..<10_001] {
            let lanes = lanes(count, threads: 5)
            let computed = Mutex<[Range<Int>]>([])
            let used = Mutex<Set<Int>>([])
            var taken: [Range<Int>] = []
            try lanes.run(over: rows) { lane, block in
                computed.withLock { $0.append(block) }
                used.withLock { _ = $0.insert(lane) }
                return block.lowerBound * 3
            } take: { result, block in
                #expect(result == block.lowerBound * 3)
                taken.append(block)
            }
            #expect(taken.flatMap(Array.init) == Array(rows), "\(rows)")
            #expect(
                taken.dropLast().allSatisfy { $0.count == 1024 } && taken.allSatisfy { (1...1024).contains($0.count) })
            #expect(computed.withLock { $0.sorted { $0.lowerBound < $1.lowerBound } } == taken)
            #expect(used.withLock { $0.isSubset(of: Set(0..<count)) })
        }
    }

    @Test("two lanes are at work at once")
    func together() throws {
        let waiting = Atomic(0)
        try lanes(2, threads: 2).run(over: 0..<2048) { _, _ in
            waiting.add(1, ordering: .sequentiallyConsistent)
            while waiting.load(ordering: .sequentiallyConsistent) < 2 {}
        } take: { _, _ in
        }
        #expect(waiting.load(ordering: .sequentiallyConsistent) == 2)
    }

    @Test(
        "the first block that fails is told, whether computed or taken, and no later one is taken",
        arguments: [1, 2, 4])
    func failure(count: Int) {
        for bad in 0..<6 {
            for failsInCompute in [true, false] {
                var taken = 0
                #expect(throws: Failure(first: bad * 1024)) {
                    try lanes(count, threads: 4).run(over: 0..<6 * 1024) { _, block in
                        if failsInCompute, block.lowerBound >= bad * 1024 { throw Failure(first: block.lowerBound) }
                    } take: { _, block in
                        if block.lowerBound >= bad * 1024 { throw Failure(first: block.lowerBound) }
                        taken += 1
                    }
                }
                #expect(taken == bad)
            }
        }
    }
}
