import Basics
import CZeroMQ

/// Where a worker puts finished batches.
public protocol BatchSender {
    /// Sends all frames as one message.
    ///
    /// - Returns: false when there was no room within the time; nothing was sent.
    func send(_ frames: [Frame], timeoutMilliseconds: Int) throws -> Bool
}

/// Where the trainer takes batches from.
public protocol BatchReceiver {
    /// The next message with all its frames, or nil when none came within the time.
    func receive(timeoutMilliseconds: Int) throws -> [Frame]?
}

/// The sending end of the batches' way: connects, and connects again when the other end has been away.
///
/// Nothing is copied: frames are kept until they are on their way. What was sent to a process that dies may be lost.
/// For one thread.
public final class PushLink: BatchSender {
    private let socket: Socket

    /// - Parameters:
    ///   - endpoint: `ipc://PATH` or `tcp://HOST:PORT`; need not exist yet.
    ///   - highWaterMark: messages that wait in this process before `send` waits. At least 1.
    public init(
        _ context: TransportContext, connect endpoint: String, highWaterMark: Int = 2, security: LinkSecurity = .none
    ) throws(TransportError) {
        socket = try Socket(
            context, type: ZMQ_PUSH, endpoint: endpoint, highWaterMark: highWaterMark, limits: MessageLimits(),
            security: security)
        try socket.connect()
    }

    public func send(_ frames: [Frame], timeoutMilliseconds: Int) throws(TransportError) -> Bool {
        try socket.send(frames, timeoutMilliseconds: timeoutMilliseconds) == .sent
    }

    /// Closes now; what waits has `lingerMilliseconds` to leave, during the context's `close`.
    public func close(lingerMilliseconds: Int = 2000) {
        socket.close(lingerMilliseconds: Int32(clamping: lingerMilliseconds))
    }
}

/// The receiving end of the batches' way: listens, for any number of senders. For one thread.
public final class PullLink: BatchReceiver, Pollable {
    private let socket: Socket

    /// - Parameters:
    ///   - endpoint: `ipc://PATH` or `tcp://HOST:PORT`, where HOST `*` is every interface and PORT `*` a free port.
    ///   - highWaterMark: messages of one sender that wait in this process before it reads no more of them.
    ///   - limits: what one message may hold.
    public init(
        _ context: TransportContext, bind endpoint: String, highWaterMark: Int = 2,
        limits: MessageLimits = MessageLimits(), security: LinkSecurity = .none
    ) throws(TransportError) {
        socket = try Socket(
            context, type: ZMQ_PULL, endpoint: endpoint, highWaterMark: highWaterMark, limits: limits,
            security: security)
        try socket.bind()
    }

    /// Where it listens, with the port that it got.
    public var endpoint: String { socket.endpoint }

    /// - Throws: `TransportError.messageTooLarge` for a message beyond the limits: it is dropped, others follow.
    public func receive(timeoutMilliseconds: Int) throws(TransportError) -> [Frame]? {
        try socket.receive(timeoutMilliseconds: timeoutMilliseconds)
    }

    public func close() { socket.close() }

    public var pollHandle: PollHandle { unsafe PollHandle(socket: socket.pointer) }
}
