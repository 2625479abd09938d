/// Bytes asked for before their turn: as far ahead as more still helps.
private let prefetchBytes = 8192

/// Rows of `width` elements that `prefetchBytes` hold.
@_transparent
private func entriesAhead(_ width: Int) -> Int { min(max(prefetchBytes / (4 * max(width, 1)), 12), 32) }

/// output[u] = (accumulate ? output[u] : 0) + Σ weight · input[row], masked, for `lists` lists.
///
/// A row is read whole, as far as the registers go: memory gives neighbouring lines faster than scattered ones.
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
        let entries = unsafe PoolEntries(
            indices: indices, weights: weights, begin: Int(offsets[list]), end: Int(offsets[list + 1]),
            last: lastEntry, ahead: entriesAhead(width), input: input, inputStride: inputStride)
        let to = unsafe output + list * outputStride
        let maskRow = unsafe mask.map { unsafe $0 + list * maskStride }
        var column = 0
        while registerCount == 32 && column &+ SixteenVectors.width <= width {
            unsafe entries.pool(SixteenVectors(), column, to, accumulate, maskRow)
            column &+= SixteenVectors.width
        }
        while column &+ EightVectors.width <= width {
            unsafe entries.pool(EightVectors(), column, to, accumulate, maskRow)
            column &+= EightVectors.width
        }
        while column &+ FourVectors.width <= width {
            unsafe entries.pool(FourVectors(), column, to, accumulate, maskRow)
            column &+= FourVectors.width
        }
        while column < width {
            unsafe entries.pool(column, to, accumulate, maskRow)
            column &+= 1
        }
    }
}

/// One list of a pooling.
@safe private struct PoolEntries {
    let indices: UnsafePointer<Int32>
    let weights: UnsafePointer<Float>
    let begin: Int
    let end: Int
    /// Of all lists: none beyond it is asked for.
    let last: Int
    let ahead: Int
    let input: UnsafePointer<Float>
    let inputStride: Int

    /// As many columns as `zero` is wide.
    @_transparent
    func pool<Vectors: RowVectors>(
        _ zero: Vectors, _ column: Int, _ to: UnsafeMutablePointer<Float>, _ accumulate: Bool,
        _ maskRow: UnsafePointer<Float>?
    ) {
        var sums = zero
        for entry in begin..<end {
            let next = unsafe Int(indices[min(entry &+ ahead, last)])
            unsafe prefetchRow(input + (next &* inputStride &+ column), Vectors.width)
            let row = unsafe input + (Int(indices[entry]) &* inputStride &+ column)
            unsafe sums.add(weights[entry], times: Vectors(row))
        }
        if accumulate { unsafe sums.add(Vectors(to + column)) }
        if let maskRow = unsafe maskRow { unsafe sums.keepWhere(Vectors(maskRow + column)) }
        unsafe sums.write(to + column)
    }

    /// One column.
    @_transparent
    func pool(
        _ column: Int, _ to: UnsafeMutablePointer<Float>, _ accumulate: Bool, _ maskRow: UnsafePointer<Float>?
    ) {
        var sum: Float = 0
        for entry in begin..<end {
            let value = unsafe input[Int(indices[entry]) &* inputStride &+ column]
            unsafe sum = multiplyAdd(weights[entry], value, sum)
        }
        if accumulate { unsafe sum += to[column] }
        if let maskRow = unsafe maskRow, unsafe !(maskRow[column] > 0) { sum = 0 }
        unsafe to[column] = sum
    }
}

/// output[i] = input[rows[i]] for `count` rows of `width` elements.
@inline(never)
public func copyRows(
    _ rows: UnsafePointer<Int32>, _ count: Int, _ input: UnsafePointer<Float>, _ inputStride: Int, _ width: Int,
    _ output: UnsafeMutablePointer<Float>, _ outputStride: Int
) {
    let ahead = entriesAhead(width)
    for i in 0..<count {
        let next = unsafe Int(rows[min(i &+ ahead, count - 1)])
        unsafe prefetchRow(input + next * inputStride, width)
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
