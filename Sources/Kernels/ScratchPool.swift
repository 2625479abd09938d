import Synchronization

/// Working memory that outlives the call, so that a hot loop neither allocates nor faults pages in anew.
@safe final class ScratchPool: Sendable {
    private let idle = Mutex<[FloatBuffer]>([])

    /// Lends `count` elements, at a multiple of 64 bytes and with any content, to `body`.
    func with<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
        let buffer = idle.withLock { $0.popLast() } ?? FloatBuffer()
        buffer.reserve(count)
        defer { idle.withLock { $0.append(buffer) } }
        return unsafe body(buffer.base)
    }
}
