// The one file that differs between the kernel targets: 16 lanes, fused multiply-add, 32 registers.

typealias Lanes = SIMD16<Float>
typealias IntLanes = SIMD16<Int32>
typealias TileRow = FourVectors

/// Vector registers of the instruction set.
@_transparent
var registerCount: Int { 32 }

/// a · b + c, rounded once.
@_transparent
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
    c.addingProduct(a, b)
}

/// The same for the elements past the last full vector, so that they get the same bits.
@_transparent
func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float {
    c.addingProduct(a, b)
}

/// The sum of all lanes, halves added first.
@_transparent
func laneSum(_ v: Lanes) -> Float {
    let eight = v.lowHalf + v.highHalf
    let four = eight.lowHalf + eight.highHalf
    let pair = four.lowHalf + four.highHalf
    return pair.x + pair.y
}
