import CPlatform
import Glibc

/// Wakes a thread that waits in `poll`: an eventfd.
///
/// The descriptor is open for as long as anybody holds the event. So whoever rings late, such as a handler that runs
/// when a process has ended, cannot write into the file that has got the number meanwhile.
public final class WakeEvent: Sendable {
    /// Readable after `ring()`, until `drain()`.
    public let descriptor: Int32

    /// - Throws: `DescriptorError` when the kernel has no descriptor left.
    public init() throws {
        descriptor = platform_event_descriptor()
        guard descriptor >= 0 else { throw DescriptorError("eventfd", errno) }
    }

    deinit { close(descriptor) }

    /// From any thread.
    public func ring() {
        var one: UInt64 = 1
        unsafe write(descriptor, &one, 8)
    }

    /// Takes notice.
    public func drain() {
        var count: UInt64 = 0
        unsafe read(descriptor, &count, 8)
    }
}

/// The kernel refused a descriptor.
public struct DescriptorError: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ call: String, _ number: Int32) {
        description =
            unsafe "\(call): expected a descriptor, found: \(String(cString: strerror(number))). Raise ulimit -n."
    }
}
