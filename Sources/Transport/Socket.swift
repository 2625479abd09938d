import Basics
import CZeroMQ
import Glibc

/// One socket: options, whole messages, and a close that is never forgotten.
///
/// For one thread: a socket may be handed to another thread as a whole, but never used by two. (That it is not
/// `Sendable` lets the compiler see to it.)
@safe final class Socket {
    let context: TransportContext
    /// As asked for; for a bound socket the address that it got.
    private(set) var endpoint: String
    private var handle: UnsafeMutableRawPointer?
    let limits: MessageLimits

    init(
        _ context: TransportContext, type: Int32, endpoint: String, highWaterMark: Int, limits: MessageLimits,
        security: LinkSecurity = .none
    ) throws(TransportError) {
        precondition(highWaterMark > 0, "transport: high-water mark \(highWaterMark): expected at least 1")
        self.context = context
        self.endpoint = endpoint
        self.limits = limits
        unsafe handle = try context.openSocket(type, endpoint: endpoint)
        for option in [ZMQ_SNDHWM, ZMQ_RCVHWM] { set(option, Int32(clamping: highWaterMark)) }
        set(ZMQ_LINGER, lingerMillisecondsDefault)
        set(ZMQ_MAXMSGSIZE, Int64(limits.messageBytesMax))
        // A peer that is stopped or unplugged says nothing: ask every half second, give up after three.
        set(ZMQ_HEARTBEAT_IVL, Int32(500))
        set(ZMQ_HEARTBEAT_TIMEOUT, Int32(1500))
        set(ZMQ_HEARTBEAT_TTL, Int32(1500))
        if endpoint.contains("[") { set(ZMQ_IPV6, Int32(1)) }
        secure(security)
    }

    private func secure(_ security: LinkSecurity) {
        switch security {
        case .none: break
        case .server(let keys, _):
            set(ZMQ_CURVE_SERVER, Int32(1))
            set(ZMQ_CURVE_SECRETKEY, text: keys.secretKey)
            set(ZMQ_ZAP_DOMAIN, text: Gatekeeper.domain)
        case .client(let keys, let serverKey):
            set(ZMQ_CURVE_SERVERKEY, text: serverKey)
            set(ZMQ_CURVE_PUBLICKEY, text: keys.publicKey)
            set(ZMQ_CURVE_SECRETKEY, text: keys.secretKey)
        }
    }

    private func set(_ option: Int32, text: String) {
        let result = unsafe zmq_setsockopt(pointer, option, text, text.utf8.count)
        precondition(result == 0, "transport: option \(option): \(lastErrorText())")
    }

    deinit { close() }

    /// Closes; what was sent and is not on its way yet has `linger` time before it is dropped. Does not wait itself:
    /// the context's `close` does.
    func close(lingerMilliseconds: Int32? = nil) {
        guard let open = unsafe handle else { return }
        if let lingerMilliseconds { set(ZMQ_LINGER, lingerMilliseconds) }
        unsafe context.closeSocket(open)
        unsafe handle = nil
    }

    var pointer: UnsafeMutableRawPointer {
        guard let open = unsafe handle else { preconditionFailure("transport: \(endpoint): used after close") }
        return unsafe open
    }

    func set<Value: BitwiseCopyable>(_ option: Int32, _ value: Value) {
        unsafe withUnsafeBytes(of: value) { bytes in
            let result = unsafe zmq_setsockopt(pointer, option, bytes.baseAddress, bytes.count)
            precondition(result == 0, "transport: option \(option) = \(value): \(lastErrorText())")
        }
    }

    func setIdentity(_ identity: [UInt8]) {
        precondition((1...255).contains(identity.count), "transport: identity of \(identity.count) bytes")
        let result = unsafe identity.withUnsafeBytes {
            unsafe zmq_setsockopt(pointer, ZMQ_ROUTING_ID, $0.baseAddress, $0.count)
        }
        precondition(result == 0, "transport: identity: \(lastErrorText())")
    }

    func bind() throws(TransportError) {
        try checkToBind(endpoint)
        let result = retryingInterrupted { unsafe zmq_bind(pointer, endpoint) }
        guard result == 0 else { throw bindError(endpoint, zmq_errno()) }
        var length = 256
        var text = [UInt8](repeating: 0, count: length)
        _ = unsafe text.withUnsafeMutableBytes {
            unsafe zmq_getsockopt(pointer, ZMQ_LAST_ENDPOINT, $0.baseAddress, &length)
        }
        endpoint = String(decoding: text.prefix(max(length - 1, 0)), as: UTF8.self)
    }

    /// Listens for this process alone.
    func bindInProcess() throws(TransportError) {
        guard unsafe zmq_bind(pointer, endpoint) == 0 else { throw bindError(endpoint, zmq_errno()) }
    }

    func connect() throws(TransportError) {
        try checkSyntax(endpoint)
        let result = retryingInterrupted { unsafe zmq_connect(pointer, endpoint) }
        guard result == 0 else { throw .refused(endpoint: endpoint, call: "connect", reason: lastErrorText()) }
    }
}

/// What was sent may wait this long for its peer after a close.
let lingerMillisecondsDefault: Int32 = 2000

/// What a receiver takes in one message; anything beyond is dropped whole.
public struct MessageLimits: Equatable, Sendable {
    public var framesMax: Int
    /// Of all frames together. A peer that sends one larger frame loses its connection.
    public var messageBytesMax: Int

    public init(framesMax: Int = 64, messageBytesMax: Int = 1 << 30) {
        precondition(framesMax > 0 && messageBytesMax > 0, "transport: limits \(framesMax), \(messageBytesMax)")
        self.framesMax = framesMax
        self.messageBytesMax = messageBytesMax
    }
}
