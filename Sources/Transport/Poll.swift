import CZeroMQ
import Glibc

/// A link that can be waited for.
public protocol Pollable: AnyObject {
    /// The library's socket, for `poll` alone.
    var pollHandle: PollHandle { get }
}

/// Opaque to everyone but `poll`.
@safe public struct PollHandle {
    let socket: UnsafeMutableRawPointer
}

/// Something to wait for until it is readable.
public enum PollItem {
    case link(any Pollable)
    /// A plain file descriptor: a `StopToken`'s, an eventfd.
    case descriptor(Int32)
}

/// Waits until one of `items` is readable or the time is up.
///
/// - Parameter timeoutMilliseconds: 0 only looks.
/// - Returns: the places in `items` of those that are readable, ascending; empty when the time is up. A descriptor
///   whose other end is gone counts as readable: reading it tells.
public func poll(_ items: [PollItem], timeoutMilliseconds: Int) -> [Int] {
    var entries = unsafe items.map { item -> zmq_pollitem_t in
        switch item {
        case .link(let link):
            return unsafe zmq_pollitem_t(
                socket: link.pollHandle.socket, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
        case .descriptor(let descriptor):
            return unsafe zmq_pollitem_t(socket: nil, fd: descriptor, events: Int16(ZMQ_POLLIN), revents: 0)
        }
    }
    let count = unsafe poll(&entries, until: Deadline(milliseconds: timeoutMilliseconds))
    return count == 0 ? [] : unsafe entries.indices.filter { unsafe entries[$0].revents != 0 }
}

/// A moment after which waiting ends.
struct Deadline {
    private let instant: ContinuousClock.Instant

    init(milliseconds: Int) {
        precondition(milliseconds >= 0, "transport: a timeout of \(milliseconds) ms")
        instant = .now + .milliseconds(milliseconds)
    }

    /// Whole milliseconds that are left, rounded up, so that waiting for them does not spin at the end.
    var millisecondsLeft: Int {
        let left = ContinuousClock.now.duration(to: instant)
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = left.components
        return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}

/// Polls, goes on after signals with the time that is left, and gives the number of ready items.
func poll(_ entries: inout [zmq_pollitem_t], until deadline: Deadline) -> Int {
    let count = retryingInterrupted {
        unsafe zmq_poll(&entries, Int32(entries.count), deadline.millisecondsLeft)
    }
    precondition(count >= 0, "transport: poll: \(lastErrorText())")
    return Int(count)
}
