/// out[i] = a_i · b_i for `rows` rows; a stride of 0 holds one row against many.
@inline(never)
public func rowDots(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int, _ rows: Int, _ width: Int,
    _ out: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        unsafe out[row] = dot(a + row * aStride, b + row * bStride, width)
    }
}

/// line[i] = scale · line[i] + offsets[i], or −∞ where the id is the query's or the positive's.
///
/// - Returns: the largest, −∞ of none. NaN may be passed over: `exponentials` finds it.
@inline(never)
public func maskedLogits(
    _ line: UnsafeMutablePointer<Float>, _ count: Int, _ scale: Float, _ offsets: UnsafePointer<Float>,
    _ ids: UnsafePointer<Int32>, _ query: Int32, _ positive: Int32
) -> Float {
    var largest = broadcast(-Float.infinity)
    var i = 0
    while i + Lanes.scalarCount <= count {
        let ids = unsafe load(ids + i)
        let isSkipped = ids .== IntLanes(repeating: query) .| ids .== IntLanes(repeating: positive)
        let logit = unsafe multiplyAdd(load(UnsafePointer(line + i)), broadcast(scale), load(offsets + i))
            .replacing(with: broadcast(-Float.infinity), where: isSkipped)
        unsafe store(logit, line + i)
        largest = largest.replacing(with: logit, where: logit .> largest)
        i += Lanes.scalarCount
    }
    var top = -Float.infinity
    for lane in 0..<Lanes.scalarCount { top = largest[lane] > top ? largest[lane] : top }
    while i < count {
        let isSkipped = unsafe ids[i] == query || ids[i] == positive
        let logit = unsafe isSkipped ? -Float.infinity : multiplyAdd(line[i], scale, offsets[i])
        unsafe line[i] = logit
        top = logit > top ? logit : top
        i += 1
    }
    return top
}

/// line[i] = exp(line[i] − top), where no element is above `top`.
///
/// - Returns: the sum of them.
@inline(never)
public func exponentials(_ line: UnsafeMutablePointer<Float>, _ count: Int, _ top: Float) -> Float {
    var sums = Lanes()
    var i = 0
    while i + Lanes.scalarCount <= count {
        let e = unsafe exponential(load(UnsafePointer(line + i)) - broadcast(top))
        unsafe store(e, line + i)
        sums += e
        i += Lanes.scalarCount
    }
    var sum = laneSum(sums)
    while i < count {
        let e = unsafe exponential(broadcast(line[i] - top))[0]
        unsafe line[i] = e
        sum += e
        i += 1
    }
    return sum
}

/// exp(x) for x ≤ 0, within 2e-7 of it; 0 below −87, where float32 comes to its smallest. A NaN stays.
///
/// 2ⁿ · exp(r) with n whole and |r| ≤ ln 2 / 2: a polynomial for exp(r), n added to its exponent.
///
/// - Source: Moshier, Cephes Mathematical Library, `expf`: its polynomial and its two-part ln 2.
@inline(__always)
private func exponential(_ x: Lanes) -> Lanes {
    // Adding 1.5 · 2²³ leaves a float's fraction no place: it is rounded to a whole number, in the lowest bits.
    let shifted = multiplyAdd(x, broadcast(1.442_695_04), broadcast(12_582_912))
    let n = shifted - broadcast(12_582_912)
    let coarse = multiplyAdd(n, broadcast(-0.693_359_375), x)
    let r = multiplyAdd(n, broadcast(2.121_944_4e-4), coarse)
    var p = multiplyAdd(broadcast(1.987_569_15e-4), r, broadcast(1.398_199_95e-3))
    p = multiplyAdd(p, r, broadcast(8.333_451_9e-3))
    p = multiplyAdd(p, r, broadcast(4.166_579_6e-2))
    p = multiplyAdd(p, r, broadcast(1.666_666_55e-1))
    p = multiplyAdd(p, r, broadcast(5.000_000_1e-1))
    p = multiplyAdd(p * r, r, r) + broadcast(1)
    let exponent = unsafe unsafeBitCast(shifted, to: IntLanes.self) &<< IntLanes(repeating: 23)
    let e = unsafe unsafeBitCast(unsafeBitCast(p, to: IntLanes.self) &+ exponent, to: Lanes.self)
    return e.replacing(with: Lanes(), where: x .< broadcast(-87)).replacing(with: x, where: x .!= x)
}
