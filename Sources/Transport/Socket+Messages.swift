import Basics
import CZeroMQ
import Glibc
import Synchronization

/// Frames given to the library, by all threads: what is in a frame lies before what the I/O thread does with it. The
/// library sees to that too, in ways that ThreadSanitizer does not see.
private let handedOver = Atomic<Int>(0)

extension Socket {
    enum SendResult: Equatable {
        case sent
        /// No room (or no peer) before the deadline; nothing was sent.
        case full
        /// The address in the first frame is of nobody.
        case unknownPeer
    }

    /// Sends all frames as one message, without copying them: each is kept until the library is done with its bytes.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait for room. Once the first frame is taken the others follow at once.
    func send(_ frames: [Frame], timeoutMilliseconds: Int) throws(TransportError) -> SendResult {
        precondition(!frames.isEmpty, "transport: \(endpoint): a message of no frames")
        let deadline = Deadline(milliseconds: timeoutMilliseconds)
        for (index, frame) in frames.enumerated() {
            var message = zmq_msg_t()
            unsafe initialize(&message, with: frame)
            let more = index + 1 < frames.count ? ZMQ_SNDMORE : 0
            // Marks count whole messages, so only the first frame can find no room.
            let flags = index == 0 ? more | ZMQ_DONTWAIT : more
            while true {
                let result = retryingInterrupted { unsafe zmq_msg_send(&message, pointer, flags) }
                if result >= 0 { break }
                let code = zmq_errno()
                if code == EAGAIN && index == 0 && wait(for: ZMQ_POLLOUT, until: deadline) { continue }
                unsafe zmq_msg_close(&message)
                if code == EAGAIN { return .full }
                if code == EHOSTUNREACH { return .unknownPeer }
                throw failure("send", code)
            }
        }
        return .sent
    }

    /// The next whole message, or nil when none came in time.
    ///
    /// Its frames lie in the library's memory, which each frame keeps until it goes.
    /// - Throws: `messageTooLarge` for a message beyond the limits, which is dropped; the socket stays usable.
    func receive(timeoutMilliseconds: Int) throws(TransportError) -> [Frame]? {
        let deadline = Deadline(milliseconds: timeoutMilliseconds)
        var frames: [Frame] = []
        var (frameCount, byteCount) = (0, 0)
        while true {
            let message = UnsafeMutablePointer<zmq_msg_t>.allocate(capacity: 1)
            unsafe zmq_msg_init(message)
            let flags = frameCount == 0 ? ZMQ_DONTWAIT : 0
            let result = retryingInterrupted { unsafe zmq_msg_recv(message, pointer, flags) }
            if result < 0 {
                let code = zmq_errno()
                unsafe discard(message)
                guard code == EAGAIN else { throw failure("receive", code) }
                if wait(for: ZMQ_POLLIN, until: deadline) { continue }
                return nil
            }
            let isLast = unsafe zmq_msg_more(message) == 0
            frameCount += 1
            byteCount += unsafe zmq_msg_size(message)
            let fits = frameCount <= limits.framesMax && byteCount <= limits.messageBytesMax
            if fits { unsafe frames.append(frame(owning: message)) } else { unsafe discard(message) }
            if isLast { break }
        }
        if frameCount > limits.framesMax {
            throw .messageTooLarge(endpoint: endpoint, what: "frames", count: frameCount, countMax: limits.framesMax)
        }
        if byteCount > limits.messageBytesMax {
            throw .messageTooLarge(
                endpoint: endpoint, what: "bytes", count: byteCount, countMax: limits.messageBytesMax)
        }
        return frames
    }

    /// Lets the library read the frame's own bytes, and keeps the frame until it has.
    private func initialize(_ message: UnsafeMutablePointer<zmq_msg_t>, with frame: Frame) {
        guard frame.byteCount > 0 else {
            unsafe zmq_msg_init(message)
            return
        }
        let hint = unsafe Unmanaged.passRetained(frame).toOpaque()
        handedOver.add(1, ordering: .releasing)
        // Called on the I/O thread, or here when the message never leaves.
        let result = unsafe zmq_msg_init_data(
            message, frame.bytes.baseAddress, frame.byteCount,
            { _, hint in
                _ = handedOver.load(ordering: .acquiring)
                let frame = unsafe Unmanaged<Frame>.fromOpaque(hint!)
                unsafe frame.takeUnretainedValue().doneReading()
                unsafe frame.release()
            }, hint)
        precondition(result == 0, "transport: no memory for a message: \(lastErrorText())")
    }

    private func frame(owning message: UnsafeMutablePointer<zmq_msg_t>) -> Frame {
        nonisolated(unsafe) let message = unsafe message
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message))
        return unsafe Frame(adopting: bytes) {
            unsafe zmq_msg_close(message)
            unsafe message.deallocate()
        }
    }

    private func discard(_ message: UnsafeMutablePointer<zmq_msg_t>) {
        unsafe zmq_msg_close(message)
        unsafe message.deallocate()
    }

    /// Whether the socket became ready before the deadline.
    private func wait(for event: Int32, until deadline: Deadline) -> Bool {
        var items = unsafe [zmq_pollitem_t(socket: pointer, fd: 0, events: Int16(event), revents: 0)]
        return unsafe poll(&items, until: deadline) > 0
    }

    private func failure(_ call: String, _ code: Int32) -> TransportError {
        precondition(code != ENOTSOCK && code != EFAULT, "transport: \(endpoint): \(call): \(lastErrorText())")
        return .refused(endpoint: endpoint, call: call, reason: unsafe String(cString: zmq_strerror(code)))
    }
}
