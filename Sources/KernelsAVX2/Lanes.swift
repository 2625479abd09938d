// The one file that differs between the kernel targets: 8 lanes, fused multiply-add, 16 registers.

typealias Lanes = SIMD8<Float>
typealias IntLanes = SIMD8<Int32>
typealias TileRow = TwoVectors

/// Vector registers of the instruction set.
@_transparent
var registerCount: Int { 16 }

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
    let four = v.lowHalf + v.highHalf
    let pair = four.lowHalf + four.highHalf
    return pair.x + pair.y
}
