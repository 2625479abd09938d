extension ScalarKernels {
    /// The nearest bfloat16, ties to the one with an even significand: the upper half of a float32's bits.
    package static func roundedToBFloat16(_ value: Float) -> Float {
        if value.isNaN { return .nan }
        let bits = value.bitPattern
        // Half a unit of the kept part, less one where that part is even; a carry runs into the exponent, as it should.
        return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
    }
}
