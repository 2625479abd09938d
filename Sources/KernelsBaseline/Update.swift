/// One Adam step over `count` parameters: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²,
/// p ← p − rate · (m · firstScale) / (√(v · secondScale) + ε).
@inline(never)
public func adamStep(
    _ parameters: UnsafeMutablePointer<Float>, _ gradients: UnsafePointer<Float>, _ first: UnsafeMutablePointer<Float>,
    _ second: UnsafeMutablePointer<Float>, _ count: Int, _ rate: Float, _ beta1: Float, _ beta2: Float,
    _ epsilon: Float, _ firstScale: Float, _ secondScale: Float
) {
    var i = 0
    while i + Lanes.scalarCount <= count {
        let g = unsafe load(gradients + i)
        let m = unsafe multiplyAdd(broadcast(beta1), load(first + i), broadcast(1 - beta1) * g)
        let v = unsafe multiplyAdd(broadcast(beta2), load(second + i), broadcast(1 - beta2) * g * g)
        unsafe store(m, first + i)
        unsafe store(v, second + i)
        let root = (v * broadcast(secondScale)).squareRoot() + broadcast(epsilon)
        unsafe store(load(parameters + i) - broadcast(rate) * (m * broadcast(firstScale)) / root, parameters + i)
        i += Lanes.scalarCount
    }
    while i < count {
        let g = unsafe gradients[i]
        let m = unsafe multiplyAdd(beta1, first[i], (1 - beta1) * g)
        let v = unsafe multiplyAdd(beta2, second[i], (1 - beta2) * g * g)
        unsafe first[i] = m
        unsafe second[i] = v
        unsafe parameters[i] -= rate * (m * firstScale) / ((v * secondScale).squareRoot() + epsilon)
        i += 1
    }
}

/// Σ x²: in float32 over blocks of 4,096 elements, in float64 over the blocks.
@inline(never)
public func sumOfSquares(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    var sum = 0.0
    var i = 0
    while i < count {
        let block = min(4_096, count - i)
        unsafe sum += Double(dot(x + i, x + i, block))
        i += block
    }
    return sum
}

/// to = (accumulate ? to : 0) + scale · from, for one of several partial sums.
@inline(never)
public func addScaled(
    _ from: UnsafePointer<Float>, _ scale: Float, _ count: Int, _ to: UnsafeMutablePointer<Float>, _ accumulate: Bool
) {
    var i = 0
    while i + Lanes.scalarCount <= count {
        let sum = unsafe accumulate ? load(UnsafePointer(to + i)) : Lanes()
        unsafe store(multiplyAdd(load(from + i), broadcast(scale), sum), to + i)
        i += Lanes.scalarCount
    }
    while i < count {
        let sum = unsafe accumulate ? to[i] : 0
        unsafe to[i] = unsafe multiplyAdd(from[i], scale, sum)
        i += 1
    }
}
