/// Turns a block of scores q·n into the hinge's derivative by score: 1 where a pair and negative is
/// active, 0 elsewhere.
///
/// - Parameters:
///   - queries, positives: rows × width.
///   - scores: rows × count, densely; overwritten.
///   - active: active negatives of each row, overwritten.
///   - counted: raised by the (pair, negative) that are not skipped.
/// - Returns: the sum of the hinges. A NaN among the scores is active, so it reaches the sum.
@inline(never)
public func hingeRows(
    _ queries: UnsafePointer<Float>, _ queryStride: Int, _ positives: UnsafePointer<Float>, _ positiveStride: Int,
    _ rows: Int, _ width: Int, _ queryIDs: UnsafePointer<Int32>, _ positiveIDs: UnsafePointer<Int32>,
    _ scores: UnsafeMutablePointer<Float>, _ negativeIDs: UnsafePointer<Int32>, _ count: Int, _ margin: Float,
    _ active: UnsafeMutablePointer<Float>, _ counted: UnsafeMutablePointer<Int>
) -> Double {
    var loss = 0.0
    for row in 0..<rows {
        let positiveScore = unsafe dot(queries + row * queryStride, positives + row * positiveStride, width)
        let line = unsafe scores + row * count
        let (query, positive) = unsafe (queryIDs[row], positiveIDs[row])
        var (losses, ones, skips) = (Lanes(), Lanes(), Lanes())
        var i = 0
        while i + Lanes.scalarCount <= count {
            let ids = unsafe load(negativeIDs + i)
            let isSkipped = ids .== IntLanes(repeating: query) .| ids .== IntLanes(repeating: positive)
            let argument = unsafe load(line + i) - broadcast(positiveScore) + broadcast(margin)
            let isIdle = argument .<= Lanes() .| isSkipped
            let one = broadcast(1).replacing(with: Lanes(), where: isIdle)
            unsafe store(one, line + i)
            losses += argument.replacing(with: Lanes(), where: isIdle)
            ones += one
            skips += Lanes().replacing(with: broadcast(1), where: isSkipped)
            i += Lanes.scalarCount
        }
        var (rowLoss, rowActive, rowSkips) = (laneSum(losses), laneSum(ones), laneSum(skips))
        while i < count {
            let isSkipped = unsafe negativeIDs[i] == query || negativeIDs[i] == positive
            let argument = unsafe line[i] - positiveScore + margin
            let isIdle = argument <= 0 || isSkipped
            unsafe line[i] = isIdle ? 0 : 1
            rowLoss += isIdle ? 0 : argument
            rowActive += isIdle ? 0 : 1
            rowSkips += isSkipped ? 1 : 0
            i += 1
        }
        loss += Double(rowLoss)
        unsafe active[row] = rowActive
        unsafe counted[0] += count - Int(rowSkips)
    }
    return loss
}

/// Finishes the gradients of pairs: dQ = share · (dQ − active · p), where dQ came as the sum of the
/// active negatives, and dP = −share · active · q.
@inline(never)
public func finishPairs(
    _ queries: UnsafePointer<Float>, _ queryStride: Int, _ positives: UnsafePointer<Float>, _ positiveStride: Int,
    _ rows: Int, _ width: Int, _ active: UnsafePointer<Float>, _ share: Float,
    _ dQueries: UnsafeMutablePointer<Float>, _ dQueryStride: Int,
    _ dPositives: UnsafeMutablePointer<Float>, _ dPositiveStride: Int
) {
    for row in 0..<rows {
        let (q, p) = unsafe (queries + row * queryStride, positives + row * positiveStride)
        let (dQ, dP) = unsafe (dQueries + row * dQueryStride, dPositives + row * dPositiveStride)
        let minusActive = unsafe -active[row]
        let factor = minusActive * share
        var i = 0
        while i + Lanes.scalarCount <= width {
            let sum = unsafe multiplyAdd(load(p + i), broadcast(minusActive), load(dQ + i))
            unsafe store(sum * broadcast(share), dQ + i)
            unsafe store(load(q + i) * broadcast(factor), dP + i)
            i += Lanes.scalarCount
        }
        while i < width {
            unsafe dQ[i] = unsafe multiplyAdd(p[i], minusActive, dQ[i]) * share
            unsafe dP[i] = unsafe q[i] * factor
            i += 1
        }
    }
}

