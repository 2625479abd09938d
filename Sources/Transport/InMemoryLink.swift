import Basics

/// Both ends of the batches' way within one process, with faults on request: what a lossy network would do, from one seed.
///
/// What happens to the n-th message depends on the seed and on n alone. Any thread may use either end.
public final class InMemoryLink: BatchSender, BatchReceiver, @unchecked Sendable {
    /// What goes wrong, and how often. All shares are between 0 (never) and 1 (always).
    public struct Faults: Equatable, Sendable {
        /// The message never arrives, and the sender does not know.
        public var lossShare = 0.0
        /// The message arrives twice.
        public var duplicateShare = 0.0
        /// The message comes before the one that was sent before it.
        public var reorderShare = 0.0
        /// The message is overtaken by up to `delayMessagesMax` others.
        public var delayShare = 0.0
        public var delayMessagesMax = 4
        /// One bit of one frame is flipped, or the frame is cut short.
        public var corruptionShare = 0.0
        public var seed: UInt64 = 0

        public init() {}
    }

    private struct Waiting {
        var frames: [Frame]
        /// Ready once the link's count of sends and of idle receives is at least this.
        var due: Int
    }

    private let faults: Faults
    private let highWaterMark: Int
    private let condition = SteadyCondition()
    // Guarded by `condition`.
    private var waiting: [Waiting] = []
    private var sentCount = 0
    private var time = 0

    /// - Parameter highWaterMark: messages that wait before `send` waits.
    public init(highWaterMark: Int = 1000, faults: Faults = Faults()) {
        precondition(highWaterMark > 0, "in-memory link: high-water mark \(highWaterMark)")
        precondition(faults.delayMessagesMax > 0, "in-memory link: delay of \(faults.delayMessagesMax) messages")
        self.highWaterMark = highWaterMark
        self.faults = faults
    }

    public func send(_ frames: [Frame], timeoutMilliseconds: Int) -> Bool {
        precondition(!frames.isEmpty, "in-memory link: a message of no frames")
        let deadline = steadySeconds() + Double(timeoutMilliseconds) / 1000
        condition.lock()
        defer { condition.unlock() }
        while waiting.count >= highWaterMark {
            guard condition.wait(until: deadline) else { return false }
        }
        deliver(frames)
        condition.broadcast()
        return true
    }

    public func receive(timeoutMilliseconds: Int) -> [Frame]? {
        let deadline = steadySeconds() + Double(timeoutMilliseconds) / 1000
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let index = waiting.firstIndex(where: { $0.due <= time }) {
                let frames = waiting.remove(at: index).frames
                condition.broadcast()
                return frames
            }
            // Time goes on with every message and every look in vain, so that what is delayed arrives in the end.
            if !waiting.isEmpty {
                time += 1
            } else if !condition.wait(until: deadline) {
                return nil
            }
        }
    }

    /// Messages that wait, delayed ones included.
    public var waitingCount: Int {
        condition.withLock { waiting.count }
    }

    private func deliver(_ frames: [Frame]) {
        // The order of the draws is fixed: a fault that is switched on moves no other.
        var random = CounterBasedGenerator(
            seed: faults.seed, purpose: 0x4641_554C, UInt64(sentCount), 0)
        sentCount += 1
        time += 1
        let (lost, doubled) = (random.happens(faults.lossShare), random.happens(faults.duplicateShare))
        let (early, late) = (random.happens(faults.reorderShare), random.happens(faults.delayShare))
        let delay = Int.random(in: 1...faults.delayMessagesMax, using: &random)
        let damaged = random.happens(faults.corruptionShare)
        if lost { return }
        let message = Waiting(
            frames: damaged ? corrupted(frames, using: &random) : frames, due: late ? time + delay : time)
        waiting.insert(message, at: early ? max(waiting.count - 1, 0) : waiting.count)
        if doubled { waiting.append(message) }
    }

    /// A copy with one fault; the sender's own bytes stay as they are.
    private func corrupted(_ frames: [Frame], using random: inout CounterBasedGenerator) -> [Frame] {
        let candidates = frames.indices.filter { frames[$0].byteCount > 0 }
        guard let index = candidates.randomElement(using: &random) else { return frames }
        var bytes = unsafe Array(frames[index].bytes)
        if random.happens(0.25) {
            bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
        } else {
            bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        var copy = frames
        copy[index] = Frame(copying: bytes)
        return copy
    }
}

extension CounterBasedGenerator {
    fileprivate mutating func happens(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &self) < share }
}
