import CBFloat16

/// Rows that are summed in registers before they are added to C.
private let blockRows = 64
/// Columns of A and of B in a tile.
private let tileRows = 8
private let tileColumns = 32
/// Pairs of rows between two fetches of what comes next.
private let groupPairs = 8

/// Elements of scratch that `addTransposedPairProduct` needs.
@inline(never)
public func transposedPairScratch(_ aColumns: Int, _ bColumns: Int) -> Int {
    blockRows / 2 * (wholeTiles(aColumns, 16) + wholeTiles(bColumns, tileColumns))
}

private func wholeTiles(_ count: Int, _ tile: Int) -> Int { (count + tile - 1) / tile * tile }

/// C += Aᵀ·B on operands rounded to bfloat16, with sums in float32. Each element's sum over a block of 64 rows is one
/// chain in order of the rows.
///
/// - Parameters:
///   - a: rows × K.
///   - b: rows × N.
///   - c: K × N.
///   - scratch: `transposedPairScratch` elements.
@inline(never)
public func addTransposedPairProduct(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ aColumns: Int, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ bColumns: Int, _ rows: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
    _ scratch: UnsafeMutablePointer<Int32>
) {
    let aPairs = unsafe scratch
    let bPairs = unsafe scratch + blockRows / 2 * wholeTiles(aColumns, 16)
    let tiles = wholeTiles(aColumns, tileRows) / tileRows * (wholeTiles(bColumns, tileColumns) / tileColumns)
    var ahead = unsafe RowsAhead(
        a: a, aStride: aStride, aColumns: aColumns, b: b, bStride: bStride, bColumns: bColumns, rows: rows,
        block: blockRows, calls: tiles * (blockRows / 2 / groupPairs))
    var row = 0
    while row < rows {
        let count = min(blockRows, rows - row)
        let pairs = (count + 1) / 2
        unsafe pairColumns(a + row * aStride, aStride, count, aColumns, aPairs, wholeTiles(aColumns, 16))
        unsafe pairColumns(b + row * bStride, bStride, count, bColumns, bPairs, wholeTiles(bColumns, tileColumns))
        ahead.aim(row + count)
        var first = 0
        while first < bColumns {
            var column = 0
            while column < aColumns {
                let tile = unsafe aPairs + (column / 16 * 16 * pairs + column % 16)
                unsafe addEightRows(
                    tile, bPairs + first * pairs, pairs, c + (column * cStride + first), cStride,
                    min(tileRows, aColumns - column), min(tileColumns, bColumns - first), &ahead)
                column += tileRows
            }
            first += tileColumns
        }
        row += count
    }
}

/// Rows by twos, in strips of 16 columns, each on its own so that the tiles read memory in order: pairs of one number
/// of each row, zeros past the last column up to `width`.
private func pairColumns(
    _ x: UnsafePointer<Float>, _ stride: Int, _ rows: Int, _ columns: Int, _ strips: UnsafeMutablePointer<Int32>,
    _ width: Int
) {
    let pairs = (rows + 1) / 2
    for pair in 0..<pairs {
        let first = unsafe x + 2 * pair * stride
        let second = unsafe 2 * pair + 1 < rows ? first + stride : nil
        let to = unsafe strips + pair * 16
        var column = 0
        if let second = unsafe second {
            while column + 16 <= columns {
                unsafe store(bfloat16_from_rows(load(first + column), load(second + column)), to + column * pairs)
                column += 16
            }
        }
        while column < width {
            let low = unsafe loadPart(first + column, columns - column)
            let high = unsafe second.map { unsafe loadPart($0 + column, columns - column) } ?? Lanes()
            unsafe store(bfloat16_from_rows(low, high), to + column * pairs)
            column += 16
        }
    }
}

/// The sums of eight rows of C.
private struct EightRows {
    var c0 = TwoVectors()
    var c1 = TwoVectors()
    var c2 = TwoVectors()
    var c3 = TwoVectors()
    var c4 = TwoVectors()
    var c5 = TwoVectors()
    var c6 = TwoVectors()
    var c7 = TwoVectors()
}

extension TwoVectors {
    @_transparent
    fileprivate mutating func add(_ pair: Int32, dot b0: IntLanes, _ b1: IntLanes) {
        let a = IntLanes(repeating: pair)
        v0 = bfloat16_dot(v0, a, b0)
        v1 = bfloat16_dot(v1, a, b1)
    }
}

@inline(never)
private func addEightRows(
    _ a: UnsafePointer<Int32>, _ b: UnsafePointer<Int32>, _ pairs: Int, _ c: UnsafeMutablePointer<Float>,
    _ cStride: Int, _ rows: Int, _ columns: Int, _ ahead: inout RowsAhead
) {
    var sums = EightRows()
    var (aRow, bRow) = unsafe (a, b)
    let next = 16 * pairs
    var pair = 0
    while pair < pairs {
        ahead.fetch()
        let end = min(pair &+ groupPairs, pairs)
        repeat {
            let (b0, b1) = unsafe (load(bRow), load(bRow + next))
            unsafe sums.c0.add(aRow[0], dot: b0, b1)
            unsafe sums.c1.add(aRow[1], dot: b0, b1)
            unsafe sums.c2.add(aRow[2], dot: b0, b1)
            unsafe sums.c3.add(aRow[3], dot: b0, b1)
            unsafe sums.c4.add(aRow[4], dot: b0, b1)
            unsafe sums.c5.add(aRow[5], dot: b0, b1)
            unsafe sums.c6.add(aRow[6], dot: b0, b1)
            unsafe sums.c7.add(aRow[7], dot: b0, b1)
            unsafe aRow += 16
            unsafe bRow += 16
            pair &+= 1
        } while pair < end
    }
    unsafe addSums(sums.c0, c, 0, cStride, rows, columns)
    unsafe addSums(sums.c1, c, 1, cStride, rows, columns)
    unsafe addSums(sums.c2, c, 2, cStride, rows, columns)
    unsafe addSums(sums.c3, c, 3, cStride, rows, columns)
    unsafe addSums(sums.c4, c, 4, cStride, rows, columns)
    unsafe addSums(sums.c5, c, 5, cStride, rows, columns)
    unsafe addSums(sums.c6, c, 6, cStride, rows, columns)
    unsafe addSums(sums.c7, c, 7, cStride, rows, columns)
}

@_transparent
private func addSums(
    _ sums: TwoVectors, _ c: UnsafeMutablePointer<Float>, _ row: Int, _ stride: Int, _ rows: Int, _ columns: Int
) {
    if row >= rows { return }
    let to = unsafe c + row * stride
    if columns < TwoVectors.width { return unsafe addRagged(sums, to, columns) }
    var sums = sums
    unsafe sums.add(TwoVectors(to))
    unsafe sums.write(to)
}

@inline(never)
private func addRagged(_ sums: TwoVectors, _ c: UnsafeMutablePointer<Float>, _ columns: Int) {
    unsafe withUnsafeBytes(of: sums) { sums in
        for column in 0..<columns {
            unsafe c[column] += sums.loadUnaligned(fromByteOffset: 4 * column, as: Float.self)
        }
    }
}
