/// The halves of numbers of many walks, and whether each walk returns, as all bits or none.
///
/// With m SplitMix64's finaliser: highs[i] << 32 | lows[i] = m(bases[i] + first),
/// returns[i] = m(bases[i] + second) < threshold.
@inline(never)
public func walkDraws(
    _ bases: UnsafePointer<UInt64>, _ count: Int, _ first: UInt64, _ second: UInt64, _ threshold: UInt64,
    _ highs: UnsafeMutablePointer<UInt32>, _ lows: UnsafeMutablePointer<UInt32>,
    _ returns: UnsafeMutablePointer<UInt32>
) {
    for i in 0..<count {
        let number = unsafe mix(bases[i] &+ first)
        unsafe highs[i] = UInt32(truncatingIfNeeded: number >> 32)
        unsafe lows[i] = UInt32(truncatingIfNeeded: number)
    }
    for i in 0..<count { unsafe returns[i] = mix(bases[i] &+ second) < threshold ? .max : 0 }
}

@inline(__always)
private func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
}
