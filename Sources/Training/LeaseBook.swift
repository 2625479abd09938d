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
        /// Counts leases: a worker makes and sends its batches in this order.
        var number: UInt64
        /// Since when its worker says that it does not hold it any more.
        var absentSince: Double?
    }

    private struct WorkerState {
        var isActive = true
        /// Leased to it and not received yet, plus received from it and not consumed yet.
        var underWay = 0
    }

    /// First batch that has not been consumed.
    public private(set) var nextToConsume: UInt64
    /// Leases taken back so far, for whatever reason.
    public private(set) var takenBackCount = 0
    /// No batch from here on is leased yet. At first, all may be.
    public var barrier = UInt64.max
    private var nextToLease: UInt64
    private let end: UInt64
    private let credit: Int
    private let leaseSeconds: Double
    private var leaseCount: UInt64 = 0
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
    /// Batches that may be in flight or ready: workers × credit. No batch further than this ahead of the next to be
    /// consumed is leased, whoever comes, goes and comes back in the meantime.
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

    /// Takes back one batch, whose bytes turned out to be bad, if this worker holds its lease.
    public mutating func reject(_ batch: UInt64, of worker: Worker) {
        _ = takeBack(among: [batch]) { $0.worker == worker }
    }

    /// Takes back what a worker says it no longer holds and that has not come within a tenth of a lease: it was lost
    /// on the way, in one direction or the other.
    ///
    /// - Parameter held: batches that the worker has yet to make or to send.
    @discardableResult
    public mutating func compare(_ worker: Worker, holds held: [UInt64], now: Double) -> [UInt64] {
        let held = Set(held)
        for (batch, lease) in leases where lease.worker == worker {
            leases[batch]?.absentSince = held.contains(batch) ? nil : lease.absentSince ?? now
        }
        let patience = leaseSeconds / 10
        return takeBack { lease in
            lease.worker == worker && lease.absentSince.map { now - $0 >= patience } == true
        }
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
        let windowEnd = min(end, barrier, nextToConsume + UInt64(capacity))
        while nextToLease < windowEnd, let worker = idlest() {
            lease(nextToLease, to: worker, now: now, in: &tickets)
            nextToLease += 1
        }
        return tickets
    }

    /// Whether a batch is leased, or was taken back and waits for another worker.
    public func isLeased(_ batch: UInt64) -> Bool {
        leases[batch] != nil || returned.contains { $0.batch == batch }
    }

    /// Notes that a batch has come in. Any worker's copy will do: batches are pure functions of their index.
    ///
    /// A worker sends in the order of its leases, so what it should have sent before this one is lost, and taken back.
    /// - Parameter sender: who made this copy, where that is known.
    public mutating func receive(_ batch: UInt64, from sender: Worker? = nil) -> Receipt {
        if batch < nextToConsume || received[batch] != nil { return .duplicate }
        if let lease = leases.removeValue(forKey: batch) {
            received[batch] = lease.worker
            if sender == lease.worker { _ = takeBack { $0.worker == sender && $0.number < lease.number } }
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
        leases[batch] = Lease(worker: worker, deadline: now + leaseSeconds, number: leaseCount)
        leaseCount += 1
        workers[worker]?.underWay += 1
        tickets[worker, default: []].append(batch)
    }

    /// - Parameter candidates: batches that may be taken back; nil: all.
    private mutating func takeBack(among candidates: Set<UInt64>? = nil, where isLost: (Lease) -> Bool) -> [UInt64] {
        let lost = leases.filter { candidates?.contains($0.key) != false && isLost($0.value) }.keys.sorted()
        for batch in lost {
            guard let lease = leases.removeValue(forKey: batch) else { continue }
            workers[lease.worker]?.underWay -= 1
            returned.append((batch, lease.worker))
            takenBackCount += 1
        }
        returned.sort { $0.batch < $1.batch }
        return lost
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
