// Loops that do nothing but what limits all others: multiply-adds in registers, and reading.

/// Chains of multiply-adds that are under way at once in `registerMultiplyAdds`: enough to hide latency.
@inline(never)
public func registerChains() -> Int { 12 * Lanes.scalarCount }

/// `rounds` dependent multiply-adds on each of `registerChains` numbers, none of which touches memory.
///
/// - Returns: their sum, so that the work cannot be left out.
@inline(never)
public func registerMultiplyAdds(_ rounds: Int, _ factor: Float, _ term: Float) -> Float {
    let (a, b) = (broadcast(factor), broadcast(term))
    var (s0, s1, s2, s3, s4, s5) = (a, b, a, b, a, b)
    var (s6, s7, s8, s9, s10, s11) = (b, a, b, a, b, a)
    for _ in 0..<rounds {
        s0 = multiplyAdd(s0, a, b)
        s1 = multiplyAdd(s1, a, b)
        s2 = multiplyAdd(s2, a, b)
        s3 = multiplyAdd(s3, a, b)
        s4 = multiplyAdd(s4, a, b)
        s5 = multiplyAdd(s5, a, b)
        s6 = multiplyAdd(s6, a, b)
        s7 = multiplyAdd(s7, a, b)
        s8 = multiplyAdd(s8, a, b)
        s9 = multiplyAdd(s9, a, b)
        s10 = multiplyAdd(s10, a, b)
        s11 = multiplyAdd(s11, a, b)
    }
    let (low, high) = ((s0 + s1) + (s2 + s3) + (s4 + s5), (s6 + s7) + (s8 + s9) + (s10 + s11))
    return laneSum(low + high)
}

/// Reads `count` elements in order, whole groups of four vectors only, and adds them up.
@inline(never)
public func streamSum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    let lanes = Lanes.scalarCount
    var (s0, s1, s2, s3) = (Lanes(), Lanes(), Lanes(), Lanes())
    var i = 0
    while i + 4 * lanes <= count {
        unsafe s0 += load(x + i)
        unsafe s1 += load(x + i + lanes)
        unsafe s2 += load(x + i + 2 * lanes)
        unsafe s3 += load(x + i + 3 * lanes)
        i += 4 * lanes
    }
    return laneSum((s0 + s1) + (s2 + s3))
}

/// Rows asked for ahead of the one being read: more helped no machine that was tried.
private let rowsAhead = 16

/// Elements of a row of `scatteredSum`: 512 bytes.
private let scatteredWidth = 128

/// Reads `count` rows of 128 elements at places all over a table, and adds them up.
@inline(never)
public func scatteredSum(_ x: UnsafePointer<Float>, _ rows: UnsafePointer<Int32>, _ count: Int) -> Float {
    let lanes = Lanes.scalarCount
    var (s0, s1, s2, s3) = (Lanes(), Lanes(), Lanes(), Lanes())
    for i in 0..<count {
        unsafe prefetchRow(x + Int(rows[min(i &+ rowsAhead, count &- 1)]) &* scatteredWidth, scatteredWidth)
        let row = unsafe x + Int(rows[i]) &* scatteredWidth
        for column in stride(from: 0, to: scatteredWidth, by: 4 &* lanes) {
            unsafe s0 += load(row + column)
            unsafe s1 += load(row + (column &+ lanes))
            unsafe s2 += load(row + (column &+ 2 &* lanes))
            unsafe s3 += load(row + (column &+ 3 &* lanes))
        }
    }
    return laneSum((s0 + s1) + (s2 + s3))
}
