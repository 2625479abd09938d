/// Rows asked for this many entries before their turn: as far ahead as more still helps.
private let prefetchEntries = 24

/// output[u] = (accumulate ? output[u] : 0) + Σ weight · input[row], masked, for `lists` lists.
///
/// - Parameters:
///   - offsets: `lists + 1` positions into indices and weights.
///   - output: lists × width.
///   - mask: lists × width, 0 where it is not above 0. Or nil.
@inline(never)
public func poolRows(
    _ offsets: UnsafePointer<Int32>, _ indices: UnsafePointer<Int32>, _ weights: UnsafePointer<Float>, _ lists: Int,
    _ input: UnsafePointer<Float>, _ inputStride: Int, _ width: Int,
    _ output: UnsafeMutablePointer<Float>, _ outputStride: Int, _ accumulate: Bool,
    _ mask: UnsafePointer<Float>?, _ maskStride: Int
) {
    let lastEntry = unsafe Int(offsets[lists]) - 1
    for list in 0..<lists {
        let (begin, end) = unsafe (Int(offsets[list]), Int(offsets[list + 1]))
        let to = unsafe output + list * outputStride
        let maskRow = unsafe mask.map { unsafe $0 + list * maskStride }
        var column = 0
        while column + FourVectors.width <= width {
            var sums = FourVectors()
            for entry in begin..<end {
                let ahead = unsafe Int(indices[min(entry &+ prefetchEntries, lastEntry)])
                unsafe prefetchRow(input + (ahead &* inputStride &+ column), FourVectors.width)
                let row = unsafe input + (Int(indices[entry]) &* inputStride &+ column)
                unsafe sums.add(weights[entry], times: FourVectors(row))
            }
            if accumulate { unsafe sums.add(FourVectors(to + column)) }
            if let maskRow = unsafe maskRow { unsafe sums.keepWhere(FourVectors(maskRow + column)) }
            unsafe sums.write(to + column)
            column += FourVectors.width
        }
        while column < width {
            var sum: Float = 0
            for entry in begin..<end {
                let value = unsafe input[Int(indices[entry]) &* inputStride &+ column]
                unsafe sum = multiplyAdd(weights[entry], value, sum)
            }
            if accumulate { unsafe sum += to[column] }
            if let maskRow = unsafe maskRow, unsafe !(maskRow[column] > 0) { sum = 0 }
            unsafe to[column] = sum
            column += 1
        }
    }
}

/// output[i] = input[rows[i]] for `count` rows of `width` elements.
@inline(never)
public func copyRows(
    _ rows: UnsafePointer<Int32>, _ count: Int, _ input: UnsafePointer<Float>, _ inputStride: Int, _ width: Int,
    _ output: UnsafeMutablePointer<Float>, _ outputStride: Int
) {
    for i in 0..<count {
        let ahead = unsafe Int(rows[min(i + prefetchEntries, count - 1)])
        unsafe prefetchRow(input + ahead * inputStride, width)
        let from = unsafe input + Int(rows[i]) * inputStride
        let to = unsafe output + i * outputStride
        var column = 0
        while column + Lanes.scalarCount <= width {
            unsafe store(load(from + column), to + column)
            column += Lanes.scalarCount
        }
        while column < width {
            unsafe to[column] = unsafe from[column]
            column += 1
        }
    }
}
