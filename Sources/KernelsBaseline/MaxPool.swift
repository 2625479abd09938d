/// output[u] = the largest of input[row] over the rows of list u, column by column, 0 for an empty list; the first of
/// equal ones wins, and a NaN over all.
///
/// - Parameters:
///   - offsets: `lists + 1` positions into indices.
///   - output: lists × width.
///   - winners: lists × width, densely: the row each element came from, −1 for an empty list. Or nil.
@inline(never)
public func maxPoolRows(
    _ offsets: UnsafePointer<Int32>, _ indices: UnsafePointer<Int32>, _ lists: Int, _ input: UnsafePointer<Float>,
    _ inputStride: Int, _ width: Int, _ output: UnsafeMutablePointer<Float>, _ outputStride: Int,
    _ winners: UnsafeMutablePointer<Int32>?
) {
    let last = unsafe Int(offsets[lists]) - 1
    for list in 0..<lists {
        let (begin, end) = unsafe (Int(offsets[list]), Int(offsets[list + 1]))
        // All columns of the next list's rows: this one's have come.
        for entry in begin..<end {
            let next = unsafe Int(indices[min(entry &+ (end &- begin), last)])
            unsafe prefetchRow(input + next &* inputStride, width)
        }
        let to = unsafe output + list * outputStride
        let winnerRow = unsafe winners.map { unsafe $0 + list * width }
        if begin == end {
            unsafe to.update(repeating: 0, count: width)
            unsafe winnerRow?.update(repeating: -1, count: width)
            continue
        }
        let first = unsafe indices[begin]
        var column = 0
        while column + Lanes.scalarCount <= width {
            var largest = unsafe load(input + (Int(first) &* inputStride &+ column))
            var winner = IntLanes(repeating: first)
            for entry in begin + 1..<end {
                let row = unsafe indices[entry]
                let value = unsafe load(input + (Int(row) &* inputStride &+ column))
                let isLarger = value .> largest .| value .!= value
                largest = largest.replacing(with: value, where: isLarger)
                winner = winner.replacing(with: IntLanes(repeating: row), where: isLarger)
            }
            unsafe store(largest, to + column)
            if let winnerRow = unsafe winnerRow { unsafe store(winner, winnerRow + column) }
            column += Lanes.scalarCount
        }
        while column < width {
            var (largest, winner) = unsafe (input[Int(first) &* inputStride &+ column], first)
            for entry in begin + 1..<end {
                let row = unsafe indices[entry]
                let value = unsafe input[Int(row) &* inputStride &+ column]
                if value > largest || value.isNaN { (largest, winner) = (value, row) }
            }
            unsafe to[column] = largest
            unsafe winnerRow?[column] = winner
            column += 1
        }
    }
}

/// dInput[winner(u, c)][c] += dOutput[u][c] where the mask is above 0, for `width` columns of all lists, one list after
/// the other.
///
/// - Parameters:
///   - winners: rows are `winnerStride` apart; below 0 for an empty list.
///   - mask: of dInput's shape.
@inline(never)
public func maxPoolRowsBackward(
    _ winners: UnsafePointer<Int32>, _ winnerStride: Int, _ lists: Int, _ width: Int, _ dOutput: UnsafePointer<Float>,
    _ dOutputStride: Int, _ mask: UnsafePointer<Float>, _ maskStride: Int, _ dInput: UnsafeMutablePointer<Float>,
    _ dInputStride: Int
) {
    for list in 0..<lists {
        let winnerRow = unsafe winners + list &* winnerStride
        if unsafe width == 0 || winnerRow[0] < 0 { continue }
        let from = unsafe dOutput + list &* dOutputStride
        for column in 0..<width {
            let row = unsafe Int(winnerRow[column])
            if unsafe mask[row &* maskStride &+ column] > 0 {
                unsafe dInput[row &* dInputStride &+ column] += from[column]
            }
        }
    }
}
