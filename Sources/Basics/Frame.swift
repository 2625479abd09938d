/// A block of bytes with an owner: what transport moves and what a minibatch's arrays lie in.
///
/// The bytes do not change once the frame has been sent or decoded, so a frame may be shared between
/// threads. Nothing is copied on either end of a socket: the sender's memory is handed over, the
/// receiver's message is kept alive by its frame.
@safe public final class Frame: @unchecked Sendable {
    /// The bytes, valid while the frame lives.
    public let bytes: UnsafeMutableRawBufferPointer
    private let release: (@Sendable () -> Void)?

    /// Allocates `byteCount` uninitialised bytes, aligned to 64.
    public init(byteCount: Int) {
        let base = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
        unsafe bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
        release = nil
    }

    /// Takes bytes that somebody else allocated; `release` is called once, when the frame goes.
    public init(adopting bytes: UnsafeMutableRawBufferPointer, release: @escaping @Sendable () -> Void) {
        unsafe self.bytes = bytes
        self.release = release
    }

    deinit {
        if let release { release() } else { unsafe bytes.baseAddress?.deallocate() }
    }

    public var byteCount: Int { unsafe bytes.count }
}

extension Frame {
    /// A frame holding a copy of `source`.
    public convenience init(copying source: some Collection<UInt8>) {
        self.init(byteCount: source.count)
        unsafe bytes.copyBytes(from: source)
    }
}
