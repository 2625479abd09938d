import Basics
import CZeroMQ

/// What became of a message to one peer.
public enum Delivery: Equatable, Sendable {
    case sent
    /// Nobody of that name is connected.
    case unknownPeer
    /// The peer takes no more for now; nothing was sent.
    case full
}

/// The trainer's end of the control sockets: knows its peers by name, answers each. For one thread.
///
/// A peer that connects under a name in use takes it over: so a worker that was restarted is heard at once, before its
/// dead connection has been noticed.
public final class ControlServer: Pollable {
    private let socket: Socket

    /// - Parameters:
    ///   - endpoint: as for `PullLink`.
    ///   - highWaterMark: messages to and from one peer that wait in this process.
    public init(
        _ context: TransportContext, bind endpoint: String, highWaterMark: Int = 1000,
        messageBytesMax: Int = 64 << 20, security: LinkSecurity = .none
    ) throws(TransportError) {
        // The peer's name travels as a frame of its own, before the message.
        let limits = MessageLimits(framesMax: 2, messageBytesMax: messageBytesMax)
        socket = try Socket(
            context, type: ZMQ_ROUTER, endpoint: endpoint, highWaterMark: highWaterMark, limits: limits,
            security: security)
        socket.set(ZMQ_ROUTER_MANDATORY, Int32(1))
        socket.set(ZMQ_ROUTER_HANDOVER, Int32(1))
        try socket.bind()
    }

    /// Where it listens, with the port that it got.
    public var endpoint: String { socket.endpoint }

    /// The next message and who sent it, or nil when none came within the time.
    ///
    /// - Throws: `TransportError.messageTooLarge` for a message beyond the limits: it is dropped, others follow.
    public func receive(timeoutMilliseconds: Int) throws(TransportError) -> (peer: [UInt8], frame: Frame)? {
        guard let frames = try socket.receive(timeoutMilliseconds: timeoutMilliseconds) else { return nil }
        return (unsafe Array(frames[0].bytes), frames.count == 2 ? frames[1] : Frame(byteCount: 0))
    }

    /// Sends without waiting.
    public func send(_ frame: Frame, to peer: [UInt8]) throws(TransportError) -> Delivery {
        switch try socket.send([Frame(copying: peer), frame], timeoutMilliseconds: 0) {
        case .sent: return .sent
        case .full: return .full
        case .unknownPeer: return .unknownPeer
        }
    }

    /// Closes now; what waits has `lingerMilliseconds` to leave, during the context's `close`.
    public func close(lingerMilliseconds: Int = 2000) {
        socket.close(lingerMilliseconds: Int32(clamping: lingerMilliseconds))
    }

    public var pollHandle: PollHandle { unsafe PollHandle(socket: socket.pointer) }
}

/// A worker's end of the control sockets: one server, one name. For one thread.
public final class ControlClient: Pollable {
    private let socket: Socket

    /// - Parameter identity: this worker's name, 1 to 255 bytes, not beginning with a zero byte; one per worker.
    public init(
        _ context: TransportContext, connect endpoint: String, identity: [UInt8], highWaterMark: Int = 1000,
        messageBytesMax: Int = 64 << 20, security: LinkSecurity = .none
    ) throws(TransportError) {
        let limits = MessageLimits(framesMax: 1, messageBytesMax: messageBytesMax)
        socket = try Socket(
            context, type: ZMQ_DEALER, endpoint: endpoint, highWaterMark: highWaterMark, limits: limits,
            security: security)
        socket.setIdentity(identity)
        try socket.connect()
    }

    /// - Returns: false when there was no room within the time; nothing was sent.
    public func send(_ frame: Frame, timeoutMilliseconds: Int) throws(TransportError) -> Bool {
        try socket.send([frame], timeoutMilliseconds: timeoutMilliseconds) == .sent
    }

    /// The next message of the server, or nil when none came within the time.
    public func receive(timeoutMilliseconds: Int) throws(TransportError) -> Frame? {
        try socket.receive(timeoutMilliseconds: timeoutMilliseconds)?[0]
    }

    /// Closes now; what waits has `lingerMilliseconds` to leave, during the context's `close`.
    public func close(lingerMilliseconds: Int = 2000) {
        socket.close(lingerMilliseconds: Int32(clamping: lingerMilliseconds))
    }

    public var pollHandle: PollHandle { unsafe PollHandle(socket: socket.pointer) }
}
