import Basics
import CZeroMQ
import Foundation
import Synchronization

/// Answers the library's question, for each connection to a CURVE socket of this context, whether the key is let in.
///
/// Without it CURVE encrypts, and admits any key.
/// - Source: ZeroMQ RFC 27, ZAP, https://rfc.zeromq.org/spec/27/.
public final class Gatekeeper: Sendable {
    /// Every secure socket's.
    static let domain = "pinsage"
    private static let endpoint = "inproc://zeromq.zap.01"

    private let state = Mutex(State())
    private let allowed: Set<[UInt8]>
    private let refused: @Sendable (String) -> Void

    private struct State {
        var isClosing = false
        var isDone = false
        /// Said once each: a peer that is refused tries again and again.
        var refusals: Set<[UInt8]> = []
    }

    /// Opens for business; to be called before the first secure socket listens.
    ///
    /// - Parameters:
    ///   - allowed: public keys.
    ///   - refused: told once of each key that is refused, in one line; on another thread.
    public init(
        _ context: TransportContext, allowed: Set<String>, refused: @escaping @Sendable (String) -> Void
    ) throws(TransportError) {
        self.allowed = Set(allowed.compactMap(decodedKey))
        self.refused = refused
        let socket = try Socket(
            context, type: ZMQ_REP, endpoint: Self.endpoint, highWaterMark: 1000, limits: MessageLimits())
        try socket.bindInProcess()
        nonisolated(unsafe) let handed = socket
        let thread = Thread { [self] in
            unsafe serve(handed)
            unsafe handed.close()
            state.withLock { $0.isDone = true }
        }
        thread.name = "gatekeeper"
        thread.start()
    }

    /// Closes; to be called after the secure sockets are closed and before the context is.
    public func close() {
        state.withLock { $0.isClosing = true }
        while !state.withLock({ $0.isDone }) { usleep(1000) }
    }

    private func serve(_ socket: Socket) {
        while !state.withLock({ $0.isClosing }) {
            guard let request = try? socket.receive(timeoutMilliseconds: 50), request.count >= 6 else { continue }
            let frames = request.map { unsafe Array($0.bytes) }
            let isLetIn = frames[5] == Array("CURVE".utf8) && frames.count > 6 && allowed.contains(frames[6])
            if !isLetIn { report(frames) }
            let answer = [
                frames[0], frames[1], Array((isLetIn ? "200" : "400").utf8),
                Array((isLetIn ? "OK" : "this key is not let in").utf8), [], [],
            ]
            _ = try? socket.send(answer.map { Frame(copying: $0) }, timeoutMilliseconds: 1000)
        }
    }

    private func report(_ frames: [[UInt8]]) {
        let key = frames.count > 6 ? frames[6] : []
        guard state.withLock({ $0.refusals.count < 1000 && $0.refusals.insert(key).inserted }) else { return }
        var text = [CChar](repeating: 0, count: 41)
        let known = unsafe key.count == 32 && zmq_z85_encode(&text, key, 32) != nil
        let shown = known ? String(decoding: text.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self) : "none"
        refused(
            "a peer at \(String(decoding: frames[3], as: UTF8.self)) is not let in: its key \(shown) is not allowed")
    }
}
