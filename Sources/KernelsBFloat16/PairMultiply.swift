import CBFloat16

/// C = epilogue((accumulate ? C : 0) + A·B) for a block of rows and all columns of some panels, on operands rounded to
/// bfloat16, with sums in float32. An element of C is one chain in order of k, whatever tile it falls in.
///
/// - Parameters:
///   - a: rows × `pairsOfRow(K)`.
///   - pairs: of k, (K + 1) / 2.
///   - panels: B, packed.
///   - columns, c, bias, relu, mask: those of `multiplyRows`.
@inline(never)
public func multiplyPairRows(
    _ a: UnsafePointer<Int32>, _ aStride: Int, _ rows: Int, _ pairs: Int,
    _ panels: UnsafePointer<Int32>, _ columns: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
    _ accumulate: Bool, _ bias: UnsafePointer<Float>?, _ relu: Bool, _ mask: UnsafePointer<Float>?, _ maskStride: Int
) {
    var first = 0
    while first < columns {
        let panel = unsafe panels + first * pairs
        var row = 0
        while row < rows {
            let output = unsafe TileOutput(
                c: c + (row * cStride + first), cStride: cStride, rows: min(6, rows - row), columns: columns - first,
                accumulate: accumulate, bias: bias.map { unsafe $0 + first }, relu: relu,
                mask: mask.map { unsafe $0 + (row * maskStride + first) }, maskStride: maskStride)
            unsafe multiplyPairTile(a + row * aStride, aStride, pairs, panel, output)
            row += 6
        }
        first += TileRow.width
    }
}

/// Six rows of A against one panel. Rows past the last repeat it; their sums are dropped.
@inline(never)
private func multiplyPairTile(
    _ a: UnsafePointer<Int32>, _ aStride: Int, _ pairs: Int, _ panel: UnsafePointer<Int32>, _ output: TileOutput
) {
    let last = output.rows - 1
    let a0 = unsafe a
    let a1 = unsafe a + min(1, last) * aStride
    let a2 = unsafe a + min(2, last) * aStride
    let a3 = unsafe a + min(3, last) * aStride
    let a4 = unsafe a + min(4, last) * aStride
    let a5 = unsafe a + min(5, last) * aStride
    var (c0, c1, c2) = (TileRow(), TileRow(), TileRow())
    var (c3, c4, c5) = (TileRow(), TileRow(), TileRow())
    var at = unsafe panel
    for k in 0..<pairs {
        let b = unsafe PairVectors(at)
        unsafe c0.add(a0[k], dot: b)
        unsafe c1.add(a1[k], dot: b)
        unsafe c2.add(a2[k], dot: b)
        unsafe c3.add(a3[k], dot: b)
        unsafe c4.add(a4[k], dot: b)
        unsafe c5.add(a5[k], dot: b)
        unsafe at += TileRow.width
    }
    output.finish(c0, 0)
    output.finish(c1, 1)
    output.finish(c2, 2)
    output.finish(c3, 3)
    output.finish(c4, 4)
    output.finish(c5, 5)
}

/// Pairs for the columns of a tile row.
private struct PairVectors {
    let v0: IntLanes
    let v1: IntLanes
    let v2: IntLanes
    let v3: IntLanes

    @_transparent
    init(_ p: UnsafePointer<Int32>) {
        unsafe v0 = load(p)
        unsafe v1 = load(p + 16)
        unsafe v2 = load(p + 32)
        unsafe v3 = load(p + 48)
    }
}

extension FourVectors {
    @_transparent
    fileprivate mutating func add(_ pair: Int32, dot b: PairVectors) {
        let a = IntLanes(repeating: pair)
        low.v0 = bfloat16_dot(low.v0, a, b.v0)
        low.v1 = bfloat16_dot(low.v1, a, b.v1)
        high.v0 = bfloat16_dot(high.v0, a, b.v2)
        high.v1 = bfloat16_dot(high.v1, a, b.v3)
    }
}

/// `rounds` dependent dot products on each of twelve vectors, none of which touches memory.
///
/// - Returns: their sum, so that the work cannot be left out. One round is 12 · 64 floating-point operations.
@inline(never)
public func registerPairDots(_ rounds: Int, _ factor: Int32) -> Float {
    let a = IntLanes(repeating: factor)
    var (s0, s1, s2, s3, s4, s5) = (Lanes(), Lanes(), Lanes(), Lanes(), Lanes(), Lanes())
    var (s6, s7, s8, s9, s10, s11) = (Lanes(), Lanes(), Lanes(), Lanes(), Lanes(), Lanes())
    for _ in 0..<rounds {
        s0 = bfloat16_dot(s0, a, a)
        s1 = bfloat16_dot(s1, a, a)
        s2 = bfloat16_dot(s2, a, a)
        s3 = bfloat16_dot(s3, a, a)
        s4 = bfloat16_dot(s4, a, a)
        s5 = bfloat16_dot(s5, a, a)
        s6 = bfloat16_dot(s6, a, a)
        s7 = bfloat16_dot(s7, a, a)
        s8 = bfloat16_dot(s8, a, a)
        s9 = bfloat16_dot(s9, a, a)
        s10 = bfloat16_dot(s10, a, a)
        s11 = bfloat16_dot(s11, a, a)
    }
    let (low, high) = ((s0 + s1) + (s2 + s3) + (s4 + s5), (s6 + s7) + (s8 + s9) + (s10 + s11))
    return laneSum(low + high)
}
