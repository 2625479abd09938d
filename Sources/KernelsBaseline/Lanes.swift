// The one file that differs between the kernel targets: 4 lanes, multiply and add apart.

typealias Lanes = SIMD4<Float>
typealias IntLanes = SIMD4<Int32>
typealias TileRow = TwoVectors

/// Vector registers of the instruction set.
@_transparent
var registerCount: Int { 16 }

/// a · b + c, rounded twice: without FMA hardware one rounding would be a libm call per lane.
@_transparent
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
    a * b + c
}

/// The same for the elements past the last full vector, so that they get the same bits.
@_transparent
func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float {
    a * b + c
}

/// The sum of all lanes, halves added first.
@_transparent
func laneSum(_ v: Lanes) -> Float {
    let pair = v.lowHalf + v.highHalf
    return pair.x + pair.y
}
