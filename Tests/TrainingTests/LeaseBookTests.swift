import Testing
import Training

@Suite struct LeaseBookTests {
    private func book(_ range: Range<UInt64> = 0..<100, credit: Int = 2, seconds: Double = 10) -> LeaseBook {
        LeaseBook(batches: range, credit: credit, leaseSeconds: seconds)
    }

    @Test("tickets go out in index order, up to each worker's credit")
    func grantsInOrder() {
        var leases = book()
        leases.join(0)
        leases.join(1)
        let tickets = leases.grant(now: 0)
        #expect(tickets == [0: [0, 2], 1: [1, 3]])
        #expect(leases.inFlight == 4)
        #expect(leases.capacity == 4)
        #expect(leases.grant(now: 0).isEmpty)
    }

    @Test("credit comes back when a batch is consumed, not when it is received")
    func creditReturnsOnConsumption() {
        var leases = book(credit: 1)
        leases.join(0)
        #expect(leases.grant(now: 0) == [0: [0]])
        #expect(leases.receive(0) == .accepted)
        #expect(leases.ready == 1)
        #expect(leases.grant(now: 0).isEmpty)
        leases.consume()
        #expect(leases.grant(now: 0) == [0: [1]])
    }

    @Test("a dead worker's batches are leased again, before new ones")
    func deadWorker() {
        var leases = book()
        leases.join(0)
        _ = leases.grant(now: 0)
        leases.join(1)
        #expect(leases.leave(0) == [0, 1])
        #expect(leases.grant(now: 1)[1]?.prefix(2) == [0, 1])
    }

    @Test("a late batch is leased again even when all credit waits behind it")
    func lateBatchBreaksTheJam() {
        var leases = book(credit: 1, seconds: 5)
        leases.join(0)
        leases.join(1)
        #expect(leases.grant(now: 0) == [0: [0], 1: [1]])
        #expect(leases.receive(1) == .accepted)
        #expect(leases.grant(now: 4).isEmpty)
        #expect(leases.expire(now: 5) == [0])
        #expect(leases.grant(now: 5)[1] == [0])
    }

    @Test("the batch that all others wait for is leased even when no worker has credit")
    func blockingBatch() {
        var leases = book(credit: 2, seconds: 5)
        leases.join(0)
        leases.join(1)
        #expect(leases.grant(now: 0) == [0: [0, 2], 1: [1, 3]])
        for batch in [1, 2, 3] as [UInt64] { #expect(leases.receive(batch) == .accepted) }
        leases.join(2)
        leases.leave(0)
        // Two workers with a credit of two: nothing beyond batch 3 until batch 0 is consumed.
        #expect(leases.grant(now: 1) == [2: [0]])
        leases.expire(now: 6)
        // Worker 1 holds two batches that wait behind batch 0.
        #expect(leases.grant(now: 6) == [1: [0]])
    }

    @Test("workers that come and go, and batches that come late, do not widen the window")
    func boundedWindow() {
        var leases = book(credit: 2, seconds: 5)
        leases.join(0)
        _ = leases.grant(now: 0)
        // Batch 0 is stuck for ever; every new worker delivers all else it is given, late or not, and goes.
        for worker in 1...30 {
            leases.join(worker)
            let now = Double(worker)
            for batch in leases.grant(now: now)[worker] ?? [] where batch != 0 {
                if worker.isMultiple(of: 2) { leases.expire(now: now + 5) }
                _ = leases.receive(batch)
            }
            leases.leave(worker)
            #expect(leases.ready + leases.inFlight <= 4, "after worker \(worker)")
        }
    }

    @Test("a batch that should have come before another of the same worker is lost and leased again")
    func overtaken() {
        var leases = book(credit: 3)
        leases.join(0)
        leases.join(1)
        #expect(leases.grant(now: 0) == [0: [0, 2, 4], 1: [1, 3, 5]])
        #expect(leases.receive(4, from: 0) == .accepted)
        #expect(leases.takenBackCount == 2)
        // Another's copy says nothing about what the lease's holder has sent.
        #expect(leases.receive(5, from: 0) == .accepted)
        #expect(leases.takenBackCount == 2)
        #expect(leases.grant(now: 0) == [1: [0]])
    }

    @Test("a worker that is alone gets its late batch again")
    func aloneAndLate() {
        var leases = book(credit: 1, seconds: 5)
        leases.join(0)
        #expect(leases.grant(now: 0) == [0: [0]])
        leases.expire(now: 5)
        #expect(leases.grant(now: 5) == [0: [0]])
    }

    @Test("a batch that arrives twice is a duplicate, whether it waits or is used up")
    func duplicates() {
        var leases = book()
        leases.join(0)
        _ = leases.grant(now: 0)
        #expect(leases.receive(0) == .accepted)
        #expect(leases.receive(0) == .duplicate)
        leases.consume()
        #expect(leases.receive(0) == .duplicate)
        #expect(leases.receive(50) == .neverLeased)
    }

    @Test("a batch taken back counts when its first worker delivers after all")
    func lateDeliveryIsTaken() {
        var leases = book(seconds: 1)
        leases.join(0)
        _ = leases.grant(now: 0)
        leases.expire(now: 2)
        #expect(leases.receive(0) == .accepted)
        leases.consume()
        #expect(leases.nextToConsume == 1)
        #expect(leases.grant(now: 2)[0]?.first == 1)
    }

    @Test("whatever goes wrong, every batch is consumed once and in order", arguments: 0..<50 as Range<UInt64>)
    func everyBatchOnce(seed: UInt64) {
        var random = SplitMix(state: seed)
        var leases = book(0..<60, credit: 3, seconds: 4)
        var pending: [(worker: Int, batch: UInt64)] = []
        var workers: Set<Int> = []
        var consumed: [UInt64] = []
        var now = 0.0
        var receivedEarly: Set<UInt64> = []
        while !leases.isFinished, now < 10_000 {
            now += 0.5
            if workers.count < 4, random.chance(4) || workers.isEmpty {
                let worker = Int(now * 2)
                workers.insert(worker)
                leases.join(worker)
            }
            for (worker, batches) in leases.grant(now: now).sorted(by: { $0.key < $1.key }) {
                pending += batches.map { (worker, $0) }
            }
            if random.chance(20), let victim = workers.sorted().first {
                workers.remove(victim)
                pending.removeAll { $0.worker == victim }
                leases.leave(victim)
            }
            if !pending.isEmpty {
                let delivery = pending.remove(at: random.below(pending.count))
                let isNew = !receivedEarly.contains(delivery.batch)
                #expect((leases.receive(delivery.batch) == .accepted) == isNew, "seed \(seed)")
                receivedEarly.insert(delivery.batch)
                if random.chance(5) { #expect(leases.receive(delivery.batch) == .duplicate, "seed \(seed)") }
            }
            leases.expire(now: now)
            while receivedEarly.contains(leases.nextToConsume), !leases.isFinished {
                consumed.append(leases.nextToConsume)
                leases.consume()
            }
        }
        #expect(consumed == Array(0..<60), "seed \(seed)")
    }
}

private struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }
}
