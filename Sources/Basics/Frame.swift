import CPlatform
import Synchronization

/// A block of bytes with an owner: what transport moves and what a minibatch's arrays lie in.
///
/// The bytes do not change once the frame has been sent or decoded, so a frame may be shared between
/// threads. Nothing is copied on either end of a socket: the sender's memory is handed over, the
/// receiver's message is kept alive by its frame. Whoever made a frame may fill it again once nobody else holds it.
@safe public final class Frame: @unchecked Sendable {
    // Changed by `resize` alone, which nobody else may be beside.
    @exclusivity(unchecked) private var base: UnsafeMutableRawPointer?
    @exclusivity(unchecked) private var size: Int
    /// Bytes that the frame holds, used or not; 0 for somebody else's.
    package private(set) var capacity: Int
    private let release: (@Sendable () -> Void)?
    /// Counts readers on other threads that are done: what they read lies before what is written next.
    private let doneCount = Atomic<Int>(0)

    /// Allocates `byteCount` uninitialised bytes, aligned to 64.
    public init(byteCount: Int) {
        unsafe base = Self.allocate(byteCount)
        unsafe size = byteCount
        capacity = byteCount
        release = nil
    }

    /// Takes bytes that somebody else allocated; `release` is called once, when the frame goes.
    public init(adopting bytes: UnsafeMutableRawBufferPointer, release: @escaping @Sendable () -> Void) {
        unsafe base = bytes.baseAddress
        unsafe size = bytes.count
        capacity = 0
        self.release = release
    }

    deinit {
        if let release { release() } else { unsafe base?.deallocate() }
    }

    public var byteCount: Int { unsafe size }

    /// The bytes, valid while the frame lives and keeps its size.
    public var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }

    /// Makes the frame hold `newCount` bytes; the first `kept` stay as they are, others are uninitialised. Memory stays
    /// when there are fewer; when there are more than ever, there is room for an eighth more than that.
    ///
    /// - Precondition: the frame allocated its bytes, and nobody else uses it.
    public func resize(byteCount newCount: Int, keeping kept: Int = 0) {
        precondition(release == nil, "Frame: resized, but its bytes are somebody else's")
        precondition(kept <= min(byteCount, newCount), "Frame: keeps \(kept) bytes of \(byteCount) in \(newCount)")
        if newCount > capacity {
            capacity = newCount + newCount / 8
            let grown = unsafe Self.allocate(capacity)
            if let base = unsafe base {
                if kept > 0 { unsafe grown.copyMemory(from: base, byteCount: kept) }
                unsafe base.deallocate()
            }
            unsafe base = grown
        }
        unsafe size = newCount
    }

    /// Gives the frame's memory back to the kernel until it is written again: it takes no room, and its bytes are lost.
    ///
    /// - Precondition: as of `resize`.
    public func giveBack() {
        precondition(release == nil, "Frame: given back, but its bytes are somebody else's")
        if let base = unsafe base { unsafe platform_clear(base, capacity) }
    }

    /// Says, on the thread that read the bytes, that it reads them no more; before its reference goes.
    public func doneReading() { doneCount.add(1, ordering: .releasing) }

    /// Whether nobody but `frame` refers to it. Then all reads lie before what the caller does next.
    public static func isFree(_ frame: inout Frame) -> Bool {
        isKnownUniquelyReferenced(&frame) && frame.doneCount.load(ordering: .acquiring) >= 0
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        .allocate(byteCount: max(byteCount, 1), alignment: 64)
    }
}

extension Frame {
    /// A frame holding a copy of `source`.
    public convenience init(copying source: some Collection<UInt8>) {
        self.init(byteCount: source.count)
        unsafe bytes.copyBytes(from: source)
    }
}
