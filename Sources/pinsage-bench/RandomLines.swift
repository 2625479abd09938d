import Basics
import CPlatform

/// How many cache lines of a table this machine reads a second when each is anywhere: what walks are measured against.
@safe final class RandomLines {
    private let table: UnsafeMutableRawPointer
    let byteCount: Int
    private let places: UnsafeMutablePointer<Int>
    private let states: UnsafeMutablePointer<UInt64>

    /// Chains side by side, each of which waits for a line before it knows the next.
    static let chainCounts = [1, 32, 64, 128, 256]
    private static let hugePageBytes = 1 << 21
    private static let lineBytes = 64

    /// A table of zeros, in huge pages where the kernel has them.
    init(byteCount: Int) {
        self.byteCount = max(byteCount, Self.hugePageBytes) / Self.hugePageBytes * Self.hugePageBytes
        unsafe table = .allocate(byteCount: self.byteCount, alignment: Self.hugePageBytes)
        unsafe platform_prefer_huge_pages(table, self.byteCount)
        unsafe table.initializeMemory(as: UInt8.self, repeating: 0, count: self.byteCount)
        let most = Self.chainCounts.max() ?? 1
        unsafe places = .allocate(capacity: most)
        unsafe states = .allocate(capacity: most)
    }

    deinit {
        unsafe table.deallocate()
        unsafe places.deallocate()
        unsafe states.deallocate()
    }

    /// Lines a second of processor time, with so many chains in lock-step.
    func rate(chains: Int, lines: Int) -> Double {
        for chain in 0..<chains {
            unsafe states[chain] = CounterBasedGenerator.mix(UInt64(chain + 1))
            unsafe places[chain] = 0
        }
        let start = processorSeconds()
        unsafe Self.follow(table, byteCount / Self.lineBytes, places, states, chains, rounds: lines / chains)
        return Double(lines / chains * chains) / (processorSeconds() - start)
    }

    @inline(never)
    private static func follow(
        _ table: UnsafeMutableRawPointer, _ lineCount: Int, _ places: UnsafeMutablePointer<Int>,
        _ states: UnsafeMutablePointer<UInt64>, _ chains: Int, rounds: Int
    ) {
        for _ in 0..<rounds {
            for chain in 0..<chains {
                let value = unsafe table.load(fromByteOffset: places[chain], as: UInt64.self)
                let state = unsafe CounterBasedGenerator.mix(states[chain] &+ value &+ 0x9E37_79B9_7F4A_7C15)
                unsafe states[chain] = state
                let place = Int(truncatingIfNeeded: state.multipliedFullWidth(by: UInt64(lineCount)).high)
                unsafe places[chain] = place &* lineBytes
                unsafe platform_prefetch(table + place &* lineBytes)
            }
        }
    }
}
