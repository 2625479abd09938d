// C += Aᵀ·B by register tiles of 8 or 4 columns of A × two vectors of B's columns, over blocks of rows.
// Each element's sum over a block is one chain in order of the rows, whatever tile it falls in.
// `repeat` in the tiles: a loop that may run not at all makes the compiler move every sum twice a row.

/// Rows that are summed in registers before they are added to C: a strip of B over so many stays in the first-level
/// cache, and short chains keep rounding errors small.
private let blockRows = 64

/// Elements of scratch that `addTransposedProduct` needs.
@inline(never)
public func transposedProductScratch(_ aStride: Int, _ aColumns: Int, _ bColumns: Int) -> Int {
    let copied = fallsIntoOneSet(aStride, aColumns, bColumns) ? copyStride(aColumns) : 0
    return blockRows * (TwoVectors.width + copied)
}

/// Whether the rows of A are whole pages apart, such that a strip of it falls into one set of the first-level cache, and
/// a copy is used often enough to pay.
private func fallsIntoOneSet(_ aStride: Int, _ aColumns: Int, _ bColumns: Int) -> Bool {
    aStride % 1024 == 0 && aColumns >= 64 && bColumns >= 128
}

/// From one row of a copy of A to the next: one cache line more than it needs, so that rows fall into different sets.
private func copyStride(_ aColumns: Int) -> Int { aColumns + 16 }

/// C += Aᵀ·B.
///
/// - Parameters:
///   - a: rows × K.
///   - b: rows × N.
///   - c: K × N.
///   - scratch: `transposedProductScratch` elements.
@inline(never)
public func addTransposedProduct(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ aColumns: Int, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ bColumns: Int, _ rows: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
    _ scratch: UnsafeMutablePointer<Float>
) {
    let width = TwoVectors.width
    // A strip of a wide B lies in few sets of the cache: it does better as a copy, if it is used often.
    let isCopiedB = bStride >= 256 && aColumns >= 64
    let isCopiedA = fallsIntoOneSet(aStride, aColumns, bColumns)
    let aCopy = unsafe scratch + blockRows * width
    var ahead = unsafe RowsAhead(
        a: a, aStride: aStride, aColumns: aColumns, b: b, bStride: bStride, bColumns: bColumns, rows: rows,
        block: blockRows, calls: aColumns / 8 * (bColumns / TwoVectors.width) * (blockRows / 8))
    var row = 0
    while row < rows {
        let count = min(blockRows, rows - row)
        ahead.aim(row + count)
        var aBlock = unsafe a + row * aStride
        var blockStride = aStride
        if isCopiedA {
            blockStride = copyStride(aColumns)
            unsafe copyBlock(aBlock, aStride, count, aColumns, aCopy, blockStride)
            unsafe aBlock = UnsafePointer(aCopy)
        }
        var first = 0
        while first < bColumns {
            if bColumns - first <= 4 {
                unsafe addOneColumn(
                    aBlock, blockStride, aColumns, b + (row * bStride + first), bStride, count, c + first, cStride)
                first += 1
                continue
            }
            var strip = unsafe b + (row * bStride + first)
            var stripStride = bStride
            if isCopiedB || first + width > bColumns {
                unsafe copyStrip(strip, bStride, count, bColumns - first, scratch)
                unsafe strip = UnsafePointer(scratch)
                stripStride = width
            }
            unsafe addStrip(
                aBlock, blockStride, aColumns, strip, stripStride, min(width, bColumns - first), count, c + first,
                cStride, &ahead)
            first += width
        }
        row += count
    }
}

/// A block of A on its own.
private func copyBlock(
    _ a: UnsafePointer<Float>, _ stride: Int, _ rows: Int, _ columns: Int, _ copy: UnsafeMutablePointer<Float>,
    _ copyStride: Int
) {
    for row in 0..<rows { unsafe (copy + row * copyStride).update(from: a + row * stride, count: columns) }
}

/// A strip of B on its own, filled up with zeros to the width of a tile.
private func copyStrip(
    _ b: UnsafePointer<Float>, _ stride: Int, _ rows: Int, _ columns: Int, _ strip: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        if columns >= TwoVectors.width {
            unsafe TwoVectors(b + row * stride).write(strip + row * TwoVectors.width)
            continue
        }
        for column in 0..<TwoVectors.width {
            unsafe strip[row * TwoVectors.width + column] = unsafe column < columns ? b[row * stride + column] : 0
        }
    }
}

private func addStrip(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ aColumns: Int, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ columns: Int, _ rows: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ ahead: inout RowsAhead
) {
    var column = 0
    while registerCount == 32 && column + 8 <= aColumns {
        unsafe addEightRows(a + column, aStride, b, bStride, rows, c + column * cStride, cStride, columns, &ahead)
        column += 8
    }
    while column + 4 <= aColumns {
        unsafe addFourRows(a + column, aStride, b, bStride, rows, c + column * cStride, cStride, columns, &ahead)
        column += 4
    }
    while column < aColumns {
        unsafe addOneRow(a + column, aStride, b, bStride, rows, c + column * cStride, columns)
        column += 1
    }
}

