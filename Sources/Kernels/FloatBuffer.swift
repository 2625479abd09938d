import CPlatform

/// Owned float32 storage on a cache-line boundary: what a `Matrix` looks at. Large ones lie on huge pages where the
/// system has them: rows all over a table then miss the address cache far less.
///
/// Whoever shares one buffer between threads keeps their writes apart.
@safe public final class FloatBuffer: @unchecked Sendable {
    /// Elements that may be used from `base` on.
    public private(set) var count: Int
    /// The first element, at a multiple of 64 bytes. `reserve` may move it.
    public private(set) var base: UnsafeMutablePointer<Float>
    private var capacity: Int

    /// A buffer of `count` zeros.
    public convenience init(count: Int = 0) { self.init(count, cleared: true) }

    /// A buffer for who writes every element before it is read: its content is anything. Memory comes as it is touched.
    public convenience init(unwritten count: Int) { self.init(count, cleared: false) }

    private init(_ count: Int, cleared: Bool) {
        require(count >= 0, "FloatBuffer: count is \(count)")
        self.count = count
        capacity = count
        unsafe base = Self.allocate(count, cleared: cleared)
    }

    deinit {
        unsafe base.deallocate()
    }

    /// Makes room for `count` elements. Storage grows only; when it grows, its content is lost.
    public func reserve(_ count: Int) {
        require(count >= 0, "FloatBuffer: reserve \(count)")
        if count > capacity {
            unsafe base.deallocate()
            unsafe base = Self.allocate(count)
            capacity = count
        }
        self.count = max(self.count, count)
    }

    private static let hugePageBytes = 1 << 21

    private static func allocate(_ count: Int, cleared: Bool = true) -> UnsafeMutablePointer<Float> {
        let isLarge = count * 4 >= 2 * hugePageBytes
        let alignment = isLarge ? hugePageBytes : 64
        let byteCount = (max(count, 1) * 4 + alignment - 1) / alignment * alignment
        let raw = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
        if isLarge { unsafe platform_prefer_huge_pages(raw, byteCount) }
        let floats = unsafe raw.bindMemory(to: Float.self, capacity: byteCount / 4)
        if cleared { unsafe floats.initialize(repeating: 0, count: byteCount / 4) }
        return unsafe floats
    }
}
