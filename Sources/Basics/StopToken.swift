import CPlatform
import Glibc
import Synchronization

/// Tells every loop of a process that it shall end: a flag, and a descriptor to wait on beside sockets.
///
/// Loops look at `isStopped` once per batch. The descriptor stays readable until `drainSignals()` or `isStopped`
/// has taken notice; so when it wakes a `poll`, look at `isStopped` next.
public final class StopToken: Sendable {
    /// Readable while a signal, or a `stop()`, has not been taken notice of. Closed with the token.
    public let descriptor: Int32
    private let signals: Int32?
    private let event: WakeEvent
    private let stopped = Atomic<Bool>(false)
    private let lastSignal = Atomic<Int32>(0)
    private let signalsTaken = Atomic<Int>(0)

    /// A token that SIGINT and SIGTERM set. Create it before the process has a second thread: the signals are blocked
    /// in this thread and in those it starts, and a thread without the block would still die of them.
    ///
    /// - Throws: `DescriptorError` when the kernel has no descriptor left.
    public convenience init() throws {
        let signals = platform_signal_descriptor()
        guard signals >= 0 else { throw DescriptorError("signalfd", errno) }
        try self.init(signals: signals)
    }

    /// A token that only `stop()` sets.
    public static func manual() -> StopToken {
        do { return try StopToken(signals: nil) } catch { preconditionFailure("\(error)") }
    }

    private init(signals: Int32?) throws {
        self.signals = signals
        event = try WakeEvent()
        descriptor = platform_either_descriptor(signals ?? -1, event.descriptor)
        guard descriptor >= 0 else { throw DescriptorError("epoll", errno) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if let signals { close(signals) }
    }

    /// Whether the end has been asked for. One system call.
    public var isStopped: Bool {
        drainSignals()
        return stopped.load(ordering: .acquiring)
    }

    /// Asks for the end; from any thread.
    public func stop() {
        stopped.store(true, ordering: .releasing)
        event.ring()
    }

    /// Takes notice of what made the descriptor readable.
    public func drainSignals() {
        if let signals {
            while case let number = platform_read_signal(signals), number != 0 {
                lastSignal.store(number, ordering: .relaxed)
                signalsTaken.add(1, ordering: .relaxed)
                stopped.store(true, ordering: .releasing)
            }
        }
        event.drain()
    }

    /// The newest signal that was taken notice of, or 0.
    public var signalNumber: Int32 { lastSignal.load(ordering: .relaxed) }

    /// Signals that were taken notice of.
    public var signalCount: Int { signalsTaken.load(ordering: .relaxed) }
}
