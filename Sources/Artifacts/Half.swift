/// float16 in memory, in integer arithmetic: without hardware conversion in the baseline instruction set a scalar
/// conversion is a library call.
package enum Half {
    /// float16 → float32, exactly, eight at a time.
    package static func widen(_ source: UnsafeRawPointer, into output: UnsafeMutablePointer<Float>, count: Int) {
        var i = 0
        while i + 8 <= count {
            let halves = unsafe source.loadUnaligned(fromByteOffset: i * 2, as: SIMD8<UInt16>.self)
            unsafe UnsafeMutableRawPointer(output + i).storeBytes(of: widened(halves), as: SIMD8<Float>.self)
            i += 8
        }
        while i < count {
            let half = unsafe source.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)
            unsafe output[i] = widened(SIMD8(repeating: half))[0]
            i += 1
        }
    }

    /// Moves exponent and fraction into place and multiplies by 2^112, which also makes subnormals right;
    /// infinities and NaN (all exponent bits set) keep theirs.
    @inline(__always)
    private static func widened(_ halves: SIMD8<UInt16>) -> SIMD8<Float> {
        let bits = SIMD8<UInt32>(truncatingIfNeeded: halves)
        let magnitude = (bits & 0x7FFF) &<< 13
        let scaled = unsafe unsafeBitCast(magnitude, to: SIMD8<Float>.self) * Float(bitPattern: 0x7780_0000)
        let special = magnitude | 0x7F80_0000
        let isSpecial = magnitude .>= 0x0F80_0000
        let finite = unsafe unsafeBitCast(scaled, to: SIMD8<UInt32>.self)
        let result = finite.replacing(with: special, where: isSpecial) | ((bits & 0x8000) &<< 16)
        return unsafe unsafeBitCast(result, to: SIMD8<Float>.self)
    }

    /// float32 → float16 to the nearest, ties to even, eight at a time. What is larger than the largest, 65504, becomes
    /// that; infinities and NaN stay what they are.
    package static func round(_ source: UnsafePointer<Float>, into output: UnsafeMutableRawPointer, count: Int) {
        var i = 0
        while i + 8 <= count {
            let values = unsafe UnsafeRawPointer(source + i).loadUnaligned(as: SIMD8<UInt32>.self)
            unsafe output.storeBytes(of: rounded(values), toByteOffset: i * 2, as: SIMD8<UInt16>.self)
            i += 8
        }
        while i < count {
            let half = unsafe rounded(SIMD8(repeating: source[i].bitPattern))[0]
            unsafe output.storeBytes(of: half, toByteOffset: i * 2, as: UInt16.self)
            i += 1
        }
    }

    /// Of the numbers with these bits. Normal ones: half of the last place is added, one less where that place is even,
    /// and the exponent moved. Subnormal ones: adding 0.5 lets the addition itself round at the last place, 2⁻²⁴.
    @inline(__always)
    private static func rounded(_ bits: SIMD8<UInt32>) -> SIMD8<UInt16> {
        let magnitude = bits & 0x7FFF_FFFF
        let normal = (magnitude &+ 0xFFF &+ ((magnitude &>> 13) & 1) &- 0x3800_0000) &>> 13
        let shifted = unsafe unsafeBitCast(magnitude, to: SIMD8<Float>.self) + Float(0.5)
        let subnormal = unsafe unsafeBitCast(shifted, to: SIMD8<UInt32>.self) &- 0x3F00_0000
        var half = normal.replacing(with: subnormal, where: magnitude .< 0x3880_0000)
        half.replace(with: SIMD8(repeating: 0x7BFF), where: magnitude .>= 0x477F_F000)
        half.replace(with: SIMD8(repeating: 0x7C00), where: magnitude .== 0x7F80_0000)
        half.replace(with: SIMD8(repeating: 0x7E00), where: magnitude .> 0x7F80_0000)
        return SIMD8<UInt16>(truncatingIfNeeded: half | ((bits &>> 16) & 0x8000))
    }
}
