/// norms[i] = max(‖a_i‖, ε), h_i = a_i / norms[i]; h may be a.
@inline(never)
public func normalizeRows(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ rows: Int, _ width: Int,
    _ h: UnsafeMutablePointer<Float>, _ hStride: Int, _ norms: UnsafeMutablePointer<Float>, _ epsilon: Float
) {
    for row in 0..<rows {
        let from = unsafe a + row * aStride
        let to = unsafe h + row * hStride
        let norm = unsafe max(dot(from, from, width).squareRoot(), epsilon)
        unsafe norms[row] = norm
        let divisor = broadcast(norm)
        var column = 0
        while column + Lanes.scalarCount <= width {
            unsafe store(load(from + column) / divisor, to + column)
            column += Lanes.scalarCount
        }
        while column < width {
            unsafe to[column] = unsafe from[column] / norm
            column += 1
        }
    }
}

/// dA_i = (dH_i − h_i (h_i·dH_i)) / norms[i]; 0 where the norm is ε, and with `reluMask` where h is 0.
/// dA may be dH.
@inline(never)
public func normalizeRowsBackward(
    _ dH: UnsafePointer<Float>, _ dHStride: Int, _ rows: Int, _ width: Int, _ h: UnsafePointer<Float>, _ hStride: Int,
    _ norms: UnsafePointer<Float>, _ dA: UnsafeMutablePointer<Float>, _ dAStride: Int, _ reluMask: Bool,
    _ epsilon: Float
) {
    for row in 0..<rows {
        let from = unsafe dH + row * dHStride
        let unit = unsafe h + row * hStride
        let to = unsafe dA + row * dAStride
        let norm = unsafe norms[row]
        let isZero = norm <= epsilon
        let along = unsafe -dot(unit, from, width)
        var column = 0
        while column + Lanes.scalarCount <= width {
            let u = unsafe load(unit + column)
            var value = unsafe multiplyAdd(u, broadcast(along), load(from + column)) / broadcast(norm)
            if reluMask { value = value.replacing(with: Lanes(), where: u .== Lanes()) }
            unsafe store(isZero ? Lanes() : value, to + column)
            column += Lanes.scalarCount
        }
        while column < width {
            let u = unsafe unit[column]
            let value = unsafe multiplyAdd(u, along, from[column]) / norm
            unsafe to[column] = isZero || (reluMask && u == 0) ? 0 : value
            column += 1
        }
    }
}

/// Σ a·b in four running vectors, then one, then one element at a time.
@inline(__always)
func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    let lanes = Lanes.scalarCount
    var (s0, s1, s2, s3) = (Lanes(), Lanes(), Lanes(), Lanes())
    var i = 0
    while i + 4 * lanes <= count {
        unsafe s0 = multiplyAdd(load(a + i), load(b + i), s0)
        unsafe s1 = multiplyAdd(load(a + i + lanes), load(b + i + lanes), s1)
        unsafe s2 = multiplyAdd(load(a + i + 2 * lanes), load(b + i + 2 * lanes), s2)
        unsafe s3 = multiplyAdd(load(a + i + 3 * lanes), load(b + i + 3 * lanes), s3)
        i += 4 * lanes
    }
    while i + lanes <= count {
        unsafe s0 = multiplyAdd(load(a + i), load(b + i), s0)
        i += lanes
    }
    var sum = laneSum((s0 + s1) + (s2 + s3))
    while i < count {
        unsafe sum = multiplyAdd(a[i], b[i], sum)
        i += 1
    }
    return sum
}