/// The sums of four rows of C.
private struct FourRows {
    var c0 = TwoVectors()
    var c1 = TwoVectors()
    var c2 = TwoVectors()
    var c3 = TwoVectors()

    @_transparent
    mutating func add(_ a: UnsafePointer<Float>, times b: TwoVectors) {
        unsafe c0.add(a[0], times: b)
        unsafe c1.add(a[1], times: b)
        unsafe c2.add(a[2], times: b)
        unsafe c3.add(a[3], times: b)
    }

    @_transparent
    func addTo(_ c: UnsafeMutablePointer<Float>, _ stride: Int, _ columns: Int) {
        unsafe addSums(c0, c, columns)
        unsafe addSums(c1, c + stride, columns)
        unsafe addSums(c2, c + 2 * stride, columns)
        unsafe addSums(c3, c + 3 * stride, columns)
    }
}

@inline(never)
private func addEightRows(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int, _ rows: Int,
    _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ columns: Int, _ ahead: inout RowsAhead
) {
    var (low, high) = (FourRows(), FourRows())
    var (aRow, bRow) = unsafe (a, b)
    var row = 0
    while row < rows {
        ahead.fetch()
        let end = min(row &+ 8, rows)
        repeat {
            let values = unsafe TwoVectors(bRow)
            unsafe low.add(aRow, times: values)
            unsafe high.add(aRow + 4, times: values)
            unsafe aRow += aStride
            unsafe bRow += bStride
            row &+= 1
        } while row < end
    }
    unsafe low.addTo(c, cStride, columns)
    unsafe high.addTo(c + 4 * cStride, cStride, columns)
}

@inline(never)
private func addFourRows(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int, _ rows: Int,
    _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ columns: Int, _ ahead: inout RowsAhead
) {
    var sums = FourRows()
    var (aRow, bRow) = unsafe (a, b)
    var row = 0
    while row < rows {
        ahead.fetch()
        let end = min(row &+ 8, rows)
        repeat {
            unsafe sums.add(aRow, times: TwoVectors(bRow))
            unsafe aRow += aStride
            unsafe bRow += bStride
            row &+= 1
        } while row < end
    }
    unsafe sums.addTo(c, cStride, columns)
}

@inline(never)
private func addOneRow(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int, _ rows: Int,
    _ c: UnsafeMutablePointer<Float>, _ columns: Int
) {
    var sums = TwoVectors()
    var (aRow, bRow) = unsafe (a, b)
    for _ in 0..<rows {
        unsafe sums.add(aRow[0], times: TwoVectors(bRow))
        unsafe aRow += aStride
        unsafe bRow += bStride
    }
    unsafe addSums(sums, c, columns)
}

/// One column of C, for the few that are left over beside whole tiles: vectors of A's columns, down the rows.
@inline(never)
private func addOneColumn(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ aColumns: Int, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ rows: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int
) {
    var column = 0
    while column + TwoVectors.width <= aColumns {
        var sums = TwoVectors()
        for row in 0..<rows {
            unsafe sums.add(b[row * bStride], times: TwoVectors(a + (row * aStride + column)))
        }
        unsafe withUnsafeBytes(of: sums) { sums in
            for i in 0..<TwoVectors.width {
                unsafe c[(column + i) * cStride] += sums.loadUnaligned(fromByteOffset: 4 * i, as: Float.self)
            }
        }
        column += TwoVectors.width
    }
    while column < aColumns {
        var sum: Float = 0
        for row in 0..<rows {
            unsafe sum = multiplyAdd(a[row * aStride + column], b[row * bStride], sum)
        }
        unsafe c[column * cStride] += sum
        column += 1
    }
}

@_transparent
private func addSums(_ sums: TwoVectors, _ c: UnsafeMutablePointer<Float>, _ columns: Int) {
    if columns < TwoVectors.width { return unsafe addRagged(sums, c, columns) }
    var sums = sums
    unsafe sums.add(TwoVectors(c))
    unsafe sums.write(c)
}

@inline(never)
private func addRagged(_ sums: TwoVectors, _ c: UnsafeMutablePointer<Float>, _ columns: Int) {
    unsafe withUnsafeBytes(of: sums) { sums in
        for column in 0..<columns {
            unsafe c[column] += sums.loadUnaligned(fromByteOffset: 4 * column, as: Float.self)
        }
    }
}

/// sums[column] += Σ over the rows of a, in blocks of 256.
@inline(never)
public func addColumnSums(
    _ a: UnsafePointer<Float>, _ stride: Int, _ columns: Int, _ rows: Int, _ sums: UnsafeMutablePointer<Float>
) {
    var row = 0
    while row < rows {
        let count = min(256, rows - row)
        let block = unsafe a + row * stride
        var column = 0
        while column + TwoVectors.width <= columns {
            var total = TwoVectors()
            var at = unsafe block + column
            for _ in 0..<count {
                unsafe total.add(TwoVectors(at))
                unsafe at += stride
            }
            unsafe addSums(total, sums + column, TwoVectors.width)
            column += TwoVectors.width
        }
        while column < columns {
            var total: Float = 0
            for i in 0..<count {
                unsafe total += block[i * stride + column]
            }
            unsafe sums[column] += total
            column += 1
        }
        row += count
    }
}
