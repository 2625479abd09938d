import CPlatform
import Glibc

/// Memory from the system: zero until it is written to, in use only where it has been touched, longer without a copy.
///
/// Large tables live here and not in arrays, which are filled when made, copied when they grow, and have small pages.
@safe final class ZeroedMemory: @unchecked Sendable {
    /// Valid until the next `grow`.
    private(set) var base: UnsafeMutableRawPointer
    private(set) var byteCount: Int

    private static let pageBytes = 4096

    /// At least `byteCount` bytes.
    init(byteCount: Int) {
        self.byteCount = Self.wholePages(byteCount)
        unsafe base = Self.require(
            mmap(nil, self.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), self.byteCount)
        unsafe platform_prefer_huge_pages(base, self.byteCount)
    }

    deinit { unsafe munmap(base, byteCount) }

    /// Makes it at least `needed` bytes long, and twice as long as before: what is there stays, the rest is zero.
    func grow(to needed: Int) {
        guard needed > byteCount else { return }
        let longer = Self.wholePages(max(needed, 2 * byteCount))
        unsafe base = Self.require(platform_grow(base, byteCount, longer), longer)
        byteCount = longer
        unsafe platform_prefer_huge_pages(base, byteCount)
    }

    private static func wholePages(_ byteCount: Int) -> Int {
        max(1, (byteCount + pageBytes - 1) / pageBytes) * pageBytes
    }

    private static func require(_ address: UnsafeMutableRawPointer?, _ byteCount: Int) -> UnsafeMutableRawPointer {
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            preconditionFailure("ZeroedMemory: no \(byteCount) bytes: \(unsafe String(cString: strerror(errno)))")
        }
        return unsafe address
    }
}