/// The hinges of pairs against their own negatives.
///
/// - Parameters:
///   - negatives: (rows · own) × width.
///   - active: rows · own flags, 1 or 0, overwritten.
///   - counted: raised by the (pair, negative) that are not skipped.
/// - Returns: the sum of the hinges.
@inline(never)
public func ownHingeRows(
    _ queries: UnsafePointer<Float>, _ queryStride: Int, _ positives: UnsafePointer<Float>, _ positiveStride: Int,
    _ rows: Int, _ width: Int, _ queryIDs: UnsafePointer<Int32>, _ positiveIDs: UnsafePointer<Int32>,
    _ negatives: UnsafePointer<Float>, _ negativeStride: Int, _ negativeIDs: UnsafePointer<Int32>, _ own: Int,
    _ margin: Float, _ active: UnsafeMutablePointer<Float>, _ counted: UnsafeMutablePointer<Int>
) -> Double {
    var loss = 0.0
    for row in 0..<rows {
        let q = unsafe queries + row * queryStride
        let positiveScore = unsafe dot(q, positives + row * positiveStride, width)
        for negative in row * own..<(row + 1) * own {
            unsafe active[negative] = 0
            let id = unsafe negativeIDs[negative]
            if unsafe id == queryIDs[row] || id == positiveIDs[row] { continue }
            unsafe counted[0] += 1
            let argument = unsafe dot(q, negatives + negative * negativeStride, width) - positiveScore + margin
            if argument <= 0 { continue }
            unsafe active[negative] = 1
            loss += Double(argument)
        }
    }
    return loss
}

/// dNegatives = share · active · q; adds share · Σ active · (n − p) to dQueries and
/// −share · Σ active · q to dPositives.
@inline(never)
public func ownHingeGradients(
    _ queries: UnsafePointer<Float>, _ queryStride: Int, _ positives: UnsafePointer<Float>, _ positiveStride: Int,
    _ rows: Int, _ width: Int, _ negatives: UnsafePointer<Float>, _ negativeStride: Int, _ own: Int,
    _ active: UnsafePointer<Float>, _ share: Float, _ dQueries: UnsafeMutablePointer<Float>, _ dQueryStride: Int,
    _ dPositives: UnsafeMutablePointer<Float>, _ dPositiveStride: Int,
    _ dNegatives: UnsafeMutablePointer<Float>, _ dNegativeStride: Int
) {
    for row in 0..<rows {
        let (q, p) = unsafe (queries + row * queryStride, positives + row * positiveStride)
        let (dQ, dP) = unsafe (dQueries + row * dQueryStride, dPositives + row * dPositiveStride)
        for negative in row * own..<(row + 1) * own {
            let n = unsafe negatives + negative * negativeStride
            let dN = unsafe dNegatives + negative * dNegativeStride
            let factor = unsafe active[negative] * share
            var i = 0
            while i + Lanes.scalarCount <= width {
                let query = unsafe load(q + i)
                let difference = unsafe load(n + i) - load(p + i)
                unsafe store(multiplyAdd(difference, broadcast(factor), load(dQ + i)), dQ + i)
                unsafe store(multiplyAdd(query, broadcast(-factor), load(dP + i)), dP + i)
                unsafe store(query * broadcast(factor), dN + i)
                i += Lanes.scalarCount
            }
            while i < width {
                unsafe dQ[i] = unsafe multiplyAdd(n[i] - p[i], factor, dQ[i])
                unsafe dP[i] = unsafe multiplyAdd(q[i], -factor, dP[i])
                unsafe dN[i] = unsafe q[i] * factor
                i += 1
            }
        }
    }
}
