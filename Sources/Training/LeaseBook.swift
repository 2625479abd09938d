/// Who makes which batch: leases, deadlines, credit, and the window that puts batches back in order.
///
/// Batches are leased to workers in index order, a few ahead per worker (its *credit*), and consumed in index
/// order. A worker that dies, stops or is late loses its leases to the others; a batch that arrives twice is
/// dropped. So a worker delays, and never changes, the result.
///
/// Pure bookkeeping: no sockets, no clock. Times are seconds on any clock that does not go back.
public struct LeaseBook: Sendable {
    public typealias Worker = Int

    public enum Receipt: Equatable, Sendable {
        /// The first copy of a leased batch: keep it.
        case accepted
        /// Received before, or consumed: drop it.
        case duplicate
        /// Never leased: drop it and count it against its sender.
        case neverLeased
    }

    private struct Lease {
        var worker: Worker
        var deadline: Double
    }

    private struct WorkerState {
        var isActive = true
        /// Leased to it and not received yet, plus received from it and not consumed yet.
        var underWay = 0
    }

    /// First batch that has not been consumed.
    public private(set) var nextToConsume: UInt64
    private var nextToLease: UInt64
    private let end: UInt64
    private let credit: Int
    private let leaseSeconds: Double
    private var workers: [Worker: WorkerState] = [:]
    private var leases: [UInt64: Lease] = [:]
    /// Received and waiting for their turn; the value is the worker whose credit they hold.
    private var received: [UInt64: Worker] = [:]
    /// Taken back, with the worker that failed it; ascending by batch.
    private var returned: [(batch: UInt64, worker: Worker)] = []

    /// - Parameters:
    ///   - batches: the indices to be consumed.
    ///   - credit: batches that one worker may have under way. At least 1.
    ///   - leaseSeconds: how long a worker has for one batch.
    public init(batches: Range<UInt64>, credit: Int, leaseSeconds: Double) {
        precondition(credit >= 1, "LeaseBook: credit is \(credit), expected at least 1")
        nextToConsume = batches.lowerBound
        nextToLease = batches.lowerBound
        end = batches.upperBound
        self.credit = credit
        self.leaseSeconds = leaseSeconds
    }

    /// Leased and not received.
    public var inFlight: Int { leases.count }
    /// Received and not consumed.
    public var ready: Int { received.count }
    /// Batches that may be in flight or ready: workers × credit. One more where a lost batch holds up all others.
    public var capacity: Int { workers.values.count(where: \.isActive) * credit }
    public var isFinished: Bool { nextToConsume == end }

    /// Adds a worker, or takes one up again that fell silent: it may have its own batches again.
    public mutating func join(_ worker: Worker) {
        workers[worker, default: WorkerState()].isActive = true
        for place in returned.indices where returned[place].worker == worker { returned[place].worker = noWorker }
    }

    /// Takes back every lease of a worker that died or fell silent.
    /// - Returns: the batches that will be leased again, ascending.
    @discardableResult
    public mutating func leave(_ worker: Worker) -> [UInt64] {
        guard workers[worker] != nil else { return [] }
        workers[worker]?.isActive = false
        return takeBack { $0.worker == worker }
    }

    /// Takes back every lease whose deadline has passed.
    @discardableResult
    public mutating func expire(now: Double) -> [UInt64] {
        takeBack { $0.deadline <= now }
    }

    /// Takes back one batch, whose bytes turned out to be bad.
    public mutating func reject(_ batch: UInt64) {
        takeBack(batch)
        returned.sort { $0.batch < $1.batch }
    }

    /// Leases as many batches as credit allows; to each worker in ascending order.
    ///
    /// Batches that were taken back go first, to another worker than the one that failed them where there is another.
    /// The batch that is next to be consumed is leased whatever the credit: all credit may be waiting behind it, and
    /// only comes back when the window moves.
    public mutating func grant(now: Double) -> [Worker: [UInt64]] {
        var tickets: [Worker: [UInt64]] = [:]
        while let (batch, loser) = returned.first {
            guard let worker = substitute(for: loser, regardless: batch == nextToConsume) else { break }
            returned.removeFirst()
            lease(batch, to: worker, now: now, in: &tickets)
        }
        while nextToLease < end, let worker = idlest() {
            lease(nextToLease, to: worker, now: now, in: &tickets)
            nextToLease += 1
        }
        return tickets
    }

    /// Notes that a batch has come in. Any worker's copy will do: batches are pure functions of their index.
    public mutating func receive(_ batch: UInt64) -> Receipt {
        if batch < nextToConsume || received[batch] != nil { return .duplicate }
        if let lease = leases.removeValue(forKey: batch) {
            received[batch] = lease.worker
            return .accepted
        }
        guard let place = returned.firstIndex(where: { $0.batch == batch }) else { return .neverLeased }
        returned.remove(at: place)
        received[batch] = noWorker
        return .accepted
    }

    /// Notes that the next batch in order has been used up.
    /// - Precondition: it has been received.
    public mutating func consume() {
        guard let worker = received.removeValue(forKey: nextToConsume) else {
            preconditionFailure("LeaseBook: batch \(nextToConsume) is consumed before it is received")
        }
        workers[worker]?.underWay -= 1
        nextToConsume += 1
    }

    private mutating func lease(_ batch: UInt64, to worker: Worker, now: Double, in tickets: inout [Worker: [UInt64]]) {
        leases[batch] = Lease(worker: worker, deadline: now + leaseSeconds)
        workers[worker]?.underWay += 1
        tickets[worker, default: []].append(batch)
    }

    private mutating func takeBack(where isLost: (Lease) -> Bool) -> [UInt64] {
        let lost = leases.filter { isLost($0.value) }.keys.sorted()
        for batch in lost { takeBack(batch) }
        returned.sort { $0.batch < $1.batch }
        return lost
    }

    private mutating func takeBack(_ batch: UInt64) {
        guard let lease = leases.removeValue(forKey: batch) else { return }
        workers[lease.worker]?.underWay -= 1
        returned.append((batch, lease.worker))
    }

    private func substitute(for loser: Worker, regardless: Bool) -> Worker? {
        let isAlone = !workers.contains { $0.value.isActive && $0.key != loser }
        return idlest(except: isAlone ? nil : loser, regardless: regardless)
    }

    /// The active worker with the fewest batches under way and room for one more; ties go to the smaller number.
    private func idlest(except excluded: Worker? = nil, regardless: Bool = false) -> Worker? {
        workers.filter { $0.value.isActive && (regardless || $0.value.underWay < credit) && $0.key != excluded }
            .min { ($0.value.underWay, $0.key) < ($1.value.underWay, $1.key) }?.key
    }

    private var noWorker: Worker { -1 }
}
