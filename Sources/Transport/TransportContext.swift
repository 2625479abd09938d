import CPlatform
import CZeroMQ
import Glibc
import Synchronization

/// The I/O thread that serves this process's sockets. One per process; create it after the `StopToken`.
@safe public final class TransportContext: Sendable {
    private let handle: Mutex<Handle>

    /// The library's handle, nil once closed, and the sockets that are open on it.
    @safe private struct Handle: @unchecked Sendable {
        var pointer: UnsafeMutableRawPointer?
        var openSockets = 0
    }

    /// - Parameter receivesBatches: batches of tens of megabytes come and go: their memory stays with the process.
    ///   Whoever only sends them fills the same memory again, and what it has outgrown goes back to the kernel.
    public init(receivesBatches: Bool = true) {
        if receivesBatches { platform_keep_large_blocks() } else { platform_return_large_blocks() }
        guard let pointer = unsafe zmq_ctx_new() else { preconditionFailure("transport: no memory for a context") }
        handle = unsafe Mutex(Handle(pointer: pointer))
    }

    /// Waits until what was sent is on its way, at most the sockets' linger time. All sockets must be closed before.
    public func close() {
        let pointer = handle.withLock { handle -> UInt? in
            precondition(handle.openSockets == 0, "transport: context closed before \(handle.openSockets) sockets")
            defer { unsafe handle.pointer = nil }
            return unsafe handle.pointer.map { UInt(bitPattern: $0) }
        }
        guard let pointer else { return }
        _ = retryingInterrupted { unsafe zmq_ctx_term(UnsafeMutableRawPointer(bitPattern: pointer)) }
    }

    deinit { close() }

    func openSocket(_ type: Int32, endpoint: String) throws(TransportError) -> UnsafeMutableRawPointer {
        let address = handle.withLock { handle -> UInt? in
            guard let context = unsafe handle.pointer else { preconditionFailure("transport: context is closed") }
            guard let socket = unsafe zmq_socket(context, type) else { return nil }
            handle.openSockets += 1
            return UInt(bitPattern: socket)
        }
        guard let address, let socket = unsafe UnsafeMutableRawPointer(bitPattern: address) else {
            throw .refused(endpoint: endpoint, call: "socket", reason: lastErrorText())
        }
        return unsafe socket
    }

    func closeSocket(_ socket: UnsafeMutableRawPointer) {
        let result = unsafe zmq_close(socket)
        precondition(result == 0, "transport: close: \(lastErrorText())")
        handle.withLock { $0.openSockets -= 1 }
    }
}

/// Calls again as long as a signal interrupts it.
func retryingInterrupted(_ call: () -> Int32) -> Int32 {
    while true {
        let result = call()
        if result != -1 || zmq_errno() != EINTR { return result }
    }
}

/// The library's words for the error of the last call.
func lastErrorText() -> String { unsafe String(cString: zmq_strerror(zmq_errno())) }
