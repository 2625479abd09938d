/// Philox4x32-10: a counter-based random number generator.
///
/// The numbers are a pure function of a key and a counter, so whoever computes them, when, and in which
/// order makes no difference. There is no stream to share.
///
/// - Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
///   doi:10.1145/2063384.2063405.
public struct CounterBasedGenerator: RandomNumberGenerator, Sendable {
    private let key: UInt64
    private var counter: SIMD4<UInt32>
    private var pending: UInt64?

    /// A stream for `(seed, purpose, a, b)`; different arguments give independent streams.
    ///
    /// - Parameters:
    ///   - purpose: which use of randomness this is; each use has its own number.
    ///   - a: the outer index, for example a batch or a window.
    ///   - b: the inner index, for example a pin. Its low 32 bits count.
    public init(seed: UInt64, purpose: UInt32, _ a: UInt64, _ b: UInt32) {
        key = Self.mix(seed ^ Self.mix(UInt64(purpose)))
        counter = SIMD4(0, b, UInt32(truncatingIfNeeded: a), UInt32(truncatingIfNeeded: a >> 32))
    }

    public mutating func next() -> UInt64 {
        if let value = pending {
            pending = nil
            return value
        }
        let block = Self.block(key: key, counter: counter)
        counter[0] &+= 1
        pending = UInt64(block[2]) | UInt64(block[3]) << 32
        return UInt64(block[0]) | UInt64(block[1]) << 32
    }

    /// One Philox4x32-10 block: four 32-bit numbers for one counter.
    public static func block(key: UInt64, counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
        var (c0, c1, c2, c3) = (counter[0], counter[1], counter[2], counter[3])
        var (k0, k1) = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
        for _ in 0..<10 {
            let p0 = UInt64(c0) &* 0xD251_1F53
            let p1 = UInt64(c2) &* 0xCD9E_8D57
            (c0, c1, c2, c3) = (
                UInt32(truncatingIfNeeded: p1 >> 32) ^ c1 ^ k0, UInt32(truncatingIfNeeded: p1),
                UInt32(truncatingIfNeeded: p0 >> 32) ^ c3 ^ k1, UInt32(truncatingIfNeeded: p0)
            )
            k0 &+= 0x9E37_79B9
            k1 &+= 0xBB67_AE85
        }
        return SIMD4(c0, c1, c2, c3)
    }

    /// SplitMix64's finaliser: a bijection on 64 bits in which every input bit moves every output bit.
    ///
    /// - Source: Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    @inlinable
    public static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
